"""Write a company as an exchange folder: the four files, and in `more/` all else that it owns.

more/manifest.json            what is in the folder: rows and SHA-256 of every file
more/<app>.<model>.jsonl      one JSON object a row; users by e-mail, other keys as ids, no tokens
more/users.jsonl              name and language of the users that rows mention; no secrets

The ids in deals.csv are those that the deals came with, or the next free numbers; the ids in
transitions.csv are running numbers in the order of recording. Appending keeps both as they are.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from psycopg import IsolationLevel, sql

from accounts.errors import DomainError
from accounts.models import Company
from accounts.tenancy.context import company_context
from pipeline.importers import exchange, exchange_write
from pipeline.importers.exchange import CompanyHead, StageLine
from pipeline.selectors.owned import Owned, owned_tables

FORMAT = 1
MANIFEST = "manifest.json"
USERS = "users.jsonl"
# JSON holds no control characters, so with these two a line of CSV is the JSON as it stands.
_JSON_LINES = "FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02'"

_DEAL_NUMBERS = """
    CREATE TEMPORARY TABLE dump_deals ON COMMIT DROP AS
    SELECT id, coalesce(kept, base + row_number() OVER (PARTITION BY kept IS NULL ORDER BY id))
        AS number
    FROM (
        SELECT id, kept, coalesce(max(kept) OVER (), 0) AS base FROM (
            SELECT id, CASE
                WHEN external_system = 'exchange' AND external_id ~ '^[1-9][0-9]{0,17}$'
                THEN CAST(external_id AS bigint) END AS kept
            FROM pipeline_deal WHERE company_id = %s
        ) AS kept_ids
    ) AS numbered
"""
_MOVE_NUMBERS = """
    CREATE TEMPORARY TABLE dump_moves ON COMMIT DROP AS
    SELECT id, row_number() OVER (ORDER BY id) AS number
    FROM pipeline_stagetransition WHERE company_id = %s
"""
_DEALS = """
    SELECT n.number AS id, d.name, c.name AS account, nullif(s.channel, '') AS channel,
        s.name AS source, p.name AS product, r.name AS rep, t.name AS team, d.amount, d.currency,
        l.detail AS lost_reason, o.name AS competitor {optional}
    FROM pipeline_deal d
    JOIN dump_deals n ON n.id = d.id
    JOIN pipeline_pipeline pl ON pl.company_id = d.company_id AND pl.id = d.pipeline_id
    LEFT JOIN pipeline_customer c ON c.company_id = d.company_id AND c.id = d.customer_id
    LEFT JOIN pipeline_source s ON s.company_id = d.company_id AND s.id = d.source_id
    LEFT JOIN pipeline_product p ON p.company_id = d.company_id AND p.id = d.product_id
    LEFT JOIN pipeline_rep r ON r.company_id = d.company_id AND r.id = d.rep_id
    LEFT JOIN pipeline_team t ON t.company_id = r.company_id AND t.id = r.team_id
    LEFT JOIN pipeline_lostreason l ON l.company_id = d.company_id AND l.id = d.lost_reason_id
    LEFT JOIN pipeline_competitor o ON o.company_id = d.company_id AND o.id = d.competitor_id
    WHERE d.company_id = {company}
    ORDER BY n.number
"""
_OPTIONAL = {
    "path": ", CASE WHEN d.path_known THEN 'known' ELSE 'unknown' END AS path",
    "pipeline": ", pl.name AS pipeline",
}
_INSTANT = (
    "replace(to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '.000000Z', 'Z')"
)
_TRANSITIONS = """
    SELECT n.number AS id, dn.number AS deal_id, f.name AS from_stage, s.name AS to_stage,
        {occurred_at} AS occurred_at, {recorded_at} AS recorded_at, rn.number AS replaces
    FROM pipeline_stagetransition t
    JOIN dump_moves n ON n.id = t.id
    JOIN dump_deals dn ON dn.id = t.deal_id
    LEFT JOIN pipeline_stage f ON f.company_id = t.company_id AND f.id = t.from_stage_id
    LEFT JOIN pipeline_stage s ON s.company_id = t.company_id AND s.id = t.to_stage_id
    LEFT JOIN dump_moves rn ON rn.id = t.replaces_id
    WHERE t.company_id = {company}
    ORDER BY n.number
