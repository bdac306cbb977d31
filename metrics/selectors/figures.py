"""The figures of a company's quarters, from the newest snapshots: what every surface reads."""

import json
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from accounts.models import Company
from metrics.calc import read
from metrics.calc.calendar import Quarter
from metrics.calc.read import QuarterSnapshots, Snapshot, segment_figures
from metrics.calc.segments import ALL
from metrics.calc.stored import from_json
from metrics.calc.types import SegmentFigures, SnapshotStatus
from metrics.calc.velocity import VelocityOptions
from pipeline.models import Pipeline

_QUARTERS = """
    SELECT DISTINCT ON (quarter_start) quarter_start, quarter_end, quarter_label, status
    FROM metrics_snapshot
    WHERE company_id = %s AND pipeline_id = %s AND segment = 'all'
    ORDER BY quarter_start, version DESC
"""
_NEWEST = """
    SELECT DISTINCT ON (segment, quarter_start)
           quarter_start, quarter_label, segment, version, status, as_of, figures,
           definitions->>'velocity_number', definitions->>'velocity_cycle',
           (SELECT min(quarter_start) FROM metrics_snapshot
            WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s AND segment = 'all')
    FROM metrics_snapshot
    WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s
      AND (%(upto)s::date IS NULL OR quarter_start <= %(upto)s)
      AND (%(since)s::date IS NULL OR quarter_start >= %(since)s::date - interval '1 year')
      AND NOT EXISTS (SELECT FROM unnest(%(pinned)s::date[], %(versions)s::int[]) AS p(q, v)
                      WHERE p.q = quarter_start AND version > p.v)
      AND (%(segments)s::text[] IS NULL OR segment = ANY(%(segments)s))
    ORDER BY segment, quarter_start, version DESC
"""
# Which rows _NEWEST would read, without reading them: enough to know whether anything changed.
_MARKS = """
    SELECT DISTINCT ON (segment, quarter_start) id, computed_at, as_of, digest
    FROM metrics_snapshot
    WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s
      AND (%(upto)s::date IS NULL OR quarter_start <= %(upto)s)
      AND (%(since)s::date IS NULL OR quarter_start >= %(since)s::date - interval '1 year')
      AND segment = ANY(%(segments)s)
    ORDER BY segment, quarter_start, version DESC
"""
# The win rate's mix is that of the channels, so their rows are read with any others.
_CHANNELS = ("channel=inbound", "channel=outbound", "channel=unknown")
_KEPT = 32  # readings that a process remembers, some 300 kB each
_SEGMENTS = """
    SELECT DISTINCT segment FROM metrics_snapshot
    WHERE company_id = %s AND pipeline_id = %s AND quarter_start = %s
      AND (NOT %s OR segment !~ '&(source|product|rep|team)=')
"""


def default_pipeline(*, company: Company) -> int | None:
    """The pipeline that pages show first; None while the company has none."""
    return next(iter(pipelines_of(company=company)), None)


def pipelines_of(*, company: Company) -> dict[int, str]:
    """The pipelines by id with their names, the one that pages show first first.

    Retired ones too: their quarters stay.
    """
    rows = Pipeline.objects.filter(company=company).order_by("position", "id")
    return dict(rows.values_list("id", "name"))


def quarters_of(*, company: Company, pipeline_id: int | None = None) -> tuple[Quarter, ...]:
    """The quarters that have figures, newest last."""
    return tuple(statuses_of(company=company, pipeline_id=pipeline_id))


def statuses_of(
    *, company: Company, pipeline_id: int | None = None
) -> dict[Quarter, SnapshotStatus]:
    """The quarters that have figures, newest last, each with whether it is final."""
    pipeline_id = pipeline_id or default_pipeline(company=company)
    with connection.cursor() as cursor:
        cursor.execute(_QUARTERS, [company.pk, pipeline_id])
        return {Quarter(*quarter): status for *quarter, status in cursor.fetchall()}


def segments_of(
    *, company: Company, quarter: Quarter, pipeline_id: int | None = None, single: bool = False
) -> tuple[str, ...]:
    """The segments that have figures in a quarter: `all` first, then by name.

    `single` leaves out those of two dimensions, which are most.
    """
    pipeline_id = pipeline_id or default_pipeline(company=company)
    with connection.cursor() as cursor:
        cursor.execute(_SEGMENTS, [company.pk, pipeline_id, quarter.start, single])
        return tuple(sorted((row[0] for row in cursor.fetchall()), key=lambda s: (s != ALL, s)))


