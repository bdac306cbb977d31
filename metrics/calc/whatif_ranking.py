"""Which lever is worth most: one small step of each, compared; and one or two more deals.

Definitions: docs/metrics.md, "What-if", by `metrics.calc.whatif`; usual is that of "Funnel and
danger points": the four quarters before, without a first one. Every step is taken alone, from
the quarter as it was, and all else stays as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Literal

from metrics.calc.danger import FEWEST_EXITS
from metrics.calc.types import SegmentFigures
from metrics.calc.whatif import Changes, WhatIf, WhatIfEmpty, what_if

LeverName = Literal["number", "deal_size", "cycle", "stage"]
StepEmpty = WhatIfEmpty | Literal["no_room"]

POINT = 0.01  # a stage's step: one percentage point
SHARE = 0.01  # the step of the number and the size of deals: one per cent
DAY = 1.0  # the cycle's step: one day less
USUAL_QUARTERS = 4
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class UsualRange:
    """Lowest and highest value over the usual quarters in which there is one.

    `quarters` is how many those are (1 to 4). Shares are in [0, 1], days and money plain.
    """

    low: float
    high: float
    quarters: int


@dataclass(frozen=True, slots=True)
class Lever:
    """One thing that can be moved: a factor of velocity, or a stage's conversion.

    `position` is the stage's, 0 for the other levers. `today` is None where it cannot be told.
    """

    name: LeverName
    position: int
    today: float | None
    usual: UsualRange | None


@dataclass(frozen=True, slots=True)
class RankedStep:
    """One small step of a lever: what it makes of velocity, in money per day.

    `rank` counts from 1; steps that are worth the same share one. Where it cannot be told,
    `per_day` and `rank` are None and `empty` says why: `no_room` means that the lever is at its
    end already. `best_per_day` is the same for the best value of the usual range; None where
    there is no usual, or where it is no better than today.
    """

    lever: Lever
    rank: int | None
    per_day: float | None
    empty: StepEmpty | None
    best_per_day: float | None


@dataclass(frozen=True, slots=True)
class MoreDeals:
    """The same exits of a stage, of which `deals` more advanced; `all_of_them`: none was lost."""

    position: int
    deals: int
    all_of_them: bool
    result: WhatIf
    per_day: float


def usual_quarters(
    history: Sequence[SegmentFigures], now: SegmentFigures
) -> tuple[SegmentFigures, ...]:
    """Of a segment's figures those that are usual for `now`: comparable, oldest first.

    The four quarters before, without a `first` one, and without those of another number of
    stages or other options for N and C: their levers mean something else.
    """
    here = quarter_number(now.quarter)
    return tuple(
        sorted(
            (
                other
                for other in history
                if 1 <= here - quarter_number(other.quarter) <= USUAL_QUARTERS
                and not other.first
                and len(other.stages) == len(now.stages)
                and (other.number_of, other.cycle_of) == (now.number_of, now.cycle_of)
            ),
            key=lambda other: quarter_number(other.quarter),
        )
    )


def quarter_number(label: str) -> int:
    """Quarters counted through, from a label such as 2026-Q3 or FY2026-Q3."""
    year, _, quarter = label.removeprefix("FY").partition("-Q")
    return int(year) * 4 + int(quarter)


def levers_of(now: SegmentFigures, history: Sequence[SegmentFigures]) -> tuple[Lever, ...]:
    """The number of deals, their size, the cycle, then every stage, each with its usual range.

    A stage's conversion counts for the usual only in quarters with at least 10 exits.
    """
    usual = usual_quarters(history, now)

    def over(value: Callable[[SegmentFigures], float | None]) -> UsualRange | None:
        found = [x for x in map(value, usual) if x is not None]
        return UsualRange(min(found), max(found), len(found)) if found else None

    plain: list[Lever] = [
        Lever("number", 0, now.number_of_deals, over(lambda f: f.number_of_deals)),
        Lever("deal_size", 0, now.avg_deal_size, over(lambda f: f.avg_deal_size)),
        Lever("cycle", 0, now.cycle_mean, over(lambda f: f.cycle_mean)),
    ]
    stages = [
        Lever(
            "stage",
            stage.position,
            stage.exit_conversion,
            over(lambda f, at=stage.position: _enough(f, at)),  # type: ignore[misc]
        )
        for stage in now.stages
    ]
    return (*plain, *stages)


def _enough(figures: SegmentFigures, position: int) -> float | None:
    stage = figures.stages[position - 1]
    enough = stage.advanced + stage.lost_at >= FEWEST_EXITS
    return stage.exit_conversion if enough else None


def set_to(lever: Lever, value: float) -> Changes:
    """The change that puts one lever at a value."""
    if lever.name == "stage":
        return Changes(conversions={lever.position: value})
    if lever.name == "number":
        return Changes(number=value)
    if lever.name == "deal_size":
        return Changes(deal_size=value)
    return Changes(cycle=value)


def ranking(now: SegmentFigures, levers: Sequence[Lever]) -> tuple[RankedStep, ...]:
    """One step of each lever, the most valuable first; what cannot be told comes last.

    Steps: +1 % deals, +1 % deal size, 1 day less, +1 point of a stage's conversion. Values that
    are equal within 1e-9 relative are a tie: one rank, in the order of `levers`.
    """
    found = [(lever, _step(now, lever)) for lever in levers]
    by_worth = cmp_to_key(_more_first)
    told = sorted(
        [(lever, worth) for lever, worth in found if isinstance(worth, float)],
        key=lambda one: by_worth(one[1]),
    )
    out: list[RankedStep] = []
    for place, (lever, worth) in enumerate(told, start=1):
        same = out and _more_first(out[-1].per_day or 0.0, worth) == 0
        rank = out[-1].rank if same else place
        out.append(RankedStep(lever, rank, worth, None, _at_its_best(now, lever)))
    out += [
        RankedStep(lever, None, None, worth, _at_its_best(now, lever))
        for lever, worth in found
        if not isinstance(worth, float)
    ]
    return tuple(out)


def more_deals(now: SegmentFigures, position: int, deals: int) -> MoreDeals | StepEmpty:
    """What if `deals` more of the quarter's exits at a stage had advanced and not been lost.

    Conversion (advanced + deals) / (advanced + lost_at), at most all of them: `deals` of the
    answer is then smaller than asked. `no_room` where none was lost. ValueError for fewer than 1.
    """
    if deals < 1:
        raise ValueError(f"there are no {deals} more deals")
    if now.velocity is None:
        return "no_velocity"
    stage = now.stages[position - 1]
    exits = stage.advanced + stage.lost_at
    if not stage.advanced:
        return "no_conversion"
    more = min(deals, stage.lost_at)
    if not more:
        return "no_room"
    result = what_if(now, Changes(conversions={position: (stage.advanced + more) / exits}))
    if isinstance(result, str):
        return result
    return MoreDeals(position, more, more == stage.lost_at, result, result.velocity - now.velocity)


def _step(now: SegmentFigures, lever: Lever) -> float | StepEmpty:
    """V' - V of one step of a lever, or why there is none."""
    if now.velocity is None:
        return "no_velocity"
    today = lever.today
    if not today:
        return "no_conversion" if lever.name == "stage" else "no_velocity"
    if lever.name == "stage":
        to = today + POINT
        # A conversion of 99 % has one point left, whatever the last digit of the sum.
        if to > 1.0 + 1e-12:
            return "no_room"
        to = min(to, 1.0)
    elif lever.name == "cycle":
        to = today - DAY
        if to <= 0:
            return "no_room"
    else:
        to = today * (1 + SHARE)
    return _worth(now, set_to(lever, to))


def _at_its_best(now: SegmentFigures, lever: Lever) -> float | None:
    if lever.usual is None or not lever.today:
        return None
    best = lever.usual.low if lever.name == "cycle" else lever.usual.high
    if best <= 0:
        return None
    worth = _worth(now, set_to(lever, best))
    return worth if isinstance(worth, float) and worth > 0 else None


def _worth(now: SegmentFigures, changes: Changes) -> float | StepEmpty:
    result = what_if(now, changes)
    if isinstance(result, str):
        return result
    assert now.velocity is not None
    return result.velocity - now.velocity


def _more_first(one: float, other: float) -> int:
    """Negative where `one` comes first: it is worth more; 0 for a tie."""
    if abs(one - other) <= _TIE * max(abs(one), abs(other)):
        return 0
    return -1 if one > other else 1
