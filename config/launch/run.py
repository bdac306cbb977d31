"""`make run`: engines, migrations, demo company, static files, then web, worker and beat."""

import hashlib
import http.client
import importlib
import os
import socket
import time
from pathlib import Path

import psycopg

from config.launch.addresses import take_back, write_down
from config.launch.engines import Engines, wanted_version
from config.launch.places import REPOSITORY, Home, port_is_free, state_folder
from config.launch.processes import watched
from config.launch.refusal import Refusal
from config.launch.supervisor import (
    Interrupted,
    Program,
    Supervisor,
    environment_without,
    python,
    run_to_end,
    say,
    tail,
)

READY_WITHIN = 90.0
OWNER_ONLY = "DATABASE_OWNER_URL"
LOG_LIMIT = 5_000_000  # bytes; a log longer than this begins anew, the old one is kept once


def run() -> int:
    """Run the product until Ctrl-C; the exit code of an orderly stop is 0."""
    host, port = wanted_address()
    supervisor = Supervisor()
    with supervisor.signals():
        try:
            with Home(state_folder()) as home, watched():
                try:
                    Run(home, supervisor, host, port).start_and_watch()
                finally:
                    say("\n  Stopping.")
                    supervisor.stop()
                    take_back(home.path)
        except Interrupted:
            say("  Stopped. The data is kept; `make run` starts again where it was.")
    return 0


def wanted_address() -> tuple[str, int]:
    """HOST and PORT, checked before anything starts."""
    host = os.environ.get("HOST", "").strip() or "127.0.0.1"
    text = os.environ.get("PORT", "").strip() or "8000"
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise Refusal(f"PORT={text} is not a port. Use a number from 1 to 65535, such as 8000.")
    port = int(text)
    try:
        socket.getaddrinfo(host, port)
    except OSError:
        raise Refusal(
            f"HOST={host} is not an address of this machine. Use 127.0.0.1 (this machine alone) "
            "or 0.0.0.0 (the network too)."
        ) from None
    if not port_is_free(host, port):
        if port < 1024 and os.geteuid() != 0:
            raise Refusal(
                f"Ports below 1024 belong to root. Choose another than {port}: PORT=8000 make run"
            )
        if port_is_free(host, 0):
            raise Refusal(
                f"Port {port} on {host} is taken by another program. Stop that one, or choose "
                f"another port: PORT={_next_free(host, port)} make run"
            )
        raise Refusal(
            f"HOST={host} is not an address of this machine. Use 127.0.0.1 (this machine alone) "
            "or 0.0.0.0 (the network too)."
        )
    return host, port


def _next_free(host: str, port: int) -> int:
    following = (p for p in range(port + 1, min(port + 100, 65_535)) if port_is_free(host, p))
    return next(following, 8123)


