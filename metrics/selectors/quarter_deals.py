"""The deals of quarters as their newest snapshots saw them, read anew from the facts.

What a snapshot fixes holds here too: its as_of, its own stages, its time zone. Where facts have
changed since and the figures are still being recomputed, `behind` says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Q

from accounts.models import Company
from metrics.calc.calendar import Quarter, as_of_for, moment
from metrics.calc.quarter_work import QuarterWork, prepare
from metrics.calc.segments import ALL
from metrics.models import Snapshot
from metrics.readers import Basis, basis_of, read_history, read_rates
from pipeline.models import DirtyQuarter


@dataclass(frozen=True, slots=True)
class QuarterDeals:
    """The deals in play in one quarter. `work` holds them by deal id, for every segment.

    `stage_ids` are those of the snapshot's own open stages, by position; `version` and `status`
    are the snapshot's. `as_of` is in the company's zone.
    """

    quarter: Quarter
    status: str
    version: int
    as_of: datetime
    behind: bool
    stage_ids: tuple[int, ...]
    work: QuarterWork

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the open stages, by position."""
        return self.work.history.stages


def quarter_deals(
    *,
    company: Company,
    pipeline_id: int,
    starts: Sequence[date],
    segment: str,
    now: datetime,
    today: bool = False,
) -> tuple[QuarterDeals, ...]:
    """The quarters that begin on `starts`, oldest first; one without a snapshot is left out.

    `segment` tells whose snapshot's as_of counts: a running quarter replaces only the rows that
    changed. With `today`, the deals are as they stand now whatever the snapshot fixed, in its
    stages still. One reading of the facts for all quarters of the same stages and zone.
    """
    rows = _newest(company, pipeline_id, starts, segment)
    behind = _behind(company, [row["quarter_start"] for row in rows], now)
    bases: dict[str, Basis] = {}
    groups: dict[Basis, list[tuple[dict[str, Any], datetime]]] = {}
    for row in rows:
        key = repr([row["definitions"][name] for name in ("stage_ids", "stages", "timezone")])
        if key not in bases:
            bases[key] = basis_of(
                company=company, pipeline_id=pipeline_id, definitions=row["definitions"]
            )
        as_of = (
            company.clock(now)
            if today
            else _as_of(row, company, now, behind=row["quarter_start"] in behind)
        )
        groups.setdefault(bases[key], []).append((row, as_of))
    rates = read_rates(company=company) if rows else None
    found: list[QuarterDeals] = []
    for basis, asked in groups.items():
        history = read_history(
            company=company,
            pipeline_id=pipeline_id,
            stages=basis.stages,
            start=min(row["quarter_start"] for row, _ in asked),
            end=max(row["quarter_end"] for row, _ in asked),
            zone=basis.zone,
        )
        zone = basis.zone or company.zone
        for row, as_of in asked:
            quarter = Quarter(row["quarter_start"], row["quarter_end"], row["quarter_label"])
            assert rates is not None  # there are rows
            work = prepare(history, None, quarter, moment(as_of, zone), rates)
            found.append(
                QuarterDeals(
                    quarter=quarter,
                    status=row["status"],
                    version=row["version"],
                    as_of=as_of.astimezone(company.zone),
                    behind=quarter.start in behind,
                    stage_ids=basis.stages.ids,
                    work=work,
                )
            )
    return tuple(sorted(found, key=lambda one: one.quarter.start))


def _newest(
    company: Company, pipeline_id: int, starts: Sequence[date], segment: str
) -> list[dict[str, Any]]:
    """The newest row of the segment in each quarter, of `all` where the segment has none."""
    rows = (
        Snapshot.objects.filter(
            company=company,
            pipeline_id=pipeline_id,
            quarter_start__in=list(starts),
            segment__in={segment, ALL},
        )
        .order_by("quarter_start", "segment", "-version")
        .distinct("quarter_start", "segment")
        .values(
            "quarter_start",
            "quarter_end",
            "quarter_label",
            "segment",
            "status",
            "version",
            "as_of",
            "definitions",
        )
    )
    found: dict[date, dict[str, Any]] = {}
    for row in rows:
        if row["segment"] == segment or row["quarter_start"] not in found:
            found[row["quarter_start"]] = row
    return list(found.values())


def _behind(company: Company, starts: Sequence[date], now: datetime) -> set[date]:
    """The quarters whose figures wait for a recomputation."""
    waiting = Q(gen__gt=F("done_gen")) | Q(due_at__lte=now)
    rows = DirtyQuarter.objects.filter(waiting, company=company, quarter_start__in=list(starts))
    return set(rows.values_list("quarter_start", flat=True))


def _as_of(row: Mapping[str, Any], company: Company, now: datetime, *, behind: bool) -> datetime:
    """The instant that the figures are relative to.

    Of a running quarter a row that did not change keeps its older as_of; nothing has happened
    since then that its figures tell, but a moment of a deal may have been corrected to lie after
    it. So it is now, unless the figures themselves are of an earlier now.
    """
    as_of: datetime = row["as_of"]
    if row["status"] == Snapshot.Status.FINAL or behind:
        return as_of
    definitions = row["definitions"]
    quarter = Quarter(row["quarter_start"], row["quarter_end"], row["quarter_label"])
    zone = ZoneInfo(definitions["timezone"])
    return as_of_for(quarter, definitions["settle_days"], zone, company.clock(now))
