"""Write many rows at once, as the runtime role.

COPY into a table with row security is refused, also to the rightful company. So rows are copied
into a temporary table, which belongs to the transaction, and inserted from there under the
policy. Set-based writers bypass the managers and the services for single rows: they are for
loading whole histories, and their callers say who did it.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.db import connection, models
from psycopg import sql

CHUNK = 1 << 20
_BOM = b"\xef\xbb\xbf"


def relax_limits() -> None:
    """Give this transaction the time and memory that loading takes.

    The role's limits are made for pages; loading a large company takes longer than those.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', '0', true),"
            " set_config('idle_in_transaction_session_timeout', '0', true),"
            " set_config('work_mem', '128MB', true),"
            " set_config('timezone', 'UTC', true)"
        )


def temporary_table(name: str, columns: str) -> None:
    """Make a temporary table that ends with the transaction. `columns` is SQL of ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(
                sql.Identifier(name),
                sql.SQL(columns),
            )
        )


def drop_temporary(prefix: str) -> None:
    """Drop this session's temporary tables of that prefix, so that the next load can begin."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()"
            " AND relkind = 'r' AND starts_with(relname::text, %s)",
            [prefix],
        )
        names = [name for (name,) in cursor.fetchall()]
        if names:
            tables = sql.SQL(", ").join(sql.Identifier("pg_temp", name) for name in names)
            cursor.execute(sql.SQL("DROP TABLE {}").format(tables))


def copy_csv(table: str, columns: Sequence[str], path: Path) -> int:
    """COPY a CSV file with a heading row into a temporary table; returns the number of rows.

    Empty cells become NULL, quoted or not. Raises ValueError where the bytes would be read
    otherwise than they stand (a NUL, or a line that ends the data early).
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL(
        "COPY {} ({}) FROM STDIN WITH (FORMAT csv, HEADER true, ENCODING 'UTF8', FORCE_NULL ({}))"
    ).format(sql.Identifier(table), names, names)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for chunk in _chunks(path):
                copy.write(chunk)
        return int(cursor.rowcount)


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY Python values into a temporary table."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def insert_rows(
    model: type[models.Model],
    company_id: int,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> list[int]:
    """Insert rows of a tenant model; returns their ids in the order of the rows.

    `columns` are database columns besides `company_id`; values are as psycopg takes them.
    Columns left out that cannot be empty get the model's default.
    """
    table = model._meta.db_table
    stage = f"bulk_{table}"[:60]
    fields = {str(field.column): field for field in model._meta.concrete_fields}
    types = {name: fields[name].db_type(connection) or "text" for name in columns}
    temporary_table(stage, ", ".join(f"{name} {types[name]}" for name in columns))
    ids = sequence_of(model)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("ALTER TABLE {} ADD COLUMN id bigint DEFAULT nextval({})").format(
                sql.Identifier(stage), sql.Literal(ids)
            )
        )
    copy_rows(stage, columns, rows)
    defaults = {
        name: field.get_default()
        for name, field in fields.items()
        if name not in (*columns, "id", "company_id")
        and not field.null
        and not field.has_db_default()
    }
    targets = sql.SQL(", ").join(map(sql.Identifier, ("id", "company_id", *defaults, *columns)))
    sources = sql.SQL(", ").join(
        [sql.SQL("id"), *[sql.SQL("%s")] * (1 + len(defaults)), *map(sql.Identifier, columns)]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ORDER BY id RETURNING id").format(
                sql.Identifier(table), targets, sources, sql.Identifier(stage)
            ),
            [company_id, *defaults.values()],
        )
        new_ids = sorted(row[0] for row in cursor.fetchall())
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(stage)))
    return new_ids


def sequence_of(model: type[models.Model]) -> str:
    """The name of the sequence that numbers a model's rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [model._meta.db_table])
        return str(cursor.fetchone()[0])


def new_ids(model: type[models.Model], count: int) -> Iterator[int]:
    """`count` unused ids of a model, rising."""
    sequence = sequence_of(model)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [sequence, count])
        for (value,) in cursor.fetchall():
            yield value


def _chunks(path: Path) -> Iterator[bytes]:
    """The file's bytes without a byte order mark, refusing what COPY would misread."""
    tail = b"\n"
    with path.open("rb") as file:
        first = True
        while chunk := file.read(CHUNK):
            if first and chunk.startswith(_BOM):
                chunk = chunk[len(_BOM) :]
            first = False
            if b"\x00" in chunk:
                raise ValueError("there is a NUL character in it")
            # Before PostgreSQL 18 a line that holds \. alone ends the data without a word.
            if b"\n\\." in tail + chunk or b"\r\\." in tail + chunk:
                raise ValueError("a line begins with a backslash and a full stop")
            tail = chunk[-2:]
            yield chunk
