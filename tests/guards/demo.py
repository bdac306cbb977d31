"""Break the house on purpose, one fault at a time, and print which test saw it.

`make guards-demo` (ARGS="policy" plants only the faults with that word in their name). Works in
a copy; uses DATABASE_URL and DATABASE_OWNER_URL when both are set, else a private PostgreSQL.
The exit code is 1 when a fault went unseen, or leaked although a wall was left.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.launch.engines import Engines, wanted_version
from config.launch.places import Home
from config.launch.postgres import FOR_TESTS
from tests.guards.mutants import MUTANTS, Mutant
from tests.guards.source import ROOT, tracked

_ENOUGH = 4  # tests that saw a fault; then the next fault is planted


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """The addresses for the tests: those of the environment, or private ones."""
    if os.environ.get("DATABASE_URL") and os.environ.get("DATABASE_OWNER_URL"):
        yield dict(os.environ)
        return
    with (
        Home(folder) as home,
        Engines(
            home, version=wanted_version(), tuning=FOR_TESTS, may_create_databases=True, given={}
        ) as engines,
    ):
        yield {**os.environ, **engines.environment()}


def copy_to(folder: Path) -> None:
    for file in tracked():
        place = folder / file.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)


def run(
    folder: Path, tests: tuple[str, ...], environment: dict[str, str], *options: str
) -> tuple[bool, list[str]]:
    """(did all pass, the names of those that did not)."""
    clean = {k: v for k, v in environment.items() if k != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:randomly"]
    done = subprocess.run(
        [*command, *options, *tests],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = re.findall(r"^(?:FAILED|ERROR) (\S+?\[.*?\]|\S+)", done.stdout, re.MULTILINE)
    names = [name.removeprefix("tests/") for name in said]
    if done.returncode not in (0, 1) and not names:
        names = [f"the run itself ({(done.stdout + done.stderr).strip().splitlines()[-1]})"]
    return done.returncode == 0, names


def plant(folder: Path, mutant: Mutant) -> None:
    file = folder / mutant.file
    source = file.read_text()
    assert mutant.old in source, f"{mutant.file} has changed: see test_mutants.py"
    file.write_text(source.replace(mutant.old, mutant.new, 1))


def show(mutant: Mutant, folder: Path, environment: dict[str, str], before: list[str]) -> bool:
    """Plant, run, print, take away; was it seen, and did nothing leak?

    `before` are tests that fail without any fault, which say nothing here.
    """
    began = time.monotonic()
    plant(folder, mutant)
    try:
        passed, names = run(folder, mutant.tests, environment, f"--maxfail={_ENOUGH}")
        seen = not passed
        print(f"\n{mutant.name}\n  {mutant.file}")
        if seen:
            print("  caught by")
            for name in names[:_ENOUGH]:
                print(f"    {name}")
        else:
            print("  NOT CAUGHT")
        held = True
        if mutant.survivors:
            _, failing = run(folder, mutant.survivors, environment)
            leaks = [name for name in failing if name not in before]
            held = not leaks
            kept = ", ".join(t.removeprefix("tests/guards/") for t in mutant.survivors)
            print(
                f"  the walls that are left hold, nothing leaks: {kept}"
                if held
                else f"  LEAKED: {', '.join(leaks)}"
            )
        print(f"  {time.monotonic() - began:.0f} s", flush=True)
        return seen and held
    finally:
        shutil.copy2(ROOT / mutant.file, folder / mutant.file)


def main(words: list[str]) -> int:
    chosen = [m for m in MUTANTS if not words or any(w in m.name for w in words)]
    with tempfile.TemporaryDirectory(prefix="leverpoint-guards-") as name:
        house, home = Path(name) / "house", Path(name) / "home"
        house.mkdir()
        copy_to(house)
        with databases(home) as environment:
            watched = tuple(dict.fromkeys(t for m in chosen for t in m.survivors))
            before = run(house, watched, environment)[1] if watched else []
            if before:
                print(f"Failing without any fault: {', '.join(before)}")
            results = [show(m, house, environment, before) for m in chosen]
    print(f"\n{sum(results)} of {len(results)} faults caught, without a leak.")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
