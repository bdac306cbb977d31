"""Start a program so that it can be stopped for certain, and find what an earlier run left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_EXEC_CHILD = Path(__file__).with_name("exec_child.py")
_WARDEN = Path(__file__).with_name("warden.py")


@dataclass(frozen=True, slots=True)
class Account:
    """The account a program runs as when we are root and it refuses root.

    `reach`: it keeps root's right to pass through folders that are closed to it.
    """

    name: str
    uid: int
    gid: int
    reach: bool = False


def command(
    argv: Sequence[str | Path],
    *,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> list[str]:
    """The command line that runs `argv` bound to the life of the calling process."""
    options = {
        "parent": os.getpid(),
        "death_signal": int(death_signal),
        "uid": account.uid if account else None,
        "gid": account.gid if account else None,
        "reach": bool(account and account.reach),
    }
    script = [sys.executable, "-I", "-S", str(_EXEC_CHILD), json.dumps(options)]
    return [*script, *map(str, argv)]


class Warden:
    """The process that ends ours when this one is killed without a chance to.

    PR_SET_PDEATHSIG alone reaches the programs but not their children, and only on Linux.
    """

    def __init__(self, grace: float) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WARDEN), str(grace)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )

    def tell(self, line: str) -> None:
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(f"{line}\n".encode())
            self._popen.stdin.flush()
        except (BrokenPipeError, ValueError):
            return  # killed, or dismissed: the programs are still bound by their death signal

    def dismiss(self) -> None:
        """Our own end is orderly: what is still listed is ended now."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        self._popen.wait()


_wardens: list[Warden] = []


@contextmanager
def watched(grace: float = 10.0) -> Iterator[None]:
    """Every program started in this block ends with this process, whatever ends it."""
    warden = Warden(grace)
    _wardens.append(warden)
    try:
        yield
    finally:
        _wardens.remove(warden)
        warden.dismiss()


def _tell_wardens(line: str) -> None:
    for warden in _wardens:
        warden.tell(line)


class Process:
    """One running program, in a process group of its own."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        answer: Path | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.stop_signal = stop_signal
        with open(log, "ab") as output, open(answer or log, "ab") as standard_output:
            self._popen = subprocess.Popen(
                command(argv, account=account, death_signal=stop_signal),
                stdin=subprocess.DEVNULL,
                stdout=standard_output,
                stderr=output,
                env=dict(environment),
                cwd=folder,
            )
        _tell_wardens(f"+{self.pid} {int(stop_signal)}")

    @property
    def pid(self) -> int:
        return self._popen.pid

    def code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._popen.poll()

    def signal(self) -> None:
        """Ask it to stop; it may take its time."""
        if self.code() is None:
            self._popen.send_signal(self.stop_signal)

    def stop(self, grace: float) -> bool:
        """Stop it and all it started; true if it went by itself within `grace` seconds."""
        self.signal()
        clean = self.wait(grace)
        self.end()
        return clean

    def wait(self, seconds: float) -> bool:
        """Has it ended within so many seconds?"""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """Leave nothing of it or of what it started."""
        kill_group(self.pid)
        self._popen.wait(10)
        _tell_wardens(f"-{self.pid}")


def kill_group(group: int) -> None:
    """End whatever is left of a process group; nothing left is what we want."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # macOS says "not permitted" of a group of zombies


def list_commands() -> dict[int, str]:
    """Every process's command line or title, by process id, as far as we may see them."""
    if Path("/proc/self/cmdline").exists():
        found: dict[int, str] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    raw = (entry / "cmdline").read_bytes()
                except OSError:
                    continue  # it ended while we looked
                if raw:
                    found[int(entry.name)] = raw.replace(b"\0", b" ").decode(errors="replace")
        return found
    lines = subprocess.run(
        ["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    pairs = (line.split(None, 1) for line in lines)
    return {int(pair[0]): pair[1] for pair in pairs if len(pair) == 2}


def end_leftovers(pids: Sequence[int], stop_signal: signal.Signals, grace: float) -> None:
    """End processes of an earlier run that was killed: asked first, then made to."""
    for attempt in (stop_signal, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, attempt)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            if not any(_runs(pid) for pid in pids):
                return
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return True