def figures_of(
    *,
    company: Company,
    segment: str = ALL,
    upto: date | None = None,
    pipeline_id: int | None = None,
) -> tuple[SegmentFigures, ...]:
    """The figures of one segment, quarter by quarter, oldest first.

    `upto` is the start of the last quarter wanted. A quarter in which the segment had no deal
    in play is left out: there is nothing to say about it.
    """
    found = figures_by_segment(
        company=company, segments=[segment], upto=upto, pipeline_id=pipeline_id
    )
    return found[segment]


@dataclass(frozen=True, slots=True)
class Unread:
    """Figures of segments, named by the very rows that they come from, and read when asked for.

    A page that was made of the same `rows` (with what else it depends on) can be handed out again
    without reading them.
    """

    rows: tuple[object, ...]
    read: Callable[[], dict[str, tuple[SegmentFigures, ...]]]


def figures_by_segment(
    *,
    company: Company,
    segments: Iterable[str],
    upto: date | None = None,
    since: date | None = None,
    pipeline_id: int | None = None,
) -> dict[str, tuple[SegmentFigures, ...]]:
    """`figures_of` for several segments from one reading.

    `since` is the start of the first quarter wanted: of those before it, only the year that is
    usual for it is read.
    """
    return unread_figures(
        company=company, segments=segments, upto=upto, since=since, pipeline_id=pipeline_id
    ).read()


def unread_figures(
    *,
    company: Company,
    segments: Iterable[str],
    upto: date | None = None,
    since: date | None = None,
    pipeline_id: int | None = None,
) -> Unread:
    """`figures_by_segment`, not read yet: one small query for the names of its rows."""
    wanted = list(segments)
    pipeline_id = pipeline_id or default_pipeline(company=company)
    names = sorted({*wanted, ALL, *_CHANNELS})
    rows = _marks(company, pipeline_id, upto, names, since)

    def read() -> dict[str, tuple[SegmentFigures, ...]]:
        found = _remember(company, pipeline_id, upto, names, set(wanted), since, rows)
        return {
            segment: tuple(found[key] for key in sorted(found) if key[1] == segment)
            for segment in wanted
        }

    return Unread(rows, read)


def figures_at(
    *,
    company: Company,
    segments: Iterable[str],
    versions: Mapping[date, int | None],
    pipeline_id: int | None = None,
) -> dict[tuple[date, str], SegmentFigures]:
    """(first day of a quarter, segment) -> its figures as they stood in a version.

    `versions` names the quarters wanted, each with the number of its restatement (1: as first
    reported) or None for the newest. A restatement stores only the segments that it changed, so
    a segment's figures are its newest not above that number. What leans on other quarters
    (usual, levers) is computed from their newest versions, as everywhere.
    """
    wanted = list(segments)
    pinned = {start: version for start, version in versions.items() if version is not None}
    upto = max(versions, default=None)
    if upto is None:
        return {}
    return _computed(
        company,
        pipeline_id or default_pipeline(company=company),
        upto,
        [*wanted, ALL],
        set(wanted),
        starts=set(versions),
        pinned=pinned,
    )


def all_figures(
    *, company: Company, pipeline_id: int | None = None
) -> dict[str, dict[str, SegmentFigures]]:
    """Every quarter, oldest first, with every segment by name."""
    pipeline_id = pipeline_id or default_pipeline(company=company)
    found = _computed(company, pipeline_id, None, None, None)
    out: dict[str, dict[str, SegmentFigures]] = {}
    for key in sorted(found):
        figures = found[key]
        out.setdefault(figures.quarter, {})[figures.segment] = figures
    return out


def usual_starts(
    *, company: Company, start: date, pipeline_id: int | None = None
) -> tuple[date, ...]:
    """The first days of the quarters that are "usual" for the one that begins on `start`."""
    pipeline_id = pipeline_id or default_pipeline(company=company)
    quarters = _newest(company, pipeline_id, start, [ALL])
    if start not in quarters:
        return ()
    usual = read.usual_quarters(_snapshots(quarters), quarters[start].label)
    return tuple(quarter.start for quarter in usual)


