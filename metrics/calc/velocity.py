"""What is the pace at which a pipeline turns into money: V = N x A x W / C, currency per day.

Definitions: docs/metrics.md, "Velocity of quarter Q". V is empty with a reason, never
0 and never infinite.
"""

from dataclasses import dataclass

from metrics.calc.stored import StoredFigures
from metrics.calc.types import CycleOption, NumberOption, VelocityEmpty


@dataclass(frozen=True, slots=True)
class VelocityOptions:
    """What a company counts as the number of deals, and whose cycle it takes."""

    number: NumberOption = "average_open"
    cycle: CycleOption = "won"


@dataclass(frozen=True, slots=True)
class Factors:
    """The four factors of V and V itself; `empty` is the first reason why there is no V."""

    number: float | None
    deal_size: float | None
    win_rate: float | None
    cycle: float | None
    velocity: float | None
    empty: VelocityEmpty | None


def velocity(number: float, deal_size: float, win_rate: float, cycle: float) -> float:
    """N x A x W / C. The classic example: 50 deals, 1,000, 20 %, 12 days: 833.33 a day."""
    return number * deal_size * win_rate / cycle


def factors(figures: StoredFigures, options: VelocityOptions) -> Factors:
    """The factors of one quarter and segment, by the company's options."""
    return combine(
        number=number_of_deals(figures, options.number),
        days=figures.days,
        won=figures.won,
        closed=figures.closed,
        revenue=figures.revenue_won,
        won_with_amount=figures.won_with_amount,
        cycle_days=cycle_days(figures, options.cycle),
        cycle_deals=cycle_deals(figures, options.cycle),
    )


def number_of_deals(figures: StoredFigures, option: NumberOption) -> float | None:
    """N by a company's option; only `average_open` can be empty, before a day has passed."""
    if option == "average_open":
        return figures.average_open
    counts: dict[NumberOption, int] = {
        "in_play": figures.in_play,
        "opened": figures.opened,
        "open_at_end": figures.open_at_end,
        "closed": figures.closed,
    }
    return float(counts[option])


def combine(
    *,
    number: float | None,
    days: int,
    won: int,
    closed: int,
    revenue: float | None,
    won_with_amount: int,
    cycle_days: int,
    cycle_deals: int,
) -> Factors:
    """The factors from sums over deals; V, or the first reason that holds why there is none.

    `cycle_days` is a sum over `cycle_deals` deals; `revenue` one over `won_with_amount` deals.
    """
    deal_size = revenue / won_with_amount if won_with_amount and revenue is not None else None
    win_rate = won / closed if closed else None
    cycle = cycle_days / cycle_deals if cycle_deals else None
    empty: VelocityEmpty | None = None
    if not days:
        empty = "no_days"
    elif not closed:
        empty = "no_closed"
    elif not won:
        empty = "no_won"
    elif deal_size is None:
        empty = "no_amount"
    elif deal_size == 0:
        empty = "amount_zero"
    elif not cycle:
        empty = "cycle_zero"
    elif not number:
        empty = "no_deals"
    value = None
    if empty is None:
        assert number is not None
        assert deal_size is not None
        assert win_rate is not None
        assert cycle is not None
        value = velocity(number, deal_size, win_rate, cycle)
    return Factors(number, deal_size, win_rate, cycle, value, empty)


def cycle_days(figures: StoredFigures, option: CycleOption) -> int:
    """Sum of cycle_days over the deals that C is the mean of."""
    return figures.cycle_won_days if option == "won" else figures.cycle_closed_days


def cycle_deals(figures: StoredFigures, option: CycleOption) -> int:
    """How many deals C is the mean of."""
    return figures.won if option == "won" else figures.closed
