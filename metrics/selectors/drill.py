"""The deals behind a figure as rows to print, with their sum. One row per deal and quarter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import Quarter, day_of_number
from metrics.calc.drill import FIGURES, amount_of, deals_behind
from metrics.calc.history import LOST, NEVER, WON, Int64
from metrics.calc.quarter_work import QuarterWork
from metrics.readers import read_losses
from metrics.selectors.drill_query import Drill
from metrics.selectors.figures import default_pipeline, usual_starts
from metrics.selectors.filters import value_text
from metrics.selectors.quarter_deals import QuarterDeals, quarter_deals
from pipeline.models import Deal
from pipeline.selectors.settings_catalogues import level_text

PAGE = 100
_CHUNK = 2000
_FIELDS = (
    "id",
    "name",
    "customer__name",
    "rep__name",
    "rep__team__name",
    "product__name",
    "source__name",
    "source__channel",
    "lost_reason__level",
    "lost_reason__detail",
    "competitor__name",
)


@dataclass(frozen=True, slots=True)
class FoundDeals:
    """The deals behind a figure. `places` are (quarter, deal) as places in `quarters` and in its
    `work`, the largest amount first within each quarter, newest quarter first.

    `amount` is None where none of them has one; `without` counts those that have none.
    """

    asked: Drill
    segment: str
    quarters: tuple[QuarterDeals, ...]
    places: tuple[tuple[int, int], ...]
    amount: float | None
    without: int

    @property
    def count(self) -> int:
        """How many: a deal of several quarters counts once in each, as the figure does."""
        return len(self.places)

    @property
    def losses(self) -> bool:
        """Is any of them lost? Then rows have a reason."""
        return any(
            bool((self.quarters[number].work.states.outcome[deals] == LOST).any())
            for number, deals in self._by_quarter().items()
        )

    def _by_quarter(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for number, deal in self.places:
            found.setdefault(number, []).append(deal)
        return found

    @property
    def behind(self) -> bool:
        """Deals have changed since the figures were computed, and they are being recomputed."""
        return any(quarter.behind for quarter in self.quarters)

    @property
    def stage(self) -> str:
        """The name of the asked stage in the newest of the quarters; empty without one."""
        at = self.asked.at
        return self.quarters[-1].stages[at - 1] if at and self.quarters else ""


@dataclass(frozen=True, slots=True)
class DrillRow:
    """One deal as the snapshot of its quarter saw it, ready to print."""

    deal_id: int
    name: str
    customer: str
    rep: str
    channel: str
    stage: str  # the furthest; empty for a deal that came without its path
    outcome: str  # "won", "lost" or "open"
    outcome_text: str  # Lost at Proposal
    opened: str
    closed: str
    amount: str
    reason: str  # Competitor: cheaper offer (Rival)
    quarter: str


def deals_of_figure(
    *,
    company: Company,
    quarter: Quarter,
    segment: str,
    asked: Drill,
    now: datetime,
    pipeline_id: int | None = None,
) -> FoundDeals:
    """The deals whose number is the figure of `asked` in a quarter and segment.

    NoSuchFigureError where the quarter has no such stage; ValueError for what is no segment's
    name. A quarter without figures has no deals.
    """
    pipeline_id = pipeline_id or default_pipeline(company=company)
    starts: Sequence[date] = [quarter.start]
    if FIGURES[asked.figure].usual:
        starts = usual_starts(company=company, start=quarter.start, pipeline_id=pipeline_id)
    quarters: tuple[QuarterDeals, ...] = ()
    if pipeline_id is not None and starts:
        quarters = quarter_deals(
            company=company,
            pipeline_id=pipeline_id,
            starts=starts,
            segment=segment,
            now=now,
            today=asked.today,
        )
    places: list[tuple[int, int]] = []
    total, counted, without = 0.0, False, 0
    for number in reversed(range(len(quarters))):
        work = quarters[number].work
        deals = deals_behind(work, asked.figure, segment=segment, at=asked.at, level=asked.level)
        deals = _narrowed(company, work, deals, asked)
        amount, lacking = amount_of(work, deals)
        total, without = total + (amount or 0.0), without + lacking
        counted = counted or lacking < len(deals)
        # The largest first; NaN, no amount, stands last; equal ones by their ids.
        order = np.argsort(-work.amount[deals], kind="stable")
        places += [(number, place) for place in deals[order].tolist()]
    return FoundDeals(
        asked=asked,
        segment=segment,
        quarters=quarters,
        places=tuple(places),
        amount=total if counted or not places else None,
        without=without,
    )


def _narrowed(company: Company, work: QuarterWork, deals: Int64, asked: Drill) -> Int64:
    """Those of the deals with the asked lost reason and competitor."""
    if asked.reason is None and asked.competitor is None:
        return deals
    reason, competitor = read_losses(company=company, deal_ids=work.history.deal_id[deals])
    kept = np.ones(len(deals), np.bool_)
    if asked.reason is not None:
        kept &= reason == asked.reason
    if asked.competitor is not None:
        kept &= competitor == asked.competitor
    return deals[kept]


def drill_rows(
    *, company: Company, found: FoundDeals, style: Style, page: int = 1
) -> tuple[DrillRow, ...]:
    """One page of the deals, in one query."""
    start = (page - 1) * PAGE
    places = found.places[start : start + PAGE]
    known = _known(company, [_id(found, place) for place in places])
    return tuple(_row(found, place, known[_id(found, place)], style) for place in places)


def _id(found: FoundDeals, place: tuple[int, int]) -> int:
    return int(found.quarters[place[0]].work.history.deal_id[place[1]])


def _known(company: Company, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = Deal.objects.filter(company=company, pk__in=set(ids)).values(*_FIELDS)
    return {row["id"]: row for row in rows}


def _row(
    found: FoundDeals, place: tuple[int, int], deal: Mapping[str, Any], style: Style
) -> DrillRow:
    quarter = found.quarters[place[0]]
    state = _state(quarter, place[1])
    lost = state.outcome == "lost"
    amount = formats.money(state.amount, style)
    return DrillRow(
        deal_id=deal["id"],
        name=deal["name"],
        customer=deal["customer__name"] or "",
        rep=deal["rep__name"] or "",
        channel=value_text("channel", deal["source__channel"] or "unknown"),
        stage=state.stage,
        outcome=state.outcome,
        outcome_text=_outcome_text(state),
        opened=formats.day(state.opened, style),
        closed=formats.day(state.closed, style) if state.closed else "",
        amount=amount or (_("no rate") if state.rate_missing else ""),
        reason=_reason(deal) if lost else "",
        quarter=formats.quarter(quarter.quarter.label),
    )


@dataclass(frozen=True, slots=True)
class _State:
    outcome: str
    stage: str
    opened: date
    closed: date | None
    amount: float | None
    rate_missing: bool


def _state(quarter: QuarterDeals, place: int) -> _State:
    """What the deal was as of the snapshot's as_of."""
    work, states = quarter.work, quarter.work.states
    closed = int(states.closed_on[place])
    known = bool(work.history.path_known[place])
    amount = float(work.amount[place])
    return _State(
        outcome={WON: "won", LOST: "lost"}.get(int(states.outcome[place]), "open"),
        stage=quarter.stages[int(states.furthest[place]) - 1] if known else "",
        opened=day_of_number(int(states.opened_on[place])),
        closed=None if closed == NEVER else day_of_number(closed),
        amount=None if amount != amount else amount,
        rate_missing=bool(work.rate_missing[place]),
    )


