"""Where a run writes down how its engines are reached, so that `manage.py` finds them."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config.launch.engines import Engines, wanted_version
from config.launch.places import REPOSITORY, Busy, Home, state_folder
from config.launch.processes import watched
from config.launch.refusal import Refusal

_FILE = "addresses.json"


def read_env_file() -> None:
    """Settings of this machine from .env, beneath what the environment already says."""
    file = REPOSITORY / ".env"
    for line in file.read_text().splitlines() if file.exists() else []:
        name, sign, value = line.strip().partition("=")
        if sign and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("'\""))


def write_down(home: Path, environment: Mapping[str, str]) -> None:
    """Keep the addresses for other commands of this user (mode 600: they hold passwords)."""
    fresh = home / f"{_FILE}.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(dict(environment), stream, indent=1)
    fresh.replace(home / _FILE)


def take_back(home: Path) -> None:
    (home / _FILE).unlink(missing_ok=True)


@contextmanager
def engines_for_a_command() -> Iterator[dict[str, str]]:
    """The variables one command needs: of the environment, of a run, or of engines of its own.

    Engines that are started here stop with the block. Nothing is printed: some commands
    promise JSON and nothing else on standard output.
    """
    read_env_file()
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        yield {}
        return
    folder = state_folder()
    try:
        with Home(folder) as home, watched(), Engines(home, version=wanted_version()) as engines:
            yield {"LEVERPOINT_HOME": str(folder), **engines.environment()}
    except Busy:
        try:
            kept: dict[str, str] = json.loads((folder / _FILE).read_text())
        except (OSError, ValueError) as error:
            raise Refusal(
                f"A run on {folder} is just starting or stopping. Try again in a few seconds."
            ) from error
        yield {"LEVERPOINT_HOME": str(folder), **kept}
