"""`make test`: the tests on a PostgreSQL and a Redis of their own, which vanish afterwards."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from config.launch.engines import Engines, wanted_version
from config.launch.places import REPOSITORY, Home
from config.launch.postgres import FOR_TESTS, VERSIONS, Postgres
from config.launch.refusal import Refusal

_RUNS = REPOSITORY / "var" / "tests"


def run_tests(arguments: list[str]) -> int:
    """Run pytest with these arguments; its exit code is ours.

    DATABASE_URL of a real database is not used: tests create and drop databases. The version
    of the private one is PG's.
    """
    _sweep()
    arguments = arguments or ["-n", "2", "--dist", "worksteal"]
    folder = _RUNS / str(os.getpid())
    given: dict[str, str] = {}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            Home(folder) as home,
            Engines(
                home,
                version=wanted_version(),
                tuning=FOR_TESTS,
                may_create_databases=True,
                given=given,
            ) as engines,
        ):
            environment = {**os.environ, **engines.environment()}
            # Importing config named the settings; tests/conftest.py prepares for them first.
            environment.pop("DJANGO_SETTINGS_MODULE", None)
            return _pytest(arguments, environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pytest(arguments: list[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # pytest has heard the same Ctrl-C and is finishing; a SIGTERM came to us alone.
            process.send_signal(signal.SIGINT)


def _sweep() -> None:
    """Clear what killed runs have left: their servers, then their folders."""
    folders = list(_RUNS.iterdir()) if _RUNS.exists() else []
    for folder in folders:
        try:
            with Home(folder) as home:
                for version in VERSIONS:
                    Postgres(home, version=version).end_leftovers()
                _remove(folder)
        except Refusal:
            continue  # a run that is still going, or a folder that is not ours to remove


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
