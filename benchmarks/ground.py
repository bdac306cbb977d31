"""A PostgreSQL of the benchmark's own, and how the parts run on it as processes of their own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from config.launch.engines import Engines, wanted_version
from config.launch.places import REPOSITORY, Home
from config.launch.postgres import APP, DATABASE, Postgres

FOLDER = REPOSITORY / "var" / "bench"
PART = 90 * 60  # seconds: more than the longest part takes on a busy machine


@dataclass(frozen=True, slots=True)
class Ground:
    """The engines' addresses, and a folder for files that vanishes with them."""

    environment: Mapping[str, str]
    files: Path
    postgres: Postgres

    def part(self, module: str, *arguments: object) -> list[dict[str, Any]]:
        """Run `python -m benchmarks.<module>`; its JSON lines. Peak memory is its own.

        A part that hangs ends after an hour and a half, with TimeoutExpired.
        """
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)],
            env={**os.environ, **self.environment},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=PART,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextmanager
    def without_foreign_key_checks(self) -> Iterator[None]:
        """While making the ground alone: the checks row by row take most of a load's time.

        The part that measures loading runs without this.
        """
        self._replication_role("SET session_replication_role = replica")
        try:
            yield
        finally:
            self._replication_role("RESET session_replication_role")

    def settle(self) -> None:
        """Do what is left over from earlier parts, so that no part pays for another.

        Autovacuum, which is off here, does the first within minutes of a load; without the
        statistics that it gathers the next part would run on plans for empty tables.
        """
        with psycopg.connect(self.postgres.url("postgres", DATABASE), autocommit=True) as server:
            server.execute("VACUUM (ANALYZE)")
            server.execute("CHECKPOINT")

    def _replication_role(self, change: str) -> None:
        with psycopg.connect(self.postgres.url("postgres", DATABASE), autocommit=True) as server:
            server.execute(f"ALTER ROLE {APP} {change}")  # type: ignore[arg-type]

    def manage(self, *arguments: str) -> None:
        """Run a command of manage.py."""
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env={**os.environ, **self.environment},
            cwd=REPOSITORY,
            stdout=subprocess.DEVNULL,
            check=True,
        )


@contextmanager
def ground(*, keep: bool, folder: Path = FOLDER, with_redis: bool = False) -> Iterator[Ground]:
    """Start a private PostgreSQL as the product ships it, migrated; stopped and removed after.

    With `with_redis` a Redis too, for parts that keep pages in it; without, none is dialled.
    With `keep` its folder stays for the next run. DATABASE_URL is not used: this writes a lot.
    """
    with Home(folder) as home:
        try:
            tuning = {"autovacuum": "off"}  # the parts do its work, at a time of their choosing
            with Engines(
                home, version=wanted_version(), tuning=tuning, with_redis=with_redis, given={}
            ) as engines:
                environment = {
                    "REDIS_URL": "redis://127.0.0.1:1/0",  # never dialled
                    **engines.environment(),
                    "DJANGO_SETTINGS_MODULE": "config.settings",
                    "LOG_LEVEL": "ERROR",
                    "DATABASE_POOL": "0",
                }
                files = home.make_folder("files")
                assert engines.postgres is not None
                found = Ground(environment, files, engines.postgres)
                found.manage("migrate", "--verbosity", "0")
                yield found
        finally:
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)
