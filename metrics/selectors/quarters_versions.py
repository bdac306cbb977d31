"""Which versions a quarter has, what each was computed with, and who signed which of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from accounts.models import Company
from metrics.calc.calendar import Quarter
from metrics.models import SignOff, Snapshot
from metrics.selectors.sign_offs import shown_name

# A restatement stores only the segments that it changed: all of one moment share their number.
_VERSIONS = """
    SELECT quarter_start, version, min(computed_at), min(as_of), count(*), bool_or(imported),
           min(status),
           max(CASE WHEN segment = %(segment)s
               THEN (SELECT count(*) FROM jsonb_object_keys(cause -> 'fields')) END)
    FROM metrics_snapshot
    WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s
      AND (%(start)s::date IS NULL OR quarter_start = %(start)s)
    GROUP BY quarter_start, version ORDER BY quarter_start, version
"""
_DEFINITIONS = """
    SELECT DISTINCT ON (quarter_start) quarter_start, definitions
    FROM metrics_snapshot
    WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s AND segment = 'all'
      AND (%(start)s::date IS NULL OR quarter_start = %(start)s)
      AND (%(version)s::int IS NULL OR version <= %(version)s)
    ORDER BY quarter_start, version DESC
"""
_SEGMENTS = """
    SELECT DISTINCT segment FROM metrics_snapshot WHERE company_id = %s AND pipeline_id = %s
"""


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a whole quarter: 0 while it runs, 1 as first reported, then restatements.

    One that runs on after a clock closed it too early bears the number of the closing to come.

    `fields` is how many figures of the asked segment differ from the version before; None where
    this version left that segment alone. `segments` is how many rows it wrote.
    """

    start: date
    number: int
    at: datetime
    as_of: datetime
    segments: int
    imported: bool
    status: str
    fields: int | None

    @property
    def restated(self) -> bool:
        return self.number > 1 and self.status == Snapshot.Status.FINAL


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of a quarter and, where there is one, its countersignature.

    `stale`: the quarter was restated after it, so that it stands behind an older version.
    """

    by: str
    at: datetime
    comment: str
    countersigned_by: str
    countersigned_at: datetime | None
    stale: bool


def versions_by_quarter(
    *, company: Company, pipeline_id: int | None, segment: str, start: date | None = None
) -> dict[date, tuple[Version, ...]]:
    """Every version of every quarter, or of the one that begins on `start`; oldest first."""
    found: dict[date, list[Version]] = {}
    given = {"company": company.pk, "pipeline": pipeline_id, "segment": segment, "start": start}
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, given)
        for day, number, at, as_of, segments, imported, status, fields in cursor.fetchall():
            version = Version(
                day,
                number,
                company_time(at, company),
                company_time(as_of, company),
                segments,
                imported,
                status,
                # Of the first there is nothing before it that could differ.
                fields if number > 1 else None,
            )
            found.setdefault(day, []).append(version)
    return {day: tuple(versions) for day, versions in found.items()}


def definitions_by_quarter(
    *,
    company: Company,
    pipeline_id: int | None,
    start: date | None = None,
    version: int | None = None,
) -> dict[date, Mapping[str, Any]]:
    """What each quarter's newest version (or the one of that number) was computed with."""
    given = {"company": company.pk, "pipeline": pipeline_id, "start": start, "version": version}
    with connection.cursor() as cursor:
        cursor.execute(_DEFINITIONS, given)
        # A raw cursor of Django hands JSON over as text.
        return {
            day: json.loads(value) if isinstance(value, str) else value
            for day, value in cursor.fetchall()
        }


def every_segment(*, company: Company, pipeline_id: int | None) -> tuple[str, ...]:
    """The segments that have figures in any quarter, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_SEGMENTS, [company.pk, pipeline_id])
        return tuple(sorted(row[0] for row in cursor.fetchall()))


def signatures(
    *,
    pipeline_id: int | None,
    versions: Mapping[date, Sequence[Version]],
    company: Company,
) -> dict[date, Signature]:
    """The newest signature of each quarter that has one: one query."""
    rows = SignOff.objects.filter(pipeline_id=pipeline_id)
    rows = rows.select_related("by").order_by("at", "pk")
    if len(versions) == 1:
        rows = rows.filter(quarter_start=next(iter(versions)))
    signed: dict[date, SignOff] = {}
    counter: dict[int, SignOff] = {}
    for row in rows:
        if row.kind == SignOff.Kind.SIGNED:
            signed[row.quarter_start] = row
        elif row.countersigns_id is not None:
            counter[row.countersigns_id] = row
    found = {}
    for start, row in signed.items():
        second = counter.get(row.pk)
        newest = max((v.number for v in versions.get(start, ())), default=0)
        stands_behind = max((int(v) for v in row.versions.values()), default=0)
        found[start] = Signature(
            by=shown_name(row),
            at=company_time(row.at, company),
            comment=row.comment,
            countersigned_by=shown_name(second) if second else "",
            countersigned_at=company_time(second.at, company) if second else None,
            stale=stands_behind < newest,
        )
    return found


def quarter_by_label(quarters: Sequence[Quarter], label: str) -> int | None:
    """Where a label stands among the quarters; None where there is none of that name."""
    return next((i for i, quarter in enumerate(quarters) if quarter.label == label), None)


def company_time(instant: datetime, company: Company) -> datetime:
    """An instant on the company's clock face."""
    return instant.astimezone(company.zone)
