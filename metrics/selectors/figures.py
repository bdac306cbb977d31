"""The figures of a company's quarters, from the newest snapshots: what every surface reads."""

import json
from collections.abc import Iterable, Mapping
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
from metrics.calc.types import SegmentFigures
from metrics.calc.velocity import VelocityOptions
from pipeline.models import Pipeline

_QUARTERS = """
    SELECT DISTINCT quarter_start, quarter_end, quarter_label FROM metrics_snapshot
    WHERE company_id = %s AND pipeline_id = %s AND segment = 'all' ORDER BY quarter_start
"""
_NEWEST = """
    SELECT DISTINCT ON (segment, quarter_start)
           quarter_start, quarter_label, segment, version, status, as_of, figures,
           definitions->>'velocity_number', definitions->>'velocity_cycle'
    FROM metrics_snapshot
    WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s
      AND (%(upto)s::date IS NULL OR quarter_start <= %(upto)s)
      AND (%(segments)s::text[] IS NULL OR segment = ANY(%(segments)s)
           OR (segment LIKE 'channel=%%' AND segment NOT LIKE '%%&%%'))
    ORDER BY segment, quarter_start, version DESC
"""
_SEGMENTS = """
    SELECT DISTINCT segment FROM metrics_snapshot
    WHERE company_id = %s AND pipeline_id = %s AND quarter_start = %s
"""


def default_pipeline(*, company: Company) -> int | None:
    """The pipeline that pages show first; None while the company has none."""
    found: int | None = (
        Pipeline.objects.filter(company=company)
        .order_by("position", "id")
        .values_list("id", flat=True)
        .first()
    )
    return found


def quarters_of(*, company: Company, pipeline_id: int | None = None) -> tuple[Quarter, ...]:
    """The quarters that have figures, newest last."""
    pipeline_id = pipeline_id or default_pipeline(company=company)
    with connection.cursor() as cursor:
        cursor.execute(_QUARTERS, [company.pk, pipeline_id])
        return tuple(Quarter(*row) for row in cursor.fetchall())


def segments_of(
    *, company: Company, quarter: Quarter, pipeline_id: int | None = None
) -> tuple[str, ...]:
    """The segments that have figures in a quarter: `all` first, then by name."""
    pipeline_id = pipeline_id or default_pipeline(company=company)
    with connection.cursor() as cursor:
        cursor.execute(_SEGMENTS, [company.pk, pipeline_id, quarter.start])
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
    found = _read(company, pipeline_id, upto, [segment, ALL], wanted={segment})
    return tuple(found[key] for key in sorted(found))


def figures_by_segment(
    *,
    company: Company,
    segments: Iterable[str],
    upto: date | None = None,
    pipeline_id: int | None = None,
) -> dict[str, tuple[SegmentFigures, ...]]:
    """`figures_of` for several segments from one reading."""
    wanted = list(segments)
    found = _read(company, pipeline_id, upto, [*wanted, ALL], wanted=set(wanted))
    return {
        segment: tuple(found[key] for key in sorted(found) if key[1] == segment)
        for segment in wanted
    }


def all_figures(
    *, company: Company, pipeline_id: int | None = None
) -> dict[str, dict[str, SegmentFigures]]:
    """Every quarter, oldest first, with every segment by name."""
    found = _read(company, pipeline_id, None, None, wanted=None)
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
    options: VelocityOptions
    segments: dict[str, Snapshot]


def _read(
    company: Company,
    pipeline_id: int | None,
    upto: date | None,
    segments: list[str] | None,
    wanted: set[str] | None,
) -> dict[tuple[date, str], SegmentFigures]:
    quarters = _newest(company, pipeline_id or default_pipeline(company=company), upto, segments)
    if not quarters:
        return {}
    snapshots = _snapshots(quarters)
    starts = {quarter.label: start for start, quarter in quarters.items()}
    found: dict[tuple[date, str], SegmentFigures] = {}
    # Each quarter is read by the options that it was computed with (docs/metrics.md, Snapshots).
    for options in {quarter.options for quarter in quarters.values()}:
        pairs = [
            (quarter.label, name)
            for quarter in quarters.values()
            if quarter.options == options
            for name in quarter.segments
            if wanted is None or name in wanted
        ]
        for (label, name), figures in segment_figures(
            snapshots, options=options, wanted=pairs
        ).items():
            found[starts[label], name] = figures
    return found


def _snapshots(quarters: Mapping[date, _Quarter]) -> list[QuarterSnapshots]:
    first = min(quarters)
    return [
        QuarterSnapshots(quarter.label, start, start == first, quarter.segments)
        for start, quarter in quarters.items()
    ]


def _newest(
    company: Company, pipeline_id: int | None, upto: date | None, segments: list[str] | None
) -> dict[date, _Quarter]:
    with connection.cursor() as cursor:
        cursor.execute(
            _NEWEST,
            {
                "company": company.pk,
                "pipeline": pipeline_id,
                "upto": upto,
                "segments": segments,
            },
        )
        rows = cursor.fetchall()
    quarters: dict[date, _Quarter] = {}
    for start, label, segment, version, status, as_of, figures, number, cycle in rows:
        quarter = quarters.setdefault(start, _Quarter(label, VelocityOptions(number, cycle), {}))
        quarter.segments[segment] = Snapshot(
            from_json(_loaded(figures)), _local(as_of, company), status, version
        )
    return dict(sorted(quarters.items()))


def _loaded(figures: Any) -> Any:
    # A raw cursor of Django hands JSON over as text.
    return json.loads(figures) if isinstance(figures, str) else figures


def _local(instant: datetime, company: Company) -> datetime:
    return instant.astimezone(company.zone)
