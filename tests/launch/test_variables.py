"""One list of variables: .env.example, docs/operations.md and the code that reads them agree."""

import re

from config.launch.places import REPOSITORY

# Read by find-python and make alone, or set by the launcher for its own programs.
OUTSIDE_PYTHON = {"PYTHON"}
NOT_OURS = {"PATH", "XDG_STATE_HOME", "DJANGO_SETTINGS_MODULE"}


def variables() -> dict[str, tuple[str, str]]:
    """What .env.example lists: name -> (default, meaning)."""
    found: dict[str, tuple[str, str]] = {}
    comment: list[str] = []
    for line in (REPOSITORY / ".env.example").read_text().splitlines():
        assignment = re.fullmatch(r"#([A-Z_]+)=(.*)", line)
        if assignment:
            found[assignment[1]] = (assignment[2], " ".join(comment))
        comment = [*comment, line[2:]] if line.startswith("# ") else []
    return found


def test_the_table_of_the_operations_guide_is_the_example() -> None:
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, (default, meaning) in variables().items():
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |")
    guide = (REPOSITORY / "docs" / "operations.md").read_text()
    between = guide.split("<!-- variables:", 1)[1].split("-->\n", 1)[1]
    shown = between.split("<!-- end of variables -->")[0].strip()
    assert shown == "\n".join(rows)


def test_every_variable_that_is_read_is_listed_and_no_other() -> None:
    read: set[str] = set()
    settings = (REPOSITORY / "config" / "settings.py").read_text()
    read |= set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", settings))
    read |= set(re.findall(r"_database\(\"([A-Z_]+)\"", settings))
    for file in (REPOSITORY / "config" / "launch").glob("*.py"):
        read |= set(re.findall(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"", file.read_text()))
    assert read - NOT_OURS == set(variables()) - OUTSIDE_PYTHON


def test_every_default_is_the_settings_own() -> None:
    settings = (REPOSITORY / "config" / "settings.py").read_text()
    for name, (default, _) in variables().items():
        literal = re.search(rf"env\.\w+\(\"{name}\", (\"[^\"]*\"|\d+|True|False)\)", settings)
        if literal:
            assert default == literal[1].strip('"').replace("True", "true").replace(
                "False", "false"
            ), name