@dataclass(frozen=True, slots=True)
class _Quarter:
    label: str
    first: bool  # of all that the company has
    options: VelocityOptions
    segments: dict[str, Snapshot]


_Found = dict[tuple[date, str], SegmentFigures]
_remembered: OrderedDict[tuple[object, ...], _Found] = OrderedDict()


def _marks(
    company: Company,
    pipeline_id: int | None,
    upto: date | None,
    segments: list[str],
    since: date | None,
) -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            _MARKS,
            {
                "company": company.pk,
                "pipeline": pipeline_id,
                "upto": upto,
                "since": since,
                "segments": segments,
            },
        )
        return tuple(cursor.fetchall())


def _remember(
    company: Company,
    pipeline_id: int | None,
    upto: date | None,
    segments: list[str],
    wanted: set[str],
    since: date | None,
    rows: tuple[object, ...],
) -> _Found:
    """The figures of the wanted segments; those of rows that have not changed are remembered.

    What is remembered is named by the very rows that the reader may see now, so that nothing is
    ever stale, nor another company's.
    """
    key = (company.pk, pipeline_id, company.timezone, frozenset(wanted), since, rows)
    found = _remembered.pop(key, None)
    if found is None:
        found = _computed(company, pipeline_id, upto, segments, wanted, since=since)
    _remembered[key] = found
    while len(_remembered) > _KEPT:
        _remembered.popitem(last=False)
    return found


def _computed(
    company: Company,
    pipeline_id: int | None,
    upto: date | None,
    segments: list[str] | None,
    wanted: set[str] | None,
    *,
    starts: Collection[date] | None = None,
    pinned: Mapping[date, int] | None = None,
    since: date | None = None,
) -> _Found:
    quarters = _newest(company, pipeline_id, upto, segments, pinned, since)
    if not quarters:
        return {}
    snapshots = _snapshots(quarters)
    days = {quarter.label: start for start, quarter in quarters.items()}
    found: _Found = {}
    # Each quarter is read by the options that it was computed with (docs/metrics.md, Snapshots).
    for options in {quarter.options for quarter in quarters.values()}:
        pairs = [
            (quarter.label, name)
            for start, quarter in quarters.items()
            if quarter.options == options
            and (starts is None or start in starts)
            and (since is None or start >= since)
            for name in quarter.segments
            if wanted is None or name in wanted
        ]
        for (label, name), figures in segment_figures(
            snapshots, options=options, wanted=pairs
        ).items():
            found[days[label], name] = figures
    return found


def _snapshots(quarters: Mapping[date, _Quarter]) -> list[QuarterSnapshots]:
    return [
        QuarterSnapshots(quarter.label, start, quarter.first, quarter.segments)
        for start, quarter in quarters.items()
    ]


def _newest(
    company: Company,
    pipeline_id: int | None,
    upto: date | None,
    segments: list[str] | None,
    pinned: Mapping[date, int] | None = None,
    since: date | None = None,
) -> dict[date, _Quarter]:
    """The newest version of each segment and quarter, of the `pinned` ones not above theirs."""
    held = pinned or {}
    with connection.cursor() as cursor:
        cursor.execute(
            _NEWEST,
            {
                "company": company.pk,
                "pipeline": pipeline_id,
                "upto": upto,
                "since": since,
                "segments": segments,
                "pinned": list(held),
                "versions": list(held.values()),
            },
        )
        rows = cursor.fetchall()
    quarters: dict[date, _Quarter] = {}
    for start, label, segment, version, status, as_of, figures, number, cycle, first in rows:
        quarter = quarters.setdefault(
            start, _Quarter(label, start == first, VelocityOptions(number, cycle), {})
        )
        quarter.segments[segment] = Snapshot(
            from_json(_loaded(figures)), _local(as_of, company), status, version
        )
    return dict(sorted(quarters.items()))


def _loaded(figures: Any) -> Any:
    # A raw cursor of Django hands JSON over as text.
    return json.loads(figures) if isinstance(figures, str) else figures


def _local(instant: datetime, company: Company) -> datetime:
    return instant.astimezone(company.zone)
