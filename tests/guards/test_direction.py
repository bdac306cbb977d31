"""config -> metrics -> pipeline -> accounts: by imports, and by what import-linter cannot see."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

from tests.guards.source import ROOT, python_files, templates

HEIGHT = {"accounts": 0, "pipeline": 1, "metrics": 2, "config": 3}
OURS = ("accounts", "pipeline", "metrics", "config")
CONTRACTS = {
    # contract -> a file that breaks it, and what is in the file
    "Apps: config -> metrics -> pipeline -> accounts": (
        "accounts/services/planted.py",
        "from pipeline.models import Deal\n",
    ),
    "accounts: every module has a layer": ("accounts/drawer.py", "X = 1\n"),
    "pipeline: every module has a layer": (
        "pipeline/models/planted.py",
        "from pipeline.services import history\n",
    ),
    "metrics: every module has a layer": (
        "metrics/selectors/planted.py",
        "from metrics.services import publish\n",
    ),
    "Pure rooms know no framework": (
        "metrics/calc/planted.py",
        "from django.utils import timezone\n",
    ),
    "Services never import tasks": (
        "metrics/services/planted.py",
        "from metrics.tasks import sweep\n",
    ),
}


def copy_of_the_house(folder: Path) -> Path:
    """The packages and their contracts, to break in peace."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file in python_files(*OURS):
        place = folder / file.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    return folder


def lint_imports(folder: Path) -> tuple[int, str]:
    """Run import-linter there; its exit code and what it said."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports; "
            "sys.exit(lint_imports(no_cache=True))",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_contracts_are_kept() -> None:
    code, said = lint_imports(ROOT)
    assert code == 0, said[-3000:]
    for name in CONTRACTS:
        assert f"{name} KEPT" in said
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in said, "name the new one here too"


def test_each_contract_catches_a_planted_violation(tmp_path: Path) -> None:
    folder = copy_of_the_house(tmp_path)
    for place, text in CONTRACTS.values():
        (folder / place).write_text(text)
    code, said = lint_imports(folder)
    assert code == 1
    for name, (place, _) in CONTRACTS.items():
        assert f"{name} BROKEN" in said, said[-3000:]
        module = place.removesuffix(".py").replace("/", ".")
        assert module.split(".")[-1] in said
    for module in (p.removesuffix(".py").replace("/", ".") for p, _ in CONTRACTS.values()):
        if "drawer" not in module:
            assert module in said


# Keys that are named by text, and templates, are invisible to imports. ----------------------------


def keys_upwards(found: Iterable[type[models.Model]]) -> list[str]:
    said = []
    for model in found:
        for field in model._meta.local_fields:
            target = field.related_model
            if isinstance(target, str):
                label = target.split(".")[0] if "." in target else model._meta.app_label
            elif target is not None:
                label = target._meta.app_label
            else:
                continue
            if HEIGHT.get(label, 0) > HEIGHT[model._meta.app_label]:
                said.append(f"{model._meta.label}.{field.name} points up to {label}.")
    return said


def test_no_key_points_up() -> None:
    ours = [m for m in apps.get_models() if m._meta.app_label in HEIGHT]
    assert len(ours) >= 20
    assert keys_upwards(ours) == []


def test_the_guard_sees_a_key_that_points_up() -> None:
    from django.test.utils import isolate_apps

    with isolate_apps("accounts"):

        class Climber(models.Model):
            snapshot = models.ForeignKey("metrics.Snapshot", on_delete=models.CASCADE)

            class Meta:
                app_label = "accounts"

        assert keys_upwards([Climber]) == ["accounts.Climber.snapshot points up to metrics."]


INCLUDE = re.compile(r"{%\s*(?:include|extends)\s+[\"']([^\"']+)[\"']")


def may_use(user: str, used: str) -> bool:
    """May the template `user` (or the code of an app) include or render `used`?"""
    room, other = user.split("/")[0], used.split("/")[0]
    if "/" not in used or other in {"components", "allauth", "account"}:
        return True
    if room == "components" or "/" not in user:
        return other == room
    return HEIGHT.get(other, 0) <= HEIGHT.get(room, 0)


def includes_upwards(name: str, text: str) -> list[str]:
    return [f"{name} includes {used}" for used in INCLUDE.findall(text) if not may_use(name, used)]


def test_no_template_includes_upwards() -> None:
    found = {f.relative_to(ROOT / "templates").as_posix(): f.read_text() for f in templates()}
    assert len(found) >= 15
    assert sum(len(INCLUDE.findall(text)) for text in found.values()) >= 15
    assert [said for name, text in found.items() for said in includes_upwards(name, text)] == []


def test_every_included_template_exists() -> None:
    names = {f.relative_to(ROOT / "templates").as_posix() for f in templates()}
    for file in templates():
        for used in INCLUDE.findall(file.read_text()):
            assert used.partition("#")[0] in names, f"{file.name} includes {used}"


def renders(source: str) -> list[str]:
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[\w/]+\.html(#\w+)?", node.value)
    ]


def test_no_view_renders_the_page_of_a_higher_app() -> None:
    count = 0
    for file in python_files("accounts", "pipeline", "metrics"):
        app = file.relative_to(ROOT).parts[0]
        for used in renders(file.read_text()):
            count += 1
            assert may_use(f"{app}/", used), f"{file.relative_to(ROOT)} renders {used}"
    assert count >= 5


@pytest.mark.parametrize(
    ("user", "text", "caught"),
    [
        ("pipeline/deal.html", '{% include "metrics/velocity.html#page" %}', True),
        ("components/chart.html", "{% include 'metrics/funnel.html' %}", True),
        ("accounts/company_list.html", '{% extends "pipeline/base.html" %}', True),
        ("base.html", '{% include "metrics/side.html" %}', True),
        ("metrics/funnel.html", '{% include "pipeline/deal.html" %}', False),
        ("metrics/funnel.html", '{% extends "base.html" %}', False),
        ("pipeline/deal.html", '{% include "components/chart.html" %}', False),
    ],
)
def test_the_guard_sees_an_include_upwards(user: str, text: str, caught: bool) -> None:
    assert bool(includes_upwards(user, text)) is caught
