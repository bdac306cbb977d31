"""The documents say what is there: rooms, decisions, links, commands, targets."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.guards.source import ROOT, tracked

MAP = ROOT / "docs" / "map.md"
DECISIONS = ROOT / "docs" / "adr"
# Folders that need no room of their own on the map.
UNMAPPED = {".ci", "requirements", "locale", "docs"}


def documents() -> list[Path]:
    return [f for f in tracked() if f.suffix == ".md"]


def missing_rooms(text: str) -> list[str]:
    """Paths in backticks that are not there; a later one of a line may stand in its first."""
    missing, count = [], 0
    for line in text.splitlines():
        found = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|toml|md|txt))`", line)
        count += len(found)
        places = [ROOT, *(ROOT / name for name in found[:1])]
        missing += [name for name in found if not any((p / name).exists() for p in places)]
    assert count, "no room is named"
    return missing


def broken_links(file: Path, text: str) -> list[str]:
    said = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path = target.partition("#")[0]
        if re.match(r"[a-z]+:", target) or not path:
            continue
        if not (file.parent / path).exists():
            said.append(f"{file.name} links to {target}")
    return said


def unknown_commands(text: str) -> list[str]:
    """`manage.py x` and `make x` that are not there."""
    known = {*get_commands(), "help"}
    said = [
        f"manage.py {name}"
        for name in re.findall(r"manage\.py ([a-z_]+)", text)
        if name not in known
    ]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said += [f"make {name}" for name in re.findall(r"`make ([a-z-]+)", text) if name not in targets]
    return said


def test_the_map_names_rooms_that_exist() -> None:
    assert missing_rooms(MAP.read_text()) == []


def test_every_room_is_on_the_map() -> None:
    text = MAP.read_text()
    tops = {f.relative_to(ROOT).parts[0] for f in tracked() if len(f.relative_to(ROOT).parts) > 1}
    tops -= UNMAPPED
    assert len(tops) >= 7
    assert [name for name in sorted(tops) if f"`{name}/" not in text] == []


def test_every_decision_is_in_the_index_and_named() -> None:
    files = sorted(f.name for f in DECISIONS.glob("[0-9]*.md"))
    index = (DECISIONS / "README.md").read_text()
    assert len(files) >= 5
    assert re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index) == files
    for name in files:
        first = (DECISIONS / name).read_text().splitlines()[0]
        assert first.startswith("# "), name


def test_decisions_that_code_names_exist() -> None:
    for file in tracked():
        if file.suffix in {".py", ".html", ".js", ".css"} and "guards" not in file.parts:
            for name in re.findall(r"docs/adr/([\w-]+\.md)", file.read_text()):
                assert (DECISIONS / name).exists(), f"{file.name} names {name}"


@pytest.mark.parametrize("file", documents(), ids=lambda f: f.relative_to(ROOT).as_posix())
def test_links_and_commands_are_there(file: Path) -> None:
    text = file.read_text()
    assert broken_links(file, text) == []
    assert unknown_commands(text) == []


def test_documents_that_code_names_exist() -> None:
    for file in tracked():
        if file.suffix == ".py" and "guards" not in file.parts:
            for name in re.findall(r"\bdocs/[\w/-]+\.md", file.read_text()):
                assert (ROOT / name).exists(), f"{file.relative_to(ROOT)} names {name}"


def test_the_guard_sees_planted_faults() -> None:
    assert missing_rooms("`accounts/tenancy/` and `accounts/nowhere/`") == ["accounts/nowhere/"]
    assert broken_links(MAP, "[x](no-such-file.md) [y](#here) [z](https://example.com/)")
    assert unknown_commands("`manage.py teleport` and `make coffee`") == [
        "manage.py teleport",
        "make coffee",
    ]
