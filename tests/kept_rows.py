"""Worlds made once: the first test makes one through the services, later ones get its rows again.

Making two companies through the services takes longer than most tests that stand on them. What
was made is kept as rows, company by company, and inserted again by the same bound role, so the
walls between companies are in force here too. Ids stay the same within a run.
"""

import pickle
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.db import connection, transaction
from psycopg import sql

from accounts.tenancy.context import company_context

_INSERT = re.compile(r'INSERT INTO "?(?:public\.)?(\w+)"?', re.IGNORECASE)
_COLUMNS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'
    ORDER BY ordinal_position
"""
_T = TypeVar("_T")
_Rows = dict[int, dict[str, list[str]]]  # company -> table -> rows as JSON, in the order made


class _Kept:
    def __init__(self, made: Any, tables: list[str], companies: list[int]) -> None:
        self.made = pickle.dumps(made)
        self.companies = companies
        with connection.cursor() as cursor:
            self.columns = {}
            for table in tables:
                cursor.execute(_COLUMNS, [table])
                self.columns[table] = [row[0] for row in cursor.fetchall()]
        self.rows = self._read()
        self.checked = False

    def _read(self) -> _Rows:
        """Every visible row, once: with the first company in whose context it shows."""
        found: _Rows = {}
        seen: set[tuple[str, str]] = set()
        # Outside a transaction nobody would be told which company is active.
        with transaction.atomic(), connection.cursor() as cursor:
            for company_id in self.companies:
                with company_context(company_id):
                    for table in self.columns:
                        cursor.execute(
                            sql.SQL("SELECT to_jsonb(t)::text FROM {} t ORDER BY id")
                            .format(sql.Identifier(table))
                            .as_string()
                        )
                        rows = [row[0] for row in cursor.fetchall() if (table, row[0]) not in seen]
                        seen.update((table, row) for row in rows)
                        if rows:
                            found.setdefault(company_id, {})[table] = rows
        assert {name for tables in found.values() for name in tables} == set(self.columns)
        return found

    def again(self) -> Any:
        with transaction.atomic(), connection.cursor() as cursor:
            for company_id, tables in self.rows.items():
                with company_context(company_id):
                    cursor.execute(
                        "; ".join(self._insert(name, rows) for name, rows in tables.items())
                    )
        if not self.checked:
            assert self._read() == self.rows, "What was put back is not what was kept."
            self.checked = True
        return pickle.loads(self.made)

    def _insert(self, table: str, rows: list[str]) -> str:
        names = sql.SQL(", ").join(map(sql.Identifier, self.columns[table]))
        return (
            sql.SQL(
                "INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE"
                " SELECT {1} FROM jsonb_populate_recordset(NULL::{0}, {2}::jsonb)"
            )
            .format(sql.Identifier(table), names, sql.Literal(f"[{','.join(rows)}]"))
            .as_string()
        )


_kept: dict[str, _Kept] = {}


def made_once(name: str, make: Callable[[], _T], companies: Callable[[_T], Iterable[int]]) -> _T:
    """What `make` makes in an empty database: made now, or put back as it was first made.

    `companies` gives the ids of the companies that it makes.
    """
    if name in _kept:
        made: _T = _kept[name].again()
        return made
    tables: dict[str, None] = {}

    def watch(execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        tables.update(dict.fromkeys(_INSERT.findall(str(statement))))
        return execute(statement, params, many, context)

    with connection.execute_wrapper(watch):
        made = make()
    _kept[name] = _Kept(made, list(tables), list(companies(made)))
    return made
