"""From the database to arrays: the only module of metrics that reads the pipeline for numbers.

Each column comes as one aggregate value, not row by row: that transport is the bottleneck
(docs/adr/0004-packed-paths.md). Several aggregates of one query see the rows in the same order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from django.db import connection
from psycopg import Cursor

from accounts.models import Company
from metrics.calc.calendar import local_days
from metrics.calc.history import LOST_LEVELS, History, Rates
from metrics.calc.paths import unpack_paths
from pipeline.models import ExchangeRate, LostReason, Product, Rep, Source, Stage, Team

Int64 = npt.NDArray[np.int64]

# A whole history is read in windows of so many ids: a value of PostgreSQL holds at most 1 GB, and
# the server keeps three copies of a window's values while it builds and sends them.
_WINDOW = 250_000
# Parallel workers hand their halves over by copying them: half as much work again.
_ALONE = "SELECT set_config('max_parallel_workers_per_gather', '0', true)"
_COLUMNS = """
    SELECT string_agg(int8send(id), ''),
           string_agg(float8send(coalesce(amount::float8, 'NaN')), ''),
           string_agg(int8send((coalesce(rep_id, 0) << 32) | coalesce(product_id, 0)), ''),
           string_agg(int8send((coalesce(source_id, 0) << 32) | coalesce(lost_reason_id, 0)), ''),
           string_agg(int4send(
               2 * coalesce(array_position(%(currencies)s::text[], currency::text), 0)
               + path_known::int), ''),
           string_agg(int4send(octet_length(path)), ''),
           string_agg(path, '')
    FROM pipeline_deal
    WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s
      AND opened_on IS NOT NULL AND id > %(after)s AND id <= %(upto)s
"""
_IN_PLAY = " AND opened_on < %(end)s AND (closed_on IS NULL OR closed_on >= %(start)s)"
_BOUNDS = """
    SELECT min(id), max(id) FROM pipeline_deal WHERE company_id = %s AND pipeline_id = %s
"""


@dataclass(frozen=True, slots=True)
class StageList:
    """The stages of a pipeline as the arithmetic sees them: 1..K open, K+1 won, K+2 lost."""

    ids: tuple[int, ...]  # of the open stages, by position
    names: tuple[str, ...]
    codes: tuple[tuple[int, int], ...]  # (stage id, code)


def stages_of(*, pipeline_id: int, kept: Sequence[tuple[int, str]] | None = None) -> StageList:
    """The pipeline's stages; positions are renumbered 1..K in their order.

    `kept` is the list (id, name) that a final snapshot was closed with: its positions and names
    hold for it whatever was renamed, moved, added or retired since. A stage made since then
    counts as the one before it.
    """
    rows = list(
        Stage.objects.filter(pipeline_id=pipeline_id).values_list(
            "id", "name", "kind", "position", "replaced_by_id"
        )
    )
    opened = sorted((r for r in rows if r[3] is not None), key=lambda r: (r[3], r[0]))
    listed = tuple(kept) if kept is not None else tuple((row[0], row[1]) for row in opened)
    codes = {stage_id: number for number, (stage_id, _) in enumerate(listed, start=1)}
    before = 1
    for stage_id, *_ in opened:
        before = codes.setdefault(stage_id, before)
    last = len(listed)
    replaced = {}
    for stage_id, _, kind, position, replaced_by in rows:
        if kind != Stage.Kind.OPEN:
            codes[stage_id] = last + (1 if kind == Stage.Kind.WON else 2)
        elif position is None:
            replaced[stage_id] = replaced_by
    for stage_id in replaced.keys() - codes.keys():
        # A retired stage counts as what replaced it, which may have been retired since.
        heir = stage_id
        while heir in replaced and heir not in codes:
            heir = replaced[heir]
        codes[stage_id] = codes.get(heir, 1)
    return StageList(
        tuple(i for i, _ in listed), tuple(name for _, name in listed), tuple(codes.items())
    )


@dataclass(frozen=True, slots=True)
class Basis:
    """What a snapshot was computed with. `zone`: None where it is the company's present one."""

    stages: StageList
    zone: ZoneInfo | None