def _outcome_text(state: _State) -> str:
    if state.outcome == "won":
        return _("Won")
    if not state.stage:
        return pgettext("deal", "Lost") if state.outcome == "lost" else pgettext("deal", "Open")
    if state.outcome == "lost":
        return _("Lost at {stage}").format(stage=state.stage)
    return _("Open, got to {stage}").format(stage=state.stage)


def _reason(deal: Mapping[str, Any]) -> str:
    level = level_text(deal["lost_reason__level"] or "unknown")
    detail, rival = deal["lost_reason__detail"] or "", deal["competitor__name"] or ""
    said = f"{level}: {detail}" if detail and detail.casefold() != level.casefold() else level
    return f"{said} ({rival})" if rival else said


def drill_headings(*, currency: str) -> tuple[str, ...]:
    """The headings of the file, in the order of `drill_file_rows`."""
    return (
        _("Quarter"),
        _("Deal number"),
        _("Deal"),
        _("Customer"),
        _("State"),
        _("Furthest stage"),
        pgettext("day", "Opened"),
        pgettext("day", "Closed"),
        _("Amount in {currency}").format(currency=currency),
        _("Why lost"),
        _("Lost reason"),
        _("Competitor"),
        _("Rep"),
        _("Team"),
        _("Product"),
        _("Source"),
        _("Channel"),
    )


def drill_file_rows(
    *, company: Company, found: FoundDeals
) -> Iterator[tuple[str | int | Decimal | date | None, ...]]:
    """Every deal, in the order of the page, read in chunks."""
    for start in range(0, found.count, _CHUNK):
        places = found.places[start : start + _CHUNK]
        known = _known(company, [_id(found, place) for place in places])
        for place in places:
            quarter, deal = found.quarters[place[0]], known[_id(found, place)]
            state = _state(quarter, place[1])
            lost = state.outcome == "lost"
            yield (
                quarter.quarter.label,
                deal["id"],
                deal["name"],
                deal["customer__name"],
                state.outcome,
                state.stage,
                state.opened,
                state.closed,
                None if state.amount is None else Decimal(str(round(state.amount, 2))),
                level_text(deal["lost_reason__level"] or "unknown") if lost else None,
                deal["lost_reason__detail"] if lost else None,
                deal["competitor__name"] if lost else None,
                deal["rep__name"],
                deal["rep__team__name"],
                deal["product__name"],
                deal["source__name"],
                deal["source__channel"],
            )


def amount_text(found: FoundDeals, style: Style) -> str:
    """The sum, or that no deal has an amount."""
    if not found.count:
        return ""
    return formats.money(found.amount, style) or _("no amounts")


def without_text(found: FoundDeals, style: Style) -> str:
    """How many deals the sum leaves out; empty where it has all, or there is no sum."""
    if not found.without or found.amount is None:
        return ""
    return ngettext("{n} without an amount", "{n} without an amount", found.without).format(
        n=formats.number(found.without, style)
    )
