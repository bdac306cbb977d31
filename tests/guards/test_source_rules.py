"""Rules that a reader of code would have to remember otherwise: days, files, clocks, markup."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guards.source import ROOT, python_files

ROOMS = ("accounts", "pipeline", "metrics", "config")


def lookups_of_days(source: str) -> list[str]:
    """The database's idea of a day is not the company's: occurred_on is computed once."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.keyword)
            and node.arg
            and re.search(r"__(date|day)(__|$)", node.arg)
        ):
            found.append(node.arg)
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if re.fullmatch(r"Trunc(Date|Day|Week|Month|Quarter|Year)", name):
                found.append(name)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A cast of a value that is a date already ("%s::date") computes no day.
            found += re.findall(r"(?<!\)s)(?<!%s)::date\b|\bAT TIME ZONE\b|__date\b", node.value)
    return found


def clocks(source: str) -> list[str]:
    """Time is passed in as `now=`; a rule that reads the clock cannot be tried at midnight."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if re.fullmatch(
                r"(timezone|datetime(\.datetime)?|time|date(time\.date)?)\.(now|utcnow|today|time"
                r"|localdate|localtime)|Now|TransactionNow",
                called,
            ):
                found.append(called)
    return found


def bare_csv(source: str) -> list[str]:
    """A cell that begins with = is a formula to a spreadsheet: one wrapper defuses them all."""
    return [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"csv.writer", "csv.DictWriter", "writer", "DictWriter"}
    ]


def raw_markup(source: str) -> list[str]:
    """Text becomes markup only through templates and format_html, which escape."""
    return [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and re.fullmatch(
            r"(.*\.)?(mark_safe|SafeString|csrf_exempt|xframe_\w+)", ast.unparse(node.func)
        )
    ]


def unscoped_rows(source: str) -> list[str]:
    """_base_manager has no filter; only row security stands behind it."""
    return [
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr in {"_base_manager", "_raw_delete"}
    ]


def signals(source: str) -> list[str]:
    """No signal carries logic: who reads a service sees all that it does."""
    return [
        node.module or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        and (
            (node.module or "").startswith(("django.db.models.signals", "django.dispatch"))
            or (node.module or "").endswith(".signals")
            or any(name.name == "signals" for name in node.names)
        )
    ]


def by_hand(source: str) -> list[str]:
    """A DomainError caught and dropped, or a database error caught inside atomic()."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.With):
            continue
        if not any("atomic" in ast.unparse(item.context_expr) for item in node.items):
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Try):
                names = " ".join(ast.unparse(h.type) for h in inner.handlers if h.type)
                if re.search(r"\b(IntegrityError|DatabaseError|OperationalError)\b", names):
                    own = any("atomic" in ast.unparse(s) for s in inner.body)
                    if not own:
                        found.append(f"line {inner.lineno} catches {names}")
    return found


Rule = Callable[[str], list[str]]