def basis_of(*, company: Company, pipeline_id: int, definitions: Mapping[str, Any]) -> Basis:
    """The stages and the time zone that a snapshot says it was computed with."""
    listed = list(zip(definitions["stage_ids"], definitions["stages"], strict=True))
    elsewhere = definitions["timezone"] != company.timezone
    return Basis(
        stages_of(pipeline_id=pipeline_id, kept=listed),
        ZoneInfo(definitions["timezone"]) if elsewhere else None,
    )


def read_history(
    *,
    company: Company,
    pipeline_id: int,
    stages: StageList,
    start: date | None = None,
    end: date | None = None,
    zone: tzinfo | None = None,
) -> History:
    """The deal histories of a pipeline as arrays.

    `zone` is the time zone whose days are counted, where it is not the company's present one: a
    final quarter keeps the calendar that it was closed with.

    With `start` and `end`, only the deals that can be in play in [start, end), whatever as_of
    is: opened before its end, and not closed before its start by all that is known.
    """
    currencies = _currencies(company)
    parameters: dict[str, Any] = {
        "company": company.pk,
        "pipeline": pipeline_id,
        # Position 1 is the company's own currency, code 0; an unlisted one has no rates at all.
        "currencies": currencies,
        # Stored days are those of the company's zone: another one's lie within a day of them.
        "start": start if zone is None or start is None else start - timedelta(days=1),
        "end": end if zone is None or end is None else end + timedelta(days=1),
    }
    statement = _COLUMNS + (_IN_PLAY if start is not None else "")
    parts: list[list[bytes]] = []
    with connection.cursor() as cursor:
        cursor.execute(_ALONE)
        if start is None:
            cursor.execute(_BOUNDS, [company.pk, pipeline_id])
            first, last = cursor.fetchone()
        else:
            first, last = 1, 2**62
    # psycopg's own cursor, for Django's takes only text, in which a byte travels as two letters.
    with connection.wrap_database_errors, Cursor(connection.connection) as binary:
        windows = [] if first is None else _windows(first, last, whole=start is not None)
        for after, upto in windows:
            bounds = {"after": after, "upto": upto}
            binary.execute(statement, {**parameters, **bounds}, binary=True, prepare=False)
            row = binary.fetchone()
            if row is not None and row[0] is not None:
                parts.append([bytes(value) for value in row])
    columns = [b"".join(part[c] for part in parts) for c in range(7)] if parts else [b""] * 7
    return _history(company, stages, columns, zone)


def _windows(first: int, last: int, *, whole: bool) -> list[tuple[int, int]]:
    if whole:
        return [(first - 1, last)]
    return [(a - 1, min(a - 1 + _WINDOW, last)) for a in range(first, last + 1, _WINDOW)]


def _history(
    company: Company, stages: StageList, columns: list[bytes], zone: tzinfo | None
) -> History:
    deal_id = _big(columns[0], ">i8", np.int64)
    rep_product = _big(columns[2], ">i8", np.int64)
    source_reason = _big(columns[3], ">i8", np.int64)
    flags = _big(columns[4], ">i4", np.int32)
    lengths = _big(columns[5], ">i4", np.int64)
    visits = unpack_paths(columns[6], lengths, dict(stages.codes))

    rep, reps = _catalog(rep_product >> 32, dict(Rep.objects.values_list("id", "name")))
    product, products = _catalog(
        rep_product & 0xFFFFFFFF, dict(Product.objects.values_list("id", "name"))
    )
    sources = list(Source.objects.values_list("id", "name", "channel"))
    source, source_names = _catalog(source_reason >> 32, {i: name for i, name, _ in sources})
    channel, channels = _catalog(source_reason >> 32, {i: name for i, _, name in sources})
    teams = dict(Team.objects.values_list("id", "name"))
    team, team_names = _catalog(
        rep_product >> 32,
        {i: teams.get(team_id, "") for i, team_id in Rep.objects.values_list("id", "team_id")},
    )
    levels = {
        reason: LOST_LEVELS.index(level.replace("_", " "))
        for reason, level in LostReason.objects.values_list("id", "level")
    }
    # array_position counts from 1 and 0 is "not listed": the company's own becomes 0, an
    # unlisted currency the code after the last one, for which there is no rate.
    listed = flags >> 1
    unlisted = len(_currencies(company))
    currency = np.where(listed == 0, unlisted, listed - 1).astype(np.int32)
    return History(
        stages=stages.names,
        deal_id=deal_id,
        visit_start=visits.visit_start,
        entered_at=visits.entered_at,
        entered_on=visits.entered_on if zone is None else local_days(visits.entered_at, zone),
        stage=visits.stage,
        amount=_big(columns[1], ">f8", np.float64),
        currency=currency,
        path_known=(flags & 1).astype(np.bool_),
        lost_level=_lookup(source_reason & 0xFFFFFFFF, levels).astype(np.int8),
        channel=channel,
        source=source,
        product=product,
        rep=rep,
        team=team,
        labels={
            "channel": channels,
            "source": source_names,
            "product": products,
            "rep": reps,
            "team": team_names,
        },
    )


