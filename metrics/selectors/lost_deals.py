"""The deals lost in a period as the snapshots of its quarters saw them, each of them once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from accounts.models import Company
from metrics.calc.calendar import Quarter, day_of_number
from metrics.calc.drill import deals_behind
from metrics.selectors.figures import default_pipeline
from metrics.selectors.filters import UNKNOWN
from metrics.selectors.quarter_deals import QuarterDeals, quarter_deals


@dataclass(frozen=True, slots=True)
class LostDeal:
    """One lost deal with what it is compared by. `stage` is empty where its path is unknown;
    `channel` and `rep` are "unknown" where it has none."""

    deal_id: int
    quarter: str
    closed_on: date
    stage: str
    position: int
    channel: str
    rep: str
    amount: float | None


@dataclass(frozen=True, slots=True)
class LostPeriod:
    """The lost deals of several quarters, by id. `behind`: figures are being recomputed."""

    deals: dict[int, LostDeal]
    behind: bool


def lost_deals(
    *,
    company: Company,
    quarters: Sequence[Quarter],
    segment: str,
    now: datetime,
    pipeline_id: int | None = None,
) -> LostPeriod:
    """The deals behind the figure `lost` of these quarters in a segment.

    A deal that was lost, came back and was lost again is there once, as in its newest quarter.
    ValueError for what is no segment's name. The number of queries hangs on nothing.
    """
    pipeline_id = pipeline_id or default_pipeline(company=company)
    if pipeline_id is None or not quarters:
        return LostPeriod({}, behind=False)
    found = quarter_deals(
        company=company,
        pipeline_id=pipeline_id,
        starts=[quarter.start for quarter in quarters],
        segment=segment,
        now=now,
    )
    deals: dict[int, LostDeal] = {}
    for one in found:
        deals.update((deal.deal_id, deal) for deal in _of_quarter(one, segment))
    return LostPeriod(deals, behind=any(one.behind for one in found))


def _of_quarter(one: QuarterDeals, segment: str) -> list[LostDeal]:
    work = one.work
    history, places = work.history, deals_behind(work, "lost", segment=segment)
    columns = zip(
        history.deal_id[places].tolist(),
        work.states.closed_on[places].tolist(),
        work.states.furthest[places].tolist(),
        history.path_known[places].tolist(),
        history.channel[places].tolist(),
        history.rep[places].tolist(),
        work.amount[places].tolist(),
        strict=True,
    )
    channels, reps = history.labels["channel"], history.labels["rep"]
    return [
        LostDeal(
            deal_id=deal_id,
            quarter=one.quarter.label,
            closed_on=day_of_number(closed),
            stage=one.stages[furthest - 1] if known else "",
            position=furthest if known else 0,
            channel=channels[channel] or UNKNOWN,
            rep=reps[rep] or UNKNOWN,
            amount=None if amount != amount else amount,
        )
        for deal_id, closed, furthest, known, channel, rep, amount in columns
    ]
