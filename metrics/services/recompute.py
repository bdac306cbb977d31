"""Recompute quarters from the facts: one at a time behind its dirty row, or all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction

from accounts.models import Company
from accounts.tenancy.context import company_context
from metrics.calc.calendar import (
    Quarter,
    as_of_for,
    final_at,
    local_midnight,
    moment,
    quarter_of,
    quarters_between,
    status,
)
from metrics.calc.figures import QuarterTable, quarter_table, quarter_tables
from metrics.calc.segments import ALL
from metrics.calc.stored import DEFINITIONS
from metrics.calc.stored_rows import SegmentRows
from metrics.calc.types import SnapshotStatus
from metrics.models import Snapshot
from metrics.readers import (
    StageList,
    basis_of,
    first_opened_on,
    read_history,
    read_rates,
    stages_of,
)
from metrics.services.causes import Cause, Known, facts_since, known_now
from metrics.services.closing import Closings
from metrics.services.publish import Computed, Published, publish
from metrics.services.sweep import is_due
from metrics.services.usual_days import refresh_usual_days
from pipeline.models import DirtyQuarter, Pipeline


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What came of recomputing one quarter: rows written and removed, restated pipelines."""

    quarter: Quarter
    written: int
    removed: int
    restated: bool


def definitions_of(*, company: Company, stages: StageList) -> dict[str, Any]:
    """What a snapshot was computed with: kept beside its figures."""
    return {
        "definitions": DEFINITIONS,
        "timezone": company.timezone,
        "currency": company.currency,
        "fiscal_year_start_month": company.fiscal_year_start_month,
        "settle_days": company.settle_days,
        "velocity_number": str(company.velocity_number),
        "velocity_cycle": str(company.velocity_cycle),
        "stages": list(stages.names),
        "stage_ids": list(stages.ids),
        "code": settings.CODE_VERSION,
    }


def all_quarters(*, company: Company, now: datetime) -> tuple[Quarter, ...]:
    """Every quarter from the company's first transition to its "now"; none without a history.

    Quarters that were closed with another calendar keep it: those of the present calendar begin
    with the first that ends later than they do.
    """
    first = first_opened_on(company=company)
    today = company.local_day(company.clock(now))
    if first is None or first > today:
        return ()
    present = quarters_between(first, today, company.fiscal_year_start_month)
    with company_context(company.pk), transaction.atomic():
        closed = closed_quarters()
    upto = _other_calendar(closed, company)
    kept = {q.start: q for q in present if upto is None or q.end > upto}
    return tuple(sorted({**kept, **closed}.values(), key=lambda q: q.start))


def closed_quarters() -> dict[date, Quarter]:
    """The active company's final quarters, by their first day, in the calendar of their closing."""
    rows = (
        Snapshot.objects.filter(status=Snapshot.Status.FINAL, segment=ALL)
        .order_by("quarter_start")
        .values_list("quarter_start", "definitions__fiscal_year_start_month")
        .distinct()
    )
    return {start: quarter_of(start, fiscal) for start, fiscal in rows}


def _other_calendar(closed: Mapping[date, Quarter], company: Company) -> date | None:
    """The end of the last quarter that was closed in months the present calendar does not have."""
    first = company.fiscal_year_start_month
    return max((q.end for q in closed.values() if (q.start.month - first) % 3), default=None)


def _forget(quarter_start: date) -> None:
    """A quarter that the company's calendar no longer has: what ran in it was never closed."""
    Snapshot.objects.filter(quarter_start=quarter_start).exclude(
        status=Snapshot.Status.FINAL
    ).delete()


def recompute_quarter(
    *, company_id: int, quarter_start: date, now: datetime, force: bool = False
) -> Recomputed | None:
    """Bring one quarter up to date if its dirty row says that it is behind, or the day is due.

    Holds the dirty row for as long as it computes, which waits for the writers in flight, so
    that nothing committed is missed. Safe to run twice and side by side. None: nothing to do.
    """
    with company_context(company_id), transaction.atomic():
        _allow_time()
        row = (
            DirtyQuarter.objects.select_for_update()
            .filter(company_id=company_id, quarter_start=quarter_start)
            .first()
        )
        if row is None:
            return None
        due = is_due(row.due_at, now)
        far = due and row.due_at > now
        if not (force or due or row.gen > row.done_gen):
            return None
        company = Company.objects.get(pk=company_id)
        quarter = closed_quarters().get(quarter_start) or quarter_of(
            quarter_start, company.fiscal_year_start_month
        )
        done = None
        if quarter.start != quarter_start:
            _forget(quarter_start)
        elif _begun(company, quarter, now):
            done = _recompute(company, quarter, now)
        if due:
            refresh_usual_days(company=company, now=now)
        row.done_gen = row.gen
        row.due_at = _next_due(company, quarter, now) if quarter.start == quarter_start else None
        row.save(update_fields=["done_gen", "due_at"])
        _open_next_quarter(company, quarter, now)
        if far or company.local_day(now) < quarter.start:
            _wake_the_closed(company, now)
        return done


