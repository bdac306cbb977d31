"""What did it cost to win a customer: spend over deals won, in all and per channel.

Definitions: docs/metrics.md, "Customer acquisition cost". A channel carries its own spend and its
share of the shared spend, in proportion to the deals it had in play, `unknown` included.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from metrics.calc.calendar import Quarter

Category = Literal["marketing", "sales"]
# `no_spend` comes first: where nothing was entered, the cost is not known, and not 0.
CostEmpty = Literal["no_spend", "no_won"]


@dataclass(frozen=True, slots=True)
class Spend:
    """One entry: a month (any day of it), for one channel, or shared by all (None)."""

    month: date
    category: Category
    channel: str | None
    amount: float


@dataclass(frozen=True, slots=True)
class ChannelDeals:
    """What a channel, or all, did in the quarter. `deal_size` is A, None where empty."""

    won: int
    in_play: int
    deal_size: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Spend in the company's currency, and what one won deal cost of it.

    `shared` is None where the shared spend cannot be split, since no deal was in play.
    """

    own: float
    shared: float | None
    share: float | None  # of the shared spend, 0 to 1
    spend: float
    by_category: Mapping[Category, float]  # own spend only
    won: int
    cost: float | None
    of_deal_size: float | None  # cost / A
    empty: CostEmpty | None


@dataclass(frozen=True, slots=True)
class AcquisitionCost:
    """The whole company and each channel. The channels' spend adds up to the whole."""

    total: Cost
    channels: Mapping[str, Cost]


def acquisition_cost(
    spend: Iterable[Spend],
    *,
    spent_in: Quarter,
    everything: ChannelDeals,
    channels: Mapping[str, ChannelDeals],
) -> AcquisitionCost:
    """The cost of a customer won in a quarter.

    `everything` and `channels` are that quarter's deals; `spent_in` is that quarter, or the one
    before it where the company chose so. A channel that only has spend appears with no deals.
    """
    entries = [entry for entry in spend if spent_in.start <= entry.month < spent_in.end]
    entered = bool(entries)
    shared = sum(entry.amount for entry in entries if entry.channel is None)
    total = _cost(
        everything,
        own=sum(entry.amount for entry in entries),
        shared=0.0,
        share=None,
        entries=entries,
        entered=entered,
    )
    names = sorted({*channels, *(e.channel for e in entries if e.channel is not None)})
    in_play = sum(deals.in_play for deals in channels.values())
    nothing = ChannelDeals(0, 0, None)
    found = {}
    for name in names:
        own = [entry for entry in entries if entry.channel == name]
        deals = channels.get(name, nothing)
        share = deals.in_play / in_play if in_play else None
        found[name] = _cost(
            deals,
            own=sum(entry.amount for entry in own),
            shared=0.0 if not shared else None if share is None else shared * share,
            share=share,
            entries=own,
            entered=entered,
        )
    return AcquisitionCost(total, found)


def _cost(
    deals: ChannelDeals,
    *,
    own: float,
    shared: float | None,
    share: float | None,
    entries: list[Spend],
    entered: bool,
) -> Cost:
    spend = own + (shared or 0.0)
    empty: CostEmpty | None = None
    if not entered:
        empty = "no_spend"
    elif not deals.won:
        empty = "no_won"
    cost = None if empty else spend / deals.won
    by_category: dict[Category, float] = {"marketing": 0.0, "sales": 0.0}
    for entry in entries:
        by_category[entry.category] += entry.amount
    return Cost(
        own=own,
        shared=shared,
        share=share,
        spend=spend,
        by_category=by_category,
        won=deals.won,
        cost=cost,
        of_deal_size=cost / deals.deal_size if cost is not None and deals.deal_size else None,
        empty=empty,
    )
