"""The files that source guards read: what git tracks or would track, never what is ignored."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project, as git sees it; all files where there is no git."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if found.returncode == 0:
        names = found.stdout.decode().split("\0")
        return tuple(ROOT / n for n in names if n and (ROOT / n).is_file())
    skipped = {".git", ".venv", "var", "node_modules", "__pycache__", "staticfiles"}
    return tuple(f for f in sorted(ROOT.rglob("*")) if f.is_file() and not skipped & set(f.parts))


def python_files(*rooms: str) -> list[Path]:
    """The Python files of these rooms, e.g. "accounts" or "pipeline/services"."""
    return [f for f in tracked() if f.suffix == ".py" and any(_inside(f, room) for room in rooms)]


def templates() -> list[Path]:
    return [f for f in tracked() if f.suffix == ".html" and _inside(f, "templates")]


def _inside(file: Path, room: str) -> bool:
    return file.relative_to(ROOT).as_posix().startswith(f"{room}/")