def read_rates(*, company: Company) -> Rates:
    """The company's own exchange rates; row 0 is its currency. Empty where it has none."""
    rates = ExchangeRate.objects.values_list("currency", "month", "rate")
    return rate_table(_currencies(company), rates)


def rate_table(currencies: Sequence[str], rates: Iterable[tuple[str, date, Decimal]]) -> Rates:
    """Rates by currency and month as a table; the first of the currencies is the company's own."""
    rows = [
        (currencies.index(currency), month.year * 12 + month.month - 1 - 1970 * 12, float(rate))
        for currency, month, rate in rates
        if currency != currencies[0]
    ]
    if not rows:
        return Rates.none(len(currencies) + 1)
    first = min(month for _, month, _ in rows)
    table = np.full((len(currencies) + 1, max(m for _, m, _ in rows) - first + 1), np.nan)
    for currency, month, rate in rows:
        table[currency, month - first] = rate
    table[0] = 1.0
    return Rates(first, table)


def read_losses(*, company: Company, deal_ids: Int64) -> tuple[Int64, Int64]:
    """[n] the lost reason and [n] the competitor of deals (ids, rising): ids, 0 where none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, coalesce(lost_reason_id, 0), coalesce(competitor_id, 0)"
            " FROM pipeline_deal WHERE company_id = %s AND id = ANY(%s) ORDER BY id",
            [company.pk, deal_ids.tolist()],
        )
        rows = np.array(cursor.fetchall(), np.int64).reshape(-1, 3)
    if not np.array_equal(rows[:, 0], deal_ids):
        raise KeyError("a deal is not in the database, or the ids do not rise")
    return rows[:, 1], rows[:, 2]


def first_opened_on(*, company: Company) -> date | None:
    """The local day of the company's very first transition, None without any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(opened_on) FROM pipeline_deal WHERE company_id = %s", [company.pk]
        )
        found: date | None = cursor.fetchone()[0]
    return found


def _currencies(company: Company) -> list[str]:
    others = set(ExchangeRate.objects.values_list("currency", flat=True)) - {company.currency}
    return [company.currency, *sorted(others)]


def _big(column: bytes, stored: str, wanted: Any) -> Any:
    return np.frombuffer(column, stored).astype(wanted)


def _catalog(ids: Int64, names: dict[int, str]) -> tuple[Any, tuple[str, ...]]:
    """Codes [n] and labels of a catalogue's ids; 0, unnamed and `unknown` are code 0."""
    texts = {i: name.strip() for i, name in names.items()}
    labels = ("unknown", *sorted(set(texts.values()) - {"", "unknown"}))
    code = {label: number for number, label in enumerate(labels)}
    return _lookup(ids, {i: code.get(text, 0) for i, text in texts.items()}), labels


def _lookup(ids: Int64, values: dict[int, int]) -> npt.NDArray[np.int32]:
    """The value of each id, 0 for id 0. KeyError for an id that the catalogue does not have."""
    known = np.array([0, *sorted(values)], np.int64)
    found = np.array([0, *(values[i] for i in sorted(values))], np.int32)
    place = np.searchsorted(known, ids)
    place[place == len(known)] = 0
    if not np.array_equal(known[place], ids):
        raise KeyError(f"id {ids[known[place] != ids][0]} is not in the catalogue")
    return found[place]
