"""Become another program, in a state in which it cannot outlive or outrank its starter.

Run as a script, never imported: `python -I -S exec_child.py OPTIONS PROGRAM ARGUMENT...`.
OPTIONS is JSON: parent (process id), death_signal (what the program gets when its starter
dies), uid and gid (the account to become, or null), reach (bool: keep the right to pass
folders that the account alone could not).

Why a program of its own and not `preexec_fn`: that runs between fork and exec, where other
threads of the starter may hold locks.
"""

import ctypes
import json
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 4  # without it access(2), which initdb asks, forgets the right
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _keep_reach(libc: ctypes.CDLL) -> None:
    """Keep, of all of root's rights, only the one to pass closed folders.

    PostgreSQL refuses to run as root, but a clone under /root (mode 700) holds its binaries
    and its data. The other way would be to open those folders to every account.
    """
    header = _Header(CAPABILITY_VERSION_3, 0)
    data = (_Data * 2)()
    libc.capget(ctypes.byref(header), ctypes.byref(data))
    held = data[0].permitted
    wanted = next((c for c in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if held & (1 << c)), None)
    if wanted is None:
        return
    data[1] = _Data(0, 0, 0)
    data[0] = _Data(1 << wanted, 1 << wanted, 1 << wanted)
    if libc.capset(ctypes.byref(header), ctypes.byref(data)) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, wanted, 0, 0)


def main() -> None:
    options = json.loads(sys.argv[1])
    program = sys.argv[2:]
    os.setsid()  # a group of its own: a Ctrl-C in the terminal reaches the supervisor alone
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
    if options["uid"] is not None:
        if libc and options["reach"]:
            libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
            libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
        os.setgroups([])
        os.setresgid(*[options["gid"]] * 3)
        os.setresuid(*[options["uid"]] * 3)
        if libc and options["reach"]:
            _keep_reach(libc)
    if libc:  # after the change of account, which would clear it
        libc.prctl(PR_SET_PDEATHSIG, options["death_signal"], 0, 0, 0)
    if os.getppid() != options["parent"]:
        sys.exit("the starter is gone")
    os.execvp(program[0], program)  # noqa: S606 (no shell is what we want)


main()
