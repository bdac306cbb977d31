"""Customers, reps, teams, sources and the like of a loaded deals.csv, by whole columns."""

from typing import Any

from django.db import connection

from accounts.models import Company
from pipeline.importers.exchange import CHANNELS, DEAL_LIMITS, PATHS, Folder, is_currency
from pipeline.models import (
    Competitor,
    LostReason,
    Product,
    Rep,
    Source,
    Team,
)
from pipeline.models.catalog import LossLevel
from pipeline.services import bulk

# What Python's str.strip() takes off, for btrim().
SPACES = "".join(
    chr(code)
    for code in (
        *range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
        0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
    )
)  # fmt: skip
_SETS = (
    ("source", "channel"), ("rep", "team"), ("product",), ("lost_reason",), ("competitor",),
    ("currency",), ("path",), ("pipeline",),
)  # fmt: skip
_COMPETITOR, _NO_DECISION = {"competitor"}, {"no decision", "no_decision"}


class Unfit(ValueError):
    """deals.csv does not hold together; the row by row check says where."""


def loss_level(text: str) -> str:
    """The first level of a lost reason, from its text: competitor, no decision, else other."""
    plain = " ".join(text.casefold().split())
    if plain in _COMPETITOR:
        return LossLevel.COMPETITOR
    return LossLevel.NO_DECISION if plain in _NO_DECISION else LossLevel.OTHER


def check_deals(folder: Folder) -> None:
    """Raise Unfit where any row of load_deals breaks a rule of exchange_check."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX ON load_deals (id)")  # raises on a repeated id
        cursor.execute("ANALYZE load_deals")
        cursor.execute(
            """
            SELECT coalesce(bool_or(id IS NULL OR id <= 0), false),
                   coalesce(bool_or(coalesce(btrim(name, %(spaces)s), '') = ''), false),
                   coalesce(max(length(btrim(name, %(spaces)s))), 0),
                   coalesce(max(length(btrim(account, %(spaces)s))), 0),
                   coalesce(bool_or(
                       btrim(amount, %(spaces)s) !~ '^([0-9]{1,14}([.][0-9]{1,2})?)?$'
                   ), false)
            FROM load_deals
            """,
            {"spaces": SPACES},
        )
        no_id, no_name, longest_name, longest_account, no_amount = cursor.fetchone()
    too_long = longest_name > DEAL_LIMITS["name"] or longest_account > DEAL_LIMITS["account"]
    if no_id or no_name or no_amount or too_long:
        raise Unfit("a deal's id, name, account or amount is not one")
    for columns, values in distinct_values().items():
        _check_values(folder, columns, values)


def distinct_values() -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    """The different values of the columns that many deals share, as they stand in the file."""
    groups = ", ".join(f"({', '.join(columns)})" for columns in _SETS)
    names = [name for columns in _SETS for name in columns]
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = {columns: [] for columns in _SETS}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(names)}, {', '.join(f'grouping({n})' for n in names)}"  # noqa: S608
            f" FROM load_deals GROUP BY GROUPING SETS ({groups})"
        )
        for row in cursor.fetchall():
            values = dict(zip(names, row[: len(names)], strict=True))
            grouped = dict(zip(names, row[len(names) :], strict=True))
            for columns in _SETS:
                if not any(grouped[name] for name in columns):
                    found[columns].append(tuple(values[name] or "" for name in columns))
    return found


def _check_values(folder: Folder, columns: tuple[str, ...], values: list[tuple[str, ...]]) -> None:
    first = columns[0]
    seen: dict[str, str] = {}
    for raw in values:
        value, *rest = (text.strip() for text in raw)
        second = rest[0] if rest else ""
        fits = {
            "currency": value == "" or is_currency(value),
            "path": value in ("", *PATHS),
            "pipeline": value == "" or value in folder.pipelines,
            "source": second in ("", *CHANNELS),
        }.get(first, True)
        if not fits or len(value) > DEAL_LIMITS.get(first, 250):
            raise Unfit(f"{first} holds a value that is none")
        if (second and not value) or len(second) > 120:
            raise Unfit(f"{columns[1]} without {first}")
        if rest and seen.setdefault(value, second) != second:
            raise Unfit(f"one {first} with two values of {columns[1]}")


def insert_dimensions(company: Company) -> None:
    """Insert what deals are sorted by, and temporary tables from each cell's text to its id."""
    values = distinct_values()
    team_ids = _insert(company, Team, "name", [t for _, t in values["rep", "team"]])
    teams = {rep.strip(): team.strip() for rep, team in values["rep", "team"]}
    channels = {source.strip(): channel.strip() for source, channel in values["source", "channel"]}
    rep_ids = _insert(
        company,
        Rep,
        "name",
        list(teams),
        {"team_id": lambda rep: team_ids.get(teams[rep]), "email": lambda _: ""},
    )
    source_ids = _insert(
        company, Source, "name", list(channels), {"channel": lambda name: channels[name]}
    )
    product_ids = _insert(company, Product, "name", [v for (v,) in values["product",]])
    competitor_ids = _insert(company, Competitor, "name", [v for (v,) in values["competitor",]])
    reason_ids = _insert(
        company, LostReason, "detail", [v for (v,) in values["lost_reason",]], {"level": loss_level}
    )
    _lookup("load_reps", [rep for rep, _ in values["rep", "team"]], rep_ids)
    _lookup("load_sources", [source for source, _ in values["source", "channel"]], source_ids)
    _lookup("load_products", [v for (v,) in values["product",]], product_ids)
    _lookup("load_competitors", [v for (v,) in values["competitor",]], competitor_ids)
    _lookup("load_reasons", [v for (v,) in values["lost_reason",]], reason_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO pipeline_customer (company_id, name)"
            " SELECT DISTINCT %s::bigint, btrim(account, %s) FROM load_deals"
            " WHERE btrim(account, %s) <> '' ORDER BY 2",
            [company.pk, SPACES, SPACES],
        )
        bulk.temporary_table("load_customers", "name text, id bigint")
        cursor.execute(
            "INSERT INTO load_customers SELECT name, id FROM pipeline_customer"
            " WHERE company_id = %s",
            [company.pk],
        )
        cursor.execute("ANALYZE load_customers")


def _insert(
    company: Company,
    model: Any,
    column: str,
    raw: list[str],
    more: dict[str, Any] | None = None,
) -> dict[str, int]:
    """Insert one row per different value; returns the ids by value."""
    more = more or {}
    names = sorted({text.strip() for text in raw} - {""})
    rows = [(name, *(value(name) for value in more.values())) for name in names]
    ids = bulk.insert_rows(model, company.pk, [column, *more], rows)
    return dict(zip(names, ids, strict=True))


def _lookup(table: str, raw: list[str], ids: dict[str, int]) -> None:
    bulk.temporary_table(table, "raw text, id bigint")
    cells = sorted({text for text in raw if text.strip()})
    bulk.copy_rows(table, ["raw", "id"], [(cell, ids[cell.strip()]) for cell in cells])
