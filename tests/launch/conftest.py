"""Fresh state folders, and a look at which processes are alive."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.launch.places import Home


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The launcher reads the environment: none of the machine's, none of the test run's."""
    for name in (
        "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "LEVERPOINT_HOME", "HOST", "PORT", "PG",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home(tmp_path / "state") as held:
        yield held


def is_alive(pid: int) -> bool:
    """Does this process run (a zombie does not)?"""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Did it come true within the time?"""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.03)
    return condition()
