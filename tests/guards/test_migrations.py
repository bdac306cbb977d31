"""Migrations match the models, run in a line, say what they do, and can be taken back."""

import ast
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from accounts.tenancy.row_security import runtime_role
from tests import database
from tests.guards.source import ROOT, python_files

APPS = ("accounts", "pipeline", "metrics")


def migration_files() -> list[Path]:
    return [f for f in python_files(*APPS) if "migrations" in f.parts and f.name != "__init__.py"]


@pytest.mark.django_db(databases=["default", "owner"])
def test_no_migration_is_missing() -> None:
    out = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out, verbosity=1)
    assert "No changes detected" in out.getvalue()


def test_migrations_run_in_a_line() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    for app in APPS:
        own = sorted(name for label, name in loader.disk_migrations if label == app)
        assert own, app
        assert len(loader.graph.leaf_nodes(app)) == 1, f"{app} has two ends: rebase one"
        for number, name in enumerate(own, start=1):
            assert name.startswith(f"{number:04}_"), f"{app}.{name}: a number is missing or twice"
            before = [d for d in loader.disk_migrations[app, name].dependencies if d[0] == app]
            assert before == ([(app, own[number - 2])] if number > 1 else [])


def name_problems(name: str) -> list[str]:
    if not re.fullmatch(r"\d{4}_[a-z][a-z0-9_]*\.py", name) or re.search(
        r"_auto_\d|_alter_.*_and_more", name
    ):
        return [f"{name} does not say what it is for."]
    return []


def body_problems(source: str) -> list[str]:
    said = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and re.search(
            r"\b(services|selectors|tasks|views)\b", node.module or ""
        ):
            said.append(f"imports {node.module}: what it does would change with the code.")
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("RunPython", "RunSQL")):
            given = len(node.args) + len([k for k in node.keywords if "reverse" in (k.arg or "")])
            if given < 2:
                said.append(f"line {node.lineno} cannot be taken back.")
    return said


def test_migrations_are_named_and_stand_on_their_own() -> None:
    files = migration_files()
    assert len(files) >= 3
    assert [said for f in files for said in name_problems(f.name)] == []
    assert [f"{f.name} {said}" for f in files for said in body_problems(f.read_text())] == []


@pytest.mark.parametrize(
    "name", ["0002_auto_20260101_1200.py", "0003_alter_deal_and_more.py", "second.py"]
)
def test_the_guard_sees_a_name_that_says_nothing(name: str) -> None:
    assert name_problems(name)


@pytest.mark.parametrize(
    "source",
    [
        "from pipeline.services.facts import check_facts",
        "from metrics.services import publish",
        "migrations.RunPython(forwards)",
        "migrations.RunSQL('DROP TABLE x')",
    ],
)
def test_the_guard_sees_a_migration_that_leans_on_code(source: str) -> None:
    assert body_problems(source)


# Forward, back, forward, on a database of its own. ----------------------------------------------


@pytest.fixture
def scratch(database_name: str, django_db_blocker: Any) -> Iterator[str]:
    """A migrated database of its own, with Django's connections on it."""
    name, template = f"{database_name}_scratch", database_name.rpartition("_")[0]
    with django_db_blocker.unblock():
        database.use("postgres")
        with database.connect("postgres") as server:
            server.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        database.use(name)
        try:
            yield name
        finally:
            database.use(database_name)
            database.drop(name)


SCHEMA = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
    """,
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        ORDER BY 1, 2
    """,
    "policies": """
        SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies
        WHERE schemaname = 'public' ORDER BY 1, 2
    """,
    "grants": """
        SELECT table_name, privilege_type FROM information_schema.role_table_grants
        WHERE table_schema = 'public' AND grantee = %s ORDER BY 1, 2
    """,
}


def schema(name: str) -> dict[str, list[tuple[Any, ...]]]:
    with database.connect(name) as owner:
        return {
            part: owner.execute(query, [runtime_role()] if "%s" in query else None).fetchall()
            for part, query in SCHEMA.items()
        }


def applied(owner: psycopg.Connection[Any]) -> set[str]:
    rows = owner.execute("SELECT app || '.' || name FROM django_migrations").fetchall()
    return {name for (name,) in rows}


def test_forward_back_and_forward_again(scratch: str) -> None:
    """Back one step of each app, then to nothing; each time forward to the same schema."""
    whole = schema(scratch)
    assert all(whole.values())
    numbers = {app: [f.stem for f in sorted(migration_files()) if app in f.parts] for app in APPS}
    for app in reversed(APPS):
        steps = numbers[app]
        call_command(
            "migrate", app, steps[-2] if len(steps) > 1 else "zero", verbosity=0, interactive=False
        )
    with database.connect(scratch) as owner:
        last = {f"{app}.{steps[-1]}" for app, steps in numbers.items()}
        assert not last & applied(owner)
    call_command("migrate", verbosity=0, interactive=False)
    assert schema(scratch) == whole

    for app in reversed(APPS):
        call_command("migrate", app, "zero", verbosity=0, interactive=False)
    with database.connect(scratch) as owner:
        left = owner.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename ~ '^(accounts|pipeline|metrics)_'"
        ).fetchall()
        assert left == []
    call_command("migrate", verbosity=0, interactive=False)
    assert schema(scratch) == whole
    connections["owner"].close()


def test_every_migration_is_seen() -> None:
    assert {f.relative_to(ROOT).parts[0] for f in migration_files()} == set(APPS)