"""


class DumpRefused(DomainError):
    """The dump cannot be written where it was asked for."""


@dataclass(frozen=True, slots=True)
class Dumped:
    """What was written: rows by file name."""

    folder: Path
    rows: Mapping[str, int]


@dataclass(slots=True)
class _File:
    sha256: str
    rows: int


def dump_company(*, company_id: int, target: Path, force: bool = False) -> Dumped:
    """Write all that a company owns into the folder `target`, as of one moment.

    Written beside it and renamed at the end, so an interrupted dump leaves no half folder.
    Raises DumpRefused where `target` holds something already, unless `force`. Not inside a
    transaction, since all of it must be one view of the data.
    """
    _refuse_if_taken(target, force=force)
    partial = target.parent / f".{target.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=0o700)
        with company_context(company_id), _one_view():
            files = _write(partial, company_id)
        _put_in_place(partial, target, force=force)
    except OSError as error:
        raise DumpRefused(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Dumped(target, {name: file.rows for name, file in files.items()})


@contextmanager
def _one_view() -> Iterator[None]:
    """One REPEATABLE READ transaction: what others commit meanwhile is not seen."""
    if connection.in_atomic_block:
        raise RuntimeError("a dump opens its own transaction, so none may be open")
    connection.ensure_connection()
    raw = connection.connection
    before = raw.isolation_level
    raw.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('statement_timeout', '0', true),"
                    " set_config('idle_in_transaction_session_timeout', '0', true),"
                    " set_config('timezone', 'UTC', true)"
                )
            yield
    finally:
        raw.isolation_level = before


def _refuse_if_taken(target: Path, *, force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise DumpRefused(f"{target} is a file. Name a folder.")
    if target.is_dir() and any(target.iterdir()) and not force:
        raise DumpRefused(f"{target} is not empty. Name another folder, or use --force.")


def _put_in_place(partial: Path, target: Path, *, force: bool) -> None:
    _refuse_if_taken(target, force=force)
    old = target.parent / f".{target.name}.{os.getpid()}.old"
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _write(folder: Path, company_id: int) -> dict[str, _File]:
    company = Company.objects.get(pk=company_id)
    head = CompanyHead(
        **{name: getattr(company, name) for name in CompanyHead.__dataclass_fields__}
    )
    exchange_write.write_company(folder, head)
    stages = _stages(company_id)
    exchange_write.write_stages(folder, stages)
    with connection.cursor() as cursor:
        cursor.execute(_DEAL_NUMBERS, [company_id])
        cursor.execute(_MOVE_NUMBERS, [company_id])
        cursor.execute("ANALYZE dump_deals")
        cursor.execute("ANALYZE dump_moves")
    files = {
        exchange.COMPANY: _existing(folder / exchange.COMPANY, 1),
        exchange.STAGES: _existing(folder / exchange.STAGES, len(stages)),
        exchange.DEALS: _copy(
            folder / exchange.DEALS, _deals_query(company_id, stages), "FORMAT csv, HEADER true"
        ),
        exchange.TRANSITIONS: _copy(
            folder / exchange.TRANSITIONS,
            _TRANSITIONS.format(
                company=int(company_id),
                occurred_at=_INSTANT.format("t.occurred_at"),
                recorded_at=_INSTANT.format("t.recorded_at"),
            ),
            "FORMAT csv, HEADER true",
        ),
    }
    more = folder / exchange.MORE
    more.mkdir(mode=0o700)
    tables = owned_tables()
    for table in tables:
        name = f"{exchange.MORE}/{table.label}.jsonl"
        files[name] = _copy(folder / name, _rows_query(table, company_id), _JSON_LINES)
    users = f"{exchange.MORE}/{USERS}"
    files[users] = _copy(folder / users, _users_query(tables, company_id), _JSON_LINES)
    manifest = {
        "format": FORMAT,
        "files": {name: {"sha256": f.sha256, "rows": f.rows} for name, f in files.items()},
    }
    (more / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return files


def _stages(company_id: int) -> list[StageLine]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.name, s.position, s.kind, p.name, s.exit_criterion, s.retired_at,"
            " coalesce(r.name, '') FROM pipeline_stage s"
            " JOIN pipeline_pipeline p ON p.company_id = s.company_id AND p.id = s.pipeline_id"
            " LEFT JOIN pipeline_stage r ON r.company_id = s.company_id AND r.id = s.replaced_by_id"
            " WHERE s.company_id = %s ORDER BY p.position, p.id, s.position NULLS LAST,"
            " s.kind <> 'open', s.kind DESC, s.id",
            [company_id],
        )
        return [StageLine(*row) for row in cursor.fetchall()]


def _deals_query(company_id: int, stages: list[StageLine]) -> str:
    """The columns of the format; the optional ones only where they say something."""
    optional = ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pipeline_deal WHERE company_id = %s AND NOT path_known)",
            [company_id],
        )
        if cursor.fetchone()[0]:
            optional += _OPTIONAL["path"]
    if len({stage.pipeline for stage in stages}) > 1:
        optional += _OPTIONAL["pipeline"]
    return _DEALS.format(company=int(company_id), optional=optional)


def _rows_query(table: Owned, company_id: int) -> sql.Composed:
    """The rows of a table as JSON, by id: users as e-mail addresses, decimals as text."""
    changed: list[sql.Composable] = []
    for column in table.decimals:
        changed.append(
            sql.SQL("{}, CAST(t.{} AS text)").format(sql.Literal(column), sql.Identifier(column))
        )
    for column in table.users:
        changed.append(
            sql.SQL("{}, (SELECT u.email FROM accounts_user u WHERE u.id = t.{})").format(
                sql.Literal(column), sql.Identifier(column)
            )
        )
    kept = sql.SQL(", ").join(sql.Literal(column) for column in table.columns)
    return sql.SQL(
        "SELECT CAST((SELECT jsonb_object_agg(e.key, e.value)"
        " FROM jsonb_each(to_jsonb(t) || jsonb_build_object({changed})) AS e"
        " WHERE e.key IN ({kept})) AS text)"
        " FROM {table} t WHERE t.company_id = {company} ORDER BY t.id"
    ).format(
        changed=sql.SQL(", ").join(changed),
        kept=kept,
        table=sql.Identifier(table.table),
        company=sql.Literal(int(company_id)),
    )


def _users_query(tables: tuple[Owned, ...], company_id: int) -> sql.Composed:
    mentioned = sql.SQL(" UNION ").join(
        sql.SQL("SELECT {} FROM {} WHERE company_id = {}").format(
            sql.Identifier(column), sql.Identifier(table.table), sql.Literal(int(company_id))
        )
        for table in tables
        for column in table.users
    )
    return sql.SQL(
        "SELECT CAST(jsonb_build_object('email', u.email, 'name', u.name, 'locale', u.locale)"
        " AS text) FROM accounts_user u WHERE u.id IN ({}) ORDER BY u.email"
    ).format(mentioned)


def _copy(path: Path, query: str | sql.Composed, options: str) -> _File:
    """COPY the rows of a query into a file, counting and fingerprinting them on the way."""
    digest, rows = hashlib.sha256(), 0
    body = query if isinstance(query, sql.Composed) else sql.SQL(query)
    statement = sql.SQL("COPY ({}) TO STDOUT WITH ({})").format(
        body,
        sql.SQL(options),
    )
    with connection.cursor() as cursor, path.open("wb") as file:
        with cursor.copy(statement) as copy:
            for block in copy:
                data = bytes(block)
                digest.update(data)
                file.write(data)
        rows = int(cursor.rowcount)
    return _File(digest.hexdigest(), rows)


def _existing(path: Path, rows: int) -> _File:
    return _File(sha256_of(path), rows)


def sha256_of(path: Path) -> str:
    """The fingerprint of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """more/manifest.json of a dumped folder; raises ValueError where it is none."""
    data = json.loads((folder / exchange.MORE / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(data, dict) or not isinstance(data.get("files"), dict):
        raise ValueError("the manifest is not one")
    return data
