"""Where state lives: the folder, its secrets, and the lock that makes it one run's own."""

import fcntl
import hashlib
import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from random import SystemRandom
from types import TracebackType

from config.launch.refusal import Refusal

REPOSITORY = Path(__file__).resolve().parents[2]


def state_folder() -> Path:
    """Which folder keeps the data: LEVERPOINT_HOME, else the user's state folder."""
    override = os.environ.get("LEVERPOINT_HOME", "").strip()
    if override:
        return Path(override).expanduser().absolute()
    base = os.environ.get("XDG_STATE_HOME", "").strip()
    # The XDG specification: a relative path is to be ignored.
    folder = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return folder / "leverpoint"


class Busy(Refusal):
    """Another run holds the state folder."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Passwords of the private engines and Django's key; made once, never printed."""

    superuser: str
    owner: str
    app: str
    redis: str
    secret_key: str


class Home:
    """A state folder that this process holds alone.

    Raises Refusal when the folder cannot be written, Busy when another run holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def mark(self) -> str:
        """A short name of the folder, by which its processes are known among all others."""
        digest = hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:12]
        return f"leverpoint-{digest}"

    def __enter__(self) -> "Home":
        self.make_folder()
        try:
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            self._lock = None
            raise Busy(
                f"Another run (process {holder}) is using {self.path}. Stop it with Ctrl-C, or "
                "start this one on a folder of its own: LEVERPOINT_HOME=/another/folder make run"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def make_folder(self, *parts: str) -> Path:
        """Make the folder (or one below it), for its owner only."""
        folder = self.path.joinpath(*parts)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = folder / f".write-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise self._unwritable(error) from error
        return folder

    def _unwritable(self, error: OSError) -> Refusal:
        reason = (error.strerror or str(error)).lower()
        return Refusal(
            f"The state folder {self.path} cannot be written ({reason}). Make it writable, or "
            "choose another: LEVERPOINT_HOME=/a/writable/folder make run"
        )

    def secrets(self) -> Secrets:
        """Read the secrets, making those that are missing (mode 600, written whole)."""
        file = self.path / "secrets.json"
        try:
            kept = json.loads(file.read_text()) if file.exists() else {}
        except ValueError as error:
            raise Refusal(
                f"{file} cannot be read ({error}). It holds the passwords of the database beside "
                "it: restore it from a backup, or move the whole folder away to begin anew."
            ) from error
        names = [field.name for field in fields(Secrets)]
        found = Secrets(**{name: kept.get(name) or secrets.token_urlsafe(36) for name in names})
        if asdict(found) != kept:
            fresh = file.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                json.dump(asdict(found), stream, indent=1)
            fresh.replace(file)
        return found


def port_is_free(host: str, port: int) -> bool:
    """Could a server listen on this address now?"""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: an address that only waits for old connections to fade is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose_port(remembered: Path) -> int:
    """A free port on 127.0.0.1, the same as last time where that is still free.

    TCP on the loopback, not a Unix socket: socket paths end at about 107 bytes and state
    folders do not. Below 32768, where the kernel takes ports for outgoing connections.
    """
    try:
        kept = int(remembered.read_text())
    except (OSError, ValueError):
        kept = 0
    dice = SystemRandom()
    candidates = [kept, *(dice.randrange(15_000, 32_000) for _ in range(50))]
    for port in candidates:
        if port and port_is_free("127.0.0.1", port):
            remembered.write_text(f"{port}\n")
            return port
    raise Refusal("No free port was found on 127.0.0.1 between 15000 and 32000.")