class Run:
    """One run: what is started with which environment, and what is said about it."""

    def __init__(self, home: Home, supervisor: Supervisor, host: str, port: int) -> None:
        self._home = home
        self._supervisor = supervisor
        self._host = host
        self._port = port
        self._engines = Engines(home, version=wanted_version())
        self._logs = home.make_folder("logs")
        self._node = f"worker-{home.mark}"
        self._signins: list[str] = []

    def start_and_watch(self) -> None:
        """Everything, in order; ends by an exception alone."""
        say(f"Leverpoint\n  State    {self._home.path}")
        self._start_engines()
        self._write_down()
        self._supervisor.on_return = self._write_down
        self._migrate()
        self._collect_static()
        self._start_programs()
        if os.environ.get("DEMO", "1") != "0":
            self._make_demo()  # while the programs start: it is one transaction
        self._wait_until_ready()
        self._say_where()
        self._supervisor.watch()

    def _write_down(self) -> None:
        write_down(self._home.path, self._engines.environment())

    # Engines and preparation ------------------------------------------------------------------

    def _start_engines(self) -> None:
        for engine in self._engines.private:
            self._supervisor.add(engine)
        postgres, redis = self._engines.postgres, self._engines.redis
        private = f"private PostgreSQL {wanted_version()}" if postgres else "from DATABASE_URL"
        say(f"  Database {private}")
        say(f"  Queue    {'private Redis' if redis else 'from REDIS_URL'}")

    def _migrate(self) -> None:
        """Bring the schema up to date; a private database that this code has migrated is."""
        if OWNER_ONLY not in self._environment(owner=True):
            say(f"  {OWNER_ONLY} is not set, so migrations are not run (docs/operations.md).")
            return
        postgres = self._engines.postgres
        stamp = postgres.folder / "migrated" if postgres else None
        code = [REPOSITORY / name for name in ("accounts", "pipeline", "metrics", "config")]
        wanted = _fingerprint([*code, REPOSITORY / "requirements" / "app.txt"], "*.py")
        if stamp and stamp.exists() and stamp.read_text() == wanted:
            return
        self._manage("Schema", "migrate", "--no-input")
        if stamp:
            stamp.write_text(wanted)

    def _manage(self, title: str, *arguments: str, answer: Path | None = None) -> None:
        """One command of manage.py as the operator, its output in a log; its failure is ours."""
        log = self._logs / "setup.log"
        begun = time.monotonic()
        with open(log, "a") as stream:
            stream.write(f"\n== manage.py {' '.join(arguments)}\n")
        code = run_to_end(
            python("manage.py", *arguments),
            environment=self._environment(owner=True),
            folder=REPOSITORY,
            log=log,
            answer=answer,
        )
        if code:
            raise Refusal(
                f"`manage.py {' '.join(arguments)}` failed. The end of {log}:\n{tail(log, 15)}"
            )
        took = time.monotonic() - begun
        if took > 5 and answer is None:
            say(f"  {title:8} done in {took:.0f} s")

    def _collect_static(self) -> None:
        """Gather and hash static files, when any has changed since the last run."""
        stamp = self._static_root.with_suffix(".stamp")
        wanted = _fingerprint([REPOSITORY / "static", REPOSITORY / "requirements" / "app.txt"])
        if stamp.exists() and stamp.read_text() == wanted:
            return
        self._manage("Static", "collectstatic", "--no-input", "--clear")
        stamp.write_text(wanted)

    def _make_demo(self) -> None:
        """Make the demo company in an empty database, and learn who may sign in to it."""
        answer = self._logs / "signins.new"  # holds passwords: only us, and only for a moment
        answer.unlink(missing_ok=True)
        answer.touch(mode=0o600)
        try:
            self._manage("Demo", "make_demo", "--if-empty", "--print-signins", answer=answer)
            lines = answer.read_text().splitlines()
        finally:
            answer.unlink(missing_ok=True)
        for line in lines:
            if line.startswith("Made "):
                say(f"  Demo     {line}")
                self._gather_statistics()
            elif line.strip():
                self._signins.append(line)

    def _gather_statistics(self) -> None:
        """Let the planner know the rows of the demo before anybody asks for a page.

        The server gathers them by itself, but a minute later: until then a page of findings was
        planned so badly that it ran into the limit of a statement.
        """
        owner = self._environment(owner=True).get(OWNER_ONLY)
        if owner:
            with psycopg.connect(owner, autocommit=True) as connection:
                connection.execute("ANALYZE")

    @property
    def _static_root(self) -> Path:
        return self._home.path / "static"

    # Programs ---------------------------------------------------------------------------------

    def _environment(self, *, owner: bool = False) -> dict[str, str]:
        """What a program sees. The owner's address goes to operator commands alone."""
        more = {
            "LEVERPOINT_HOME": str(self._home.path),
            "STATIC_ROOT": str(self._static_root),
            "PYTHONUNBUFFERED": "1",
            **self._engines.environment(),
        }
        if not os.environ.get("ALLOWED_HOSTS"):
            names = {"127.0.0.1", "localhost", "[::1]", self._host, socket.gethostname().lower()}
            more["ALLOWED_HOSTS"] = ",".join(sorted(names - {"0.0.0.0", "::"}))  # noqa: S104
        hidden = () if owner else (OWNER_ONLY,)
        return environment_without(*hidden, **more)

    def _program(self, name: str, *arguments: str | Path, **more: str) -> Program:
        log = self._logs / f"{name.split()[0]}.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        return Program(
            name,
            python(*arguments),
            environment=lambda: {**self._environment(), **more},
            folder=REPOSITORY,
            log=log,
        )

    def _start_programs(self) -> None:
        bind = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        beat = self._home.make_folder("beat") / "schedule"
        pool = {} if os.environ.get("DATABASE_POOL") else {"DATABASE_POOL": "4"}
        # fmt: off
        self._supervisor.add(self._program(
            "web server", "-m", "gunicorn", "config.wsgi:application", "--bind", bind,
            "--worker-class", "gthread", "--workers", "2", "--threads", "4",
            "--graceful-timeout", "10", "--no-control-socket", **pool,
        ))
        self._supervisor.add(self._program(
            "worker", "-m", "celery", "-A", "config", "worker", "--concurrency", "2",
            "--prefetch-multiplier", "1", "--hostname", f"{self._node}@%h",
            "--without-gossip", "--without-mingle", "--loglevel", "INFO",
        ))
        self._supervisor.add(self._program(
            "beat", "-m", "celery", "-A", "config", "beat", "--pidfile", "",
            "--schedule", beat, "--loglevel", "WARNING",
        ))
        # fmt: on

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        waiting = {"web server": self._web_answers, "worker": self._worker_answers}
        while waiting:
            if time.monotonic() > deadline:
                names = " and ".join(waiting)
                raise Refusal(
                    f"After {READY_WITHIN:.0f} s there is no answer from: {names}. "
                    f"The logs are in {self._logs}."
                )
            self._supervisor.look(starting=True)
            waiting = {name: answers for name, answers in waiting.items() if not answers()}
            time.sleep(0.1)

    def _web_answers(self) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        link = http.client.HTTPConnection(host, self._port, timeout=2)
        try:
            link.request(
                "GET",
                "/health/live",
                headers={"Host": "127.0.0.1", "X-Forwarded-Proto": "https"},
            )
            return link.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def _worker_answers(self) -> bool:
        celery = importlib.import_module("celery")
        app = celery.Celery(broker=self._engines.environment()["REDIS_URL"], set_as_current=False)
        try:
            replies = app.control.ping(timeout=0.5)
        except Exception:  # the broker may be restarting: ask again
            return False
        finally:
            app.close()
        return any(name.startswith(f"{self._node}@") for reply in replies for name in reply)

    def _say_where(self) -> None:
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)  # noqa: S104
        say(f"\n  Open     http://{shown}:{self._port}/")
        if self._signins:
            say("\n  Sign in as")
            for line in self._signins:
                say(f"    {line}")
        say(f"\n  Logs     {self._logs}\n  Ctrl-C stops everything and keeps the data.")


def _fingerprint(paths: list[Path], pattern: str = "*") -> str:
    """Whether files have changed: their names, sizes and times."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob(pattern)) if path.is_dir() else [path]:
            status = file.stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
