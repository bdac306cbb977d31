"""The restatements of a quarter: each version with what changed, by how much, and why.

Beside them "as reported" (the first final version) against "as known now", for any segment.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.types import SegmentFigures
from metrics.selectors import wording
from metrics.selectors.filters import segment_text
from metrics.selectors.quarters_causes import CauseText, cause_texts, moment_text
from metrics.selectors.quarters_fields import FieldChange, field_changes
from metrics.selectors.quarters_picker import query_of
from metrics.selectors.quarters_versions import Version

SEGMENTS_SHOWN = 24
# The cause is the same in all rows of a version; the fields are those of the asked segment.
_CAUSES = """
    SELECT DISTINCT ON (version) version, segment, cause
    FROM metrics_snapshot
    WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s AND quarter_start = %(start)s
      AND version > 1 AND status = 'final'
    ORDER BY version, segment = %(segment)s DESC, segment = 'all' DESC, segment
"""
_TOUCHED = """
    SELECT version, segment, (SELECT count(*) FROM jsonb_object_keys(cause -> 'fields'))
    FROM metrics_snapshot
    WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s AND quarter_start = %(start)s
      AND version > 1 AND status = 'final'
    ORDER BY version, segment <> 'all', segment LIKE '%%&%%', segment
"""


@dataclass(frozen=True, slots=True)
class Touched:
    """A segment that a restatement changed, and how many of its figures."""

    text: str
    query: str
    figures: str
    current: bool


@dataclass(frozen=True, slots=True)
class Restatement:
    """One restatement. `changes` is empty where it left the asked segment alone."""

    number: int
    when: str
    title: str
    cause: CauseText
    changes: tuple[FieldChange, ...]
    segments: tuple[Touched, ...]
    more_segments: str


@dataclass(frozen=True, slots=True)
class ReportedRow:
    """One figure as it was first reported, and as it is known now."""

    name: str
    anchor: str
    reported: str
    now: str
    difference: str


@dataclass(frozen=True, slots=True)
class Reported:
    """As reported against as known now; `empty` says why there is nothing to set side by side."""

    rows: tuple[ReportedRow, ...]
    empty: str


def restatements(
    *,
    company: Company,
    pipeline_id: int | None,
    start: date,
    versions: Sequence[Version],
    segment: str,
    stages: Sequence[str],
    style: Style,
    kept: Sequence[tuple[str, str]] = (),
) -> tuple[Restatement, ...]:
    """Every restatement of the quarter that begins on `start`, newest first.

    `stages` are the names of the quarter's own stages; `kept` is what links carry along. A fixed
    number of queries, however many restatements there are; none where there are none.
    """
    later = [version for version in versions if version.restated]
    if not later:
        return ()
    given = {
        "company": company.pk,
        "pipeline": pipeline_id,
        "start": start,
        "segment": segment,
    }
    causes, whose = _causes(given)
    touched = _touched(given)
    told = cause_texts(company=company, causes=causes, style=style)
    return tuple(
        _restatement(
            version,
            told[version.number],
            causes[version.number].get("fields", {}) if whose[version.number] == segment else {},
            touched.get(version.number, []),
            segment,
            stages,
            style,
            kept,
        )
        for version in reversed(later)
    )


def causes_of(
    *, company: Company, pipeline_id: int | None, start: date, style: Style
) -> dict[int, CauseText]:
    """Version -> who and what caused it, of every restatement of one quarter."""
    given = {"company": company.pk, "pipeline": pipeline_id, "start": start, "segment": "all"}
    causes, _whose = _causes(given)
    return cause_texts(company=company, causes=causes, style=style) if causes else {}


def _causes(given: Mapping[str, Any]) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_CAUSES, given)
        rows = cursor.fetchall()
    # A raw cursor of Django hands JSON over as text.
    causes = {row[0]: json.loads(row[2]) if isinstance(row[2], str) else row[2] for row in rows}
    return causes, {row[0]: row[1] for row in rows}


def _touched(given: Mapping[str, Any]) -> dict[int, list[tuple[str, int]]]:
    found: dict[int, list[tuple[str, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED, given)
        for version, segment, count in cursor.fetchall():
            found.setdefault(version, []).append((segment, count))
    return found


def _restatement(
    version: Version,
    cause: CauseText,
    fields: Mapping[str, Sequence[Any]],
    touched: Sequence[tuple[str, int]],
    segment: str,
    stages: Sequence[str],
    style: Style,
    kept: Sequence[tuple[str, str]],
) -> Restatement:
    more = max(0, len(touched) - SEGMENTS_SHOWN)
    return Restatement(
        number=version.number,
        when=moment_text(version.at, style),
        title=_("Restatement {n}").format(n=formats.number(version.number - 1, style)),
        cause=cause,
        changes=field_changes(fields, stages, style),
        segments=tuple(
            Touched(
                segment_text(name),
                query_of((*kept, ("seg", name))),
                ngettext("{n} figure", "{n} figures", count).format(n=formats.number(count, style)),
                name == segment,
            )
            for name, count in touched[:SEGMENTS_SHOWN]
        ),
        more_segments=ngettext("and {n} more selection", "and {n} more selections", more).format(
            n=formats.number(more, style)
        )
        if more
        else "",
    )


def reported(*, first: SegmentFigures | None, now: SegmentFigures | None, style: Style) -> Reported:
    """The first final version beside the newest, for one segment."""
    if first is None and now is None:
        return Reported((), _("No deal of this selection was in play."))
    if first is None:
        return Reported(
            (), _("These deals were not in the first report: they became known afterwards.")
        )
    if now is None:
        return Reported((), _("These deals are no longer in this quarter."))
    return Reported(tuple(_rows(first, now, style)), "")


def _rows(first: SegmentFigures, now: SegmentFigures, style: Style) -> list[ReportedRow]:
    def row(name: str, anchor: str, texts: tuple[str | None, str | None], change: str | None):  # type: ignore[no-untyped-def]
        none = _("none")
        was, is_now = (text or none for text in texts)
        return ReportedRow(name, anchor, was, is_now, change or "")

    def money(name: str, anchor: str, one: float | None, two: float | None) -> ReportedRow:
        change = (
            formats.signed_money(two - one, style) if one is not None and two is not None else None
        )
        texts = formats.money(one, style), formats.money(two, style)
        return row(name, anchor, texts, change)  # type: ignore[no-any-return]

    def count(name: str, anchor: str, one: int, two: int) -> ReportedRow:
        texts = formats.number(one, style), formats.number(two, style)
        return row(name, anchor, texts, formats.signed_number(two - one, style))  # type: ignore[no-any-return]

    def rate(name: str, anchor: str, one: tuple[int, int], two: tuple[int, int]) -> ReportedRow:
        texts = tuple(formats.rate_of(k, n, style) if n else None for k, n in (one, two))
        change = (
            formats.pts(two[0] / two[1] - one[0] / one[1], style)
            if min(one[1], two[1]) >= wording.FEW
            else None
        )
        return row(name, anchor, (texts[0], texts[1]), change)  # type: ignore[no-any-return]

    cycle = (
        formats.signed_number(now.cycle_mean - first.cycle_mean, style, decimals=1)
        if first.cycle_mean is not None and now.cycle_mean is not None
        else None
    )
    number = (
        formats.signed_number(now.number_of_deals - first.number_of_deals, style, decimals=1)
        if first.number_of_deals is not None and now.number_of_deals is not None
        else None
    )
    rows = [
        money(_("Velocity a day"), "velocity", first.velocity, now.velocity),
        row(
            _("Number of deals"),
            "number-of-deals",
            tuple(wording.number_value(f.number_of, f, style) for f in (first, now)),
            number,
        ),
        rate(_("Win rate"), "win-rate", (first.won, first.closed), (now.won, now.closed)),
        money(_("Average deal"), "average-deal-size", first.avg_deal_size, now.avg_deal_size),
        row(
            _("Cycle"),
            "cycle",
            tuple(cycle_text(f.cycle_mean, style) for f in (first, now)),
            cycle,
        ),
        money(_("Revenue won"), "revenue-won", first.revenue_won, now.revenue_won),
        count(_("Deals opened"), "counts", first.opened, now.opened),
        count(_("Deals won"), "counts", first.won, now.won),
        count(_("Deals lost"), "counts", first.lost, now.lost),
        count(_("Open at the end"), "counts", first.open_at_end, now.open_at_end),
    ]
    for one, two in zip(first.stages, now.stages, strict=False):
        rows.append(
            rate(
                _("Went on from {stage}").format(stage=two.name),
                "exit-conversion",
                (one.advanced, one.advanced + one.lost_at),
                (two.advanced, two.advanced + two.lost_at),
            )
        )
    return rows


def cycle_text(value: float | None, style: Style) -> str | None:
    """A mean duration with one decimal: 88.4 days."""
    text = formats.number(value, style, decimals=1)
    return None if text is None else _("{n} days").format(n=text)


def as_of_text(as_of: datetime, style: Style) -> str:
    """Up to which instant the quarter's facts count."""
    return moment_text(as_of, style)
