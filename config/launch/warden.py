"""Outlive the supervisor by a moment, to end what it started if it cannot do so itself.

Run as a script: `python -I -S warden.py GRACE`. Standard input carries "+ID SIGNAL" for a
process group that begins and "-ID" for one that has ended. When it closes, the supervisor is
gone; what is still listed is asked to stop, and after GRACE seconds made to.
"""

import os
import signal
import sys
import time


def _send(group: int, what: int) -> bool:
    try:
        os.killpg(group, what)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    os.setsid()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        words = line.split()
        if words and words[0].startswith("+"):
            groups[int(words[0][1:])] = int(words[1])
        elif words:
            groups.pop(int(words[0][1:]), None)
    for group, stop in groups.items():
        _send(group, stop)
    deadline = time.monotonic() + float(sys.argv[1])
    while groups and time.monotonic() < deadline:
        groups = {group: stop for group, stop in groups.items() if _send(group, 0)}
        time.sleep(0.05)
    for group in groups:
        _send(group, signal.SIGKILL)


main()
