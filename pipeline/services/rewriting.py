"""What a change of settings, or of deals, would do to closed quarters: asked before, marked after.

A deal counts in figures under what it is sorted by now. So a new channel of a source, a new name
of a product or another team of a rep changes quarters that were closed before, and these get a
new version that says so. So does another amount or rep of a single deal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Min, Q

from accounts.models import Company
from accounts.tenancy.context import require_company_id
from pipeline.models import Deal
from pipeline.services.dirty import mark_dirty, next_quarter
from pipeline.services.moves import final_before
from pipeline.services.restating import quarter_label


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The closed quarters that would be restated, oldest first, and how many deals are in them.

    Both are upper bounds: a figure that comes out the same restates nothing. `since` is the local
    day from which on quarters are to be computed again; None where none is.
    """

    deals: int = 0
    quarters: tuple[str, ...] = ()
    since: date | None = None


NOTHING = Rewriting()

# What figures sort deals by or add up. They are those of every quarter in which a deal is in play;
# why it was lost counts in the quarter of the loss alone.
_IN_PLAY = frozenset({"rep_id", "product_id", "source_id", "amount", "currency"})
_AT_CLOSING = frozenset({"lost_reason_id"})


@dataclass(frozen=True, slots=True)
class ClosedQuarter:
    """A final quarter: the days [start, end), and the day of its as_of."""

    start: date
    end: date
    as_of: date


def closed_quarters(*, company: Company, since: date, now: datetime) -> tuple[ClosedQuarter, ...]:
    """The final quarters from the one that holds `since` on, oldest first."""
    open_from = final_before(company=company, now=now)
    found = []
    start = company.quarter_start(since)
    while open_from is not None and start < open_from:
        end = next_quarter(start)
        as_of = date.fromordinal(end.toordinal() + company.settle_days)
        found.append(ClosedQuarter(start, end, as_of))
        start = end
    return tuple(found)


def rewriting(*, deals: Any, now: datetime) -> Rewriting:
    """What happens when these deals (a query set) are sorted otherwise: in which closed quarters
    they were in play. Two queries."""
    since = deals.aggregate(first=Min("opened_on"))["first"]
    return _counted_from(since, deals, now)


def deal_rewriting(*, deal_id: int, now: datetime, **changes: Any) -> Rewriting:
    """Which closed quarters would this change of one deal restate? Asked before it is done.

    What the deal has already counts nowhere. Two small queries where nothing is restated, none
    where no figure depends on what changes.
    """
    deal = Deal.objects.filter(pk=deal_id)
    in_play = {field: value for field, value in changes.items() if field in _IN_PLAY}
    if in_play:
        return rewriting(deals=deal.exclude(**in_play), now=now)
    at_closing = {field: value for field, value in changes.items() if field in _AT_CLOSING}
    if not at_closing:
        return NOTHING
    lost = deal.filter(outcome=Deal.Outcome.LOST).exclude(**at_closing)
    return _counted_from(lost.aggregate(first=Min("closed_on"))["first"], lost, now, last=1)


def _counted_from(
    since: date | None, deals: Any, now: datetime, last: int | None = None
) -> Rewriting:
    """The closed quarters from the local day `since` on in which one of these deals was in play;
    of the first `last` of them only, where that is given."""
    if since is None:
        return NOTHING
    company = Company.objects.get(pk=require_company_id())
    quarters = closed_quarters(company=company, since=since, now=now)[:last]
    if not quarters:
        return Rewriting(since=since)
    conditions = [
        Q(opened_on__lt=q.end) & (Q(closed_on=None) | Q(closed_on__gte=q.start)) for q in quarters
    ]
    return counted(company, deals, quarters, conditions, since)


def counted(
    company: Company,
    deals: Any,
    quarters: Sequence[ClosedQuarter],
    conditions: Sequence[Q],
    since: date | None,
) -> Rewriting:
    """The quarters in which at least one deal meets the quarter's condition, in one query."""
    any_of = Q(pk__in=[])
    for condition in conditions:
        any_of |= condition
    counts = deals.aggregate(
        of_all=Count("pk", filter=any_of),
        **{f"q{n}": Count("pk", filter=c) for n, c in enumerate(conditions)},
    )
    labels = tuple(
        quarter_label(company=company, start=quarter.start)
        for n, quarter in enumerate(quarters)
        if counts[f"q{n}"]
    )
    return Rewriting(counts["of_all"], labels, since)


def mark(*, plan: Rewriting, now: datetime) -> None:
    """Mark the quarters of a plan: last in a writer's transaction."""
    if plan.since is not None:
        company = Company.objects.get(pk=require_company_id())
        mark_dirty(company=company, since=plan.since, now=now)


def said(plan: Rewriting) -> dict[str, Any]:
    """What an audit entry keeps of a plan: from which day on figures were computed again."""
    if plan.since is None:
        return {}
    return {"marked_since": plan.since.isoformat(), "closed_quarters": list(plan.quarters)}


def mark_from_today(*, now: datetime) -> None:
    """Mark what is not final: a change of the stages holds from the running quarter on."""
    company = Company.objects.get(pk=require_company_id())
    mark_dirty(company=company, since=company.local_day(company.clock(now)), now=now)