# rule -> (files it may not be broken in, {file: reason} of those that may, a planted fault)
RULES: dict[str, tuple[Rule, tuple[str, ...], dict[str, str], str]] = {
    "days": (
        lookups_of_days,
        ("accounts", "pipeline", "metrics"),
        {
            "pipeline/models/transition.py": "bounds what another time zone may make of a day",
            "pipeline/models/catalog.py": "a rate's month is a date, not an instant",
            "pipeline/selectors/dump_company.py": "writes instants in UTC, whatever the session",
        },
        "Deal.objects.filter(occurred_at__date=day)",
    ),
    "clock": (
        clocks,
        (
            "pipeline/services",
            "pipeline/selectors",
            "pipeline/importers",
            "metrics/services",
            "metrics/selectors",
            "metrics/calc",
            "metrics/charts",
            "accounts/services",
            "accounts/selectors",
        ),
        {},
        "now = timezone.now()",
    ),
    "csv": (
        bare_csv,
        ROOMS,
        # Their cells are tried in test_csv_cells.py.
        {
            "metrics/charts/export.py": "a chart's data; charts are pure and know no pipeline",
            "pipeline/exports.py": "every export of rows",
            "pipeline/importers/exchange_write.py": "read back by us, as it was",
            "pipeline/importers/rejected.py": "rejected rows, which are corrected and read again",
        },
        "csv.writer(file)",
    ),
    "markup": (
        raw_markup,
        ROOMS,
        {
            "metrics/selectors/definitions.py": "docs/metrics.md, which is ours, as a page",
            "metrics/selectors/wording.py": "an empty text to join escaped sentences to",
            "pipeline/views/mail_inbound.py": "a provider's post: it proves itself by its secret",
        },
        "mark_safe(text)",
    ),
    "base manager": (
        unscoped_rows,
        ROOMS,
        {
            "accounts/tenancy/constraints.py": "asks for the parent with its company spelt out",
            "accounts/selectors/memberships.py": "a user's own, before a company is known",
        },
        "Deal._base_manager.all()",
    ),
    "signals": (
        signals,
        ROOMS,
        # What other packages tell in no other way; the receiver calls one service.
        {
            "accounts/apps.py": "allauth tells by signals alone that a credential changed",
            "config/celery.py": "Celery asks by a signal how its log shall look",
            "pipeline/apps.py": "anymail hands an incoming message over by a signal alone",
        },
        "from django.db.models.signals import post_save",
    ),
    "errors": (
        by_hand,
        ROOMS,
        {},
        "with transaction.atomic():\n  try: x()\n  except IntegrityError: pass",
    ),
}


def broken(rule: Rule, rooms: tuple[str, ...]) -> dict[str, list[str]]:
    found = {}
    for file in python_files(*rooms):
        if "migrations" in file.parts:
            continue
        said = rule(file.read_text())
        if said:
            found[_name(file)] = said
    return found


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", RULES)
def test_the_rule_holds(name: str) -> None:
    rule, rooms, allowed, _ = RULES[name]
    assert python_files(*rooms)
    found = broken(rule, rooms)
    assert {f: said for f, said in found.items() if f not in allowed} == {}, rule.__doc__
    assert set(allowed) - set(found) == set(), "stale exceptions"


@pytest.mark.parametrize("name", RULES)
def test_the_rule_sees_a_planted_fault(name: str) -> None:
    rule, _, _, planted = RULES[name]
    assert rule(planted)


def test_the_rules_let_good_code_pass() -> None:
    for name, good in [
        ("days", "Deal.objects.filter(opened_on__gte=day); cursor.execute('%s::date[]')"),
        ("clock", "def f(*, now): return now.date()"),
        ("csv", "csv.reader(file)"),
        ("markup", "format_html('{}', text)"),
        ("errors", "try:\n  with transaction.atomic(): x()\nexcept IntegrityError: pass"),
    ]:
        assert RULES[name][0](good) == []


def test_files_hold_one_concept() -> None:
    """About 400 lines; a file beyond that holds a second concept."""
    long = {
        _name(f): lines
        for f in python_files(*ROOMS, "tests")
        if "migrations" not in f.parts and (lines := len(f.read_text().splitlines())) > 450
    }
    assert long == {}


def test_there_is_no_drawer() -> None:
    drawers = {"utils", "helpers", "common", "misc", "core", "shared", "lib", "extras"}
    assert [_name(f) for f in python_files(*ROOMS, "tests") if drawers & {*f.parts, f.stem}] == []


def test_every_test_file_is_collected() -> None:
    """A test in a file of another name never runs."""
    astray = [
        _name(f)
        for f in python_files("tests")
        if not f.name.startswith("test_")
        and f.name != "conftest.py"
        and any(
            isinstance(n, ast.FunctionDef) and n.name.startswith("test_")
            for n in ast.parse(f.read_text()).body
        )
    ]
    assert astray == []
    twice = [
        f"{_name(f)} {n}"
        for f in python_files("tests")
        for names in [
            [d.name for d in ast.parse(f.read_text()).body if isinstance(d, ast.FunctionDef)]
        ]
        for n in sorted({x for x in names if names.count(x) > 1})
    ]
    assert twice == [], "the second of a name hides the first"