def recompute_all(*, company_id: int, now: datetime) -> list[Recomputed]:
    """Recompute every quarter of a company from one reading of its whole history."""
    with company_context(company_id), transaction.atomic():
        _allow_time()
        company = Company.objects.get(pk=company_id)
        quarters = all_quarters(company=company, now=now)
        _ensure_dirty_rows(company, quarters)
        rows = list(
            DirtyQuarter.objects.select_for_update()
            .filter(company_id=company_id)
            .order_by("quarter_start")
        )
        done = {q.start: [0, 0, False] for q in quarters}
        rates = read_rates(company=company)
        first_day = first_opened_on(company=company)
        for pipeline_id in _pipelines():
            frames = [_frame(company, pipeline_id, quarter, now) for quarter in quarters]
            closings = Closings(company, pipeline_id)
            for stages, zone in dict.fromkeys((frame.stages, frame.zone) for frame in frames):
                history = read_history(
                    company=company, pipeline_id=pipeline_id, stages=stages, zone=zone
                )
                of_list = [f for f in frames if (f.stages, f.zone) == (stages, zone)]
                asked = [(f.quarter, moment(f.as_of, zone or company.zone)) for f in of_list]
                tables = quarter_tables(history, asked, rates)
                for table, frame in zip(tables, of_list, strict=True):
                    published = _publish(company, frame, table, first_day, now, closings)
                    tally = done[frame.quarter.start]
                    tally[0] += published.written
                    tally[1] += published.removed
                    tally[2] = tally[2] or published.restated
        for row in rows:
            row.done_gen = row.gen
            quarter = quarter_of(row.quarter_start, company.fiscal_year_start_month)
            if row.quarter_start in done:
                row.due_at = _next_due(company, quarter, now)
            else:
                _forget(row.quarter_start)
                row.due_at = None
        DirtyQuarter.objects.bulk_update(rows, ["done_gen", "due_at"])
        refresh_usual_days(company=company, now=now)
        return [Recomputed(q, *done[q.start]) for q in quarters]  # type: ignore[arg-type]


