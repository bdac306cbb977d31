"""The databases of a test run: migrated once as the owner, copied for every worker.

The tests run as the runtime role, which row security binds: run as a superuser, tests of row
security pass for nothing. What that role may not do (create a database, TRUNCATE) is done here
over the owner's own connection.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

# Taken once: a test may change the environment.
OWNER_URL = os.environ.get("DATABASE_OWNER_URL", "")
PREFIX = "test_leverpoint_"
# What migrations themselves write; everything else is empty in a fresh database.
KEPT = frozenset({"django_migrations", "django_content_type", "auth_permission"})
PATIENCE = 10  # seconds; a session ends soon after its client
STALE_AFTER = 3 * 60 * 60  # seconds; no run of ours takes longer


def owner_url(database: str) -> str:
    """The owner's address of another database on the server under test."""
    if not OWNER_URL:
        raise RuntimeError(
            "These tests need a PostgreSQL. Run them with `make test` (ARGS='tests/accounts -x' "
            "narrows them), which starts a private one, or set DATABASE_URL and "
            "DATABASE_OWNER_URL to the two roles of docs/operations.md."
        )
    return urlunsplit(urlsplit(OWNER_URL)._replace(path=f"/{database}"))


def connect(database: str) -> psycopg.Connection[Any]:
    """The owner's connection, outside Django and its transactions."""
    return psycopg.connect(owner_url(database), autocommit=True, options="-c lock_timeout=10s")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Alone among the workers of this run."""
    with open(folder / "database.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def use(database: str) -> None:
    """Point both of Django's connections at this database."""
    from django.db import connections

    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = database


def make_template(folder: Path) -> str:
    """The name of this run's migrated database; the first worker to ask makes it."""
    marker = folder / "template"
    if marker.exists():
        return marker.read_text()
    name = f"{PREFIX}{int(time.time())}_{os.getpid()}"
    _drop_stale()
    with connect("postgres") as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    from django.core.management import call_command

    use(name)
    call_command("migrate", verbosity=0, interactive=False)
    _refuse_unexpected_rows(name)
    _number_apart(name)
    marker.write_text(name)
    return name


def copy_template(template: str, worker: str) -> str:
    """A worker's own copy, with both connections pointed at it."""
    name = f"{template}_{worker}"
    use("postgres")  # no session may be on the template while it is copied
    with connect("postgres") as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    use(name)
    return name


def drop(*names: str) -> None:
    """Drop these. One that the runtime role is still in is waited for: the owner may not end its
    sessions. What stays after that is left to the end of the server, or to `_drop_stale`."""
    until = time.monotonic() + PATIENCE
    with connect("postgres") as server:
        for name in names:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            while True:
                with suppress(psycopg.errors.InsufficientPrivilege):
                    server.execute(statement.format(sql.Identifier(name)))
                    break
                if time.monotonic() > until:
                    break
                time.sleep(0.2)


def assert_bound_by_row_security() -> None:
    """Stop the run unless the tests' role is the runtime role and nothing more."""
    from django.db import connections

    with connections["default"].cursor() as cursor:
        cursor.execute(
            """
            SELECT r.rolname, r.rolsuper, r.rolbypassrls,
                   EXISTS (SELECT 1 FROM pg_database d WHERE d.datname = current_database()
                           AND pg_has_role(r.oid, d.datdba, 'MEMBER')),
                   (SELECT count(*) FROM pg_class c WHERE pg_has_role(r.oid, c.relowner, 'MEMBER'))
            FROM pg_roles r WHERE r.rolname = current_user
            """
        )
        role, superuser, bypasses, owns_database, owned_relations = cursor.fetchone()
    assert not superuser, f"The tests' role {role} is a superuser: row security does not bind it."
    assert not bypasses, f"The tests' role {role} has BYPASSRLS: row security does not bind it."
    assert not owns_database, f"The tests' role {role} owns the database."
    assert not owned_relations, f"The tests' role {role} owns {owned_relations} relations."


def empty_tables(database: str) -> None:
    """Remove every row that a test has committed."""
    with connect(database) as owner:
        tables = _tables(owner)
        filled = [name for name in tables if _has_rows(owner, name)]
        if filled:
            owner.execute(
                sql.SQL("TRUNCATE {} CASCADE").format(
                    sql.SQL(", ").join(map(sql.Identifier, filled))
                )
            )


def _tables(owner: psycopg.Connection[Any]) -> list[str]:
    rows = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return sorted({row[0] for row in rows} - KEPT)


def _has_rows(owner: psycopg.Connection[Any], table: str) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT 1 FROM {})").format(sql.Identifier(table))
    row = owner.execute(query).fetchone()
    return bool(row and row[0])


def _refuse_unexpected_rows(database: str) -> None:
    with connect(database) as owner:
        filled = [name for name in _tables(owner) if _has_rows(owner, name)]
    assert not filled, (
        f"Migrations left rows in {', '.join(filled)}. Tests that commit would lose them: "
        "name the table in KEPT of tests/database.py."
    )


def _number_apart(database: str) -> None:
    """Each table counts its rows from a million of its own: no row of one kind has the number of
    another kind, so that a test which mixes up the two fails every time, not on some days."""
    with connect(database) as owner:
        names = owner.execute(
            """
            SELECT schemaname, sequencename FROM pg_sequences
            WHERE schemaname = 'public' ORDER BY sequencename
            """
        ).fetchall()
        for place, (schema, name) in enumerate(names, start=1):
            owner.execute(
                sql.SQL("ALTER SEQUENCE {} RESTART WITH {}").format(
                    sql.Identifier(schema, name), sql.Literal(place * 1_000_000)
                )
            )


def _drop_stale() -> None:
    """Remove what killed runs left on a server that lives longer than a run."""
    with connect("postgres") as server:
        rows = server.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{PREFIX}%"]
        ).fetchall()
    stale = []
    for (name,) in rows:
        started = name.removeprefix(PREFIX).split("_")[0]
        if started.isdigit() and time.time() - int(started) > STALE_AFTER:
            stale.append(name)
    drop(*stale)