def _recompute(company: Company, quarter: Quarter, now: datetime) -> Recomputed:
    written, removed, restated = 0, 0, False
    rates = read_rates(company=company)
    first_day = first_opened_on(company=company)
    for pipeline_id in _pipelines():
        frame = _frame(company, pipeline_id, quarter, now)
        history = read_history(
            company=company,
            pipeline_id=pipeline_id,
            stages=frame.stages,
            start=quarter.start,
            end=quarter.end,
            zone=frame.zone,
        )
        as_of = moment(frame.as_of, frame.zone or company.zone)
        table = quarter_table(history, quarter, as_of, rates)
        closings = Closings(company, pipeline_id)
        published = _publish(company, frame, table, first_day, now, closings)
        written += published.written
        removed += published.removed
        restated = restated or published.restated
    return Recomputed(quarter, written, removed, restated)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a quarter of a pipeline is computed relative to. `since`: the newest final version,
    `known`: the facts that it knew, `reopened`: the quarter ran on after it.

    `zone` is that of a final quarter which was closed in another one than the company's.
    """

    pipeline_id: int
    quarter: Quarter
    status: SnapshotStatus
    as_of: datetime
    stages: StageList
    definitions: dict[str, Any]
    since: datetime | None
    zone: ZoneInfo | None = None
    known: Known | None = None
    reopened: bool = False


def _frame(company: Company, pipeline_id: int, quarter: Quarter, now: datetime) -> _Frame:
    """Once final, always final: as_of, stages and settings of its final version hold.

    Only where its midnight is still to come did a clock that ran ahead close it, and was set
    back since: then the quarter runs on, beside what was closed too early.
    """
    rows = Snapshot.objects.filter(pipeline_id=pipeline_id, quarter_start=quarter.start)
    kept = (
        rows.filter(status=Snapshot.Status.FINAL)
        .order_by("-version", "-computed_at")
        .values("as_of", "computed_at", "definitions", "known")
        .first()
    )
    clock = company.clock(now)
    if kept is None or kept["as_of"] > clock:
        stages = stages_of(pipeline_id=pipeline_id)
        return _Frame(
            pipeline_id,
            quarter,
            status(quarter, company.settle_days, company.zone, clock),
            as_of_for(quarter, company.settle_days, company.zone, clock),
            stages,
            definitions_of(company=company, stages=stages),
            None,
        )
    definitions = {**kept["definitions"], "code": settings.CODE_VERSION}
    basis = basis_of(company=company, pipeline_id=pipeline_id, definitions=definitions)
    return _Frame(
        pipeline_id,
        quarter,
        "final",
        kept["as_of"],
        basis.stages,
        definitions,
        kept["computed_at"],
        basis.zone,
        Known.of(kept["known"]),
        rows.exclude(status=Snapshot.Status.FINAL).exists(),
    )


def _publish(
    company: Company,
    frame: _Frame,
    table: QuarterTable,
    first_day: date | None,
    now: datetime,
    closings: Closings,
) -> Published:
    """Publish what was computed; a quarter that closes late first as it was at its midnight.

    So a worker that slept over the midnight, while people went on entering moves, leaves the
    versions of one that did not.
    """
    quarter, as_of = frame.quarter, frame.as_of

    def computed(of: QuarterTable, *, reopened: bool) -> Computed:
        return Computed(
            pipeline_id=frame.pipeline_id,
            quarter=quarter,
            status=frame.status,
            first=first_day is not None and quarter.start <= first_day < quarter.end,
            as_of=as_of,
            definitions=frame.definitions,
            stages=of.stages,
            days=of.days,
            figures=SegmentRows(of),
            reopened=reopened,
        )

    since, known, reopened = frame.since or as_of, frame.known, frame.reopened
    closed = Published(0, 0, restated=False)
    closes = frame.status == "final" and (frame.since is None or reopened)
    if closes and company.as_of is None:
        then = closings.table_at(quarter=quarter, as_of=as_of, stages=frame.stages, zone=frame.zone)
        if then is not None:
            # `computed_at` says which facts a version knows: those of that midnight.
            closed = publish(
                company=company,
                computed=computed(then, reopened=reopened),
                now=as_of,
                cause=lambda: facts_since(
                    company=company,
                    since=frame.since or as_of,
                    as_of=as_of,
                    known=frame.known,
                    until=as_of,
                ),
                known=None,
            )
            since, known, reopened = as_of, None, False

    def cause() -> Cause:
        return facts_since(company=company, since=since, as_of=as_of, known=known)

    found = publish(
        company=company,
        computed=computed(table, reopened=reopened),
        now=now,
        cause=cause,
        known=lambda: known_now(company=company),
    )
    return Published(
        closed.written + found.written, closed.removed + found.removed, restated=found.restated
    )


def _pipelines() -> list[int]:
    return list(Pipeline.objects.order_by("position", "id").values_list("id", flat=True))


def _begun(company: Company, quarter: Quarter, now: datetime) -> bool:
    first = first_opened_on(company=company)
    today = company.local_day(company.clock(now))
    has_rows = Snapshot.objects.filter(quarter_start=quarter.start).exists()
    upto = _other_calendar(closed_quarters(), company)
    if not has_rows and upto is not None and quarter.end <= upto:
        return False
    return has_rows or (first is not None and first < quarter.end and quarter.start <= today)


def _next_due(company: Company, quarter: Quarter, now: datetime) -> datetime | None:
    """When the calendar alone makes the quarter stale: its next local midnight until final.

    A company whose history stands still (as_of) has no calendar.
    """
    if company.as_of is not None:
        return None
    end = final_at(quarter, company.settle_days, company.zone)
    if now >= end:
        return None
    tomorrow = company.local_day(now) + timedelta(days=1)
    return min(local_midnight(tomorrow, company.zone), end)


def _open_next_quarter(company: Company, quarter: Quarter, now: datetime) -> None:
    """When a quarter has ended, the work list needs the row of the one that runs now."""
    if company.as_of is None and company.local_day(now) >= quarter.end:
        today = company.local_day(now)
        later = quarters_between(quarter.end, today, company.fiscal_year_start_month)
        _ensure_dirty_rows(company, later)


def _wake_the_closed(company: Company, now: datetime) -> None:
    """A clock ran ahead and was set back: what it closed before its time is due again.

    A row that somebody else holds is left alone: they mark it, and two who wait for each other
    are worse than a quarter that waits for its next move.
    """
    rows = DirtyQuarter.objects.select_for_update(skip_locked=True)
    for row in rows.filter(company=company, due_at=None):
        quarter = quarter_of(row.quarter_start, company.fiscal_year_start_month)
        row.due_at = _next_due(company, quarter, now) and now
        if row.due_at is not None:
            row.save(update_fields=["due_at"])


def _ensure_dirty_rows(company: Company, quarters: Sequence[Quarter]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO pipeline_dirtyquarter (company_id, quarter_start, gen, done_gen)"
            " SELECT %s, q, 1, 0 FROM unnest(%s::date[]) AS q ORDER BY q ON CONFLICT DO NOTHING",
            [company.pk, [q.start for q in quarters]],
        )


def _allow_time() -> None:
    """A large history takes longer than a page may: the task's own limit is 120 s."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '110s'")
