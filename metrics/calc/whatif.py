"""What would velocity be if this changed and the rest stayed as it is.

Definitions: docs/metrics.md, "What-if". The answer assumes that nothing else moves, and every
surface that shows it says so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metrics.calc.levers import levers, logarithmic_mean
from metrics.calc.types import Levers, SegmentFigures
from metrics.calc.velocity import Factors, velocity

WhatIfEmpty = Literal["no_velocity", "no_conversion"]


@dataclass(frozen=True, slots=True)
class Changes:
    """New values; what is not named stays. `conversions` is position -> new p(s), 0 to 1."""

    conversions: Mapping[int, float] = field(default_factory=dict)
    number: float | None = None
    deal_size: float | None = None
    cycle: float | None = None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The changed factors and what they do to velocity.

    `change` is V'/V - 1 (a fraction); `money` is that times the quarter's revenue won. `parts` add
    up to V' - V, and `stage_parts` (by position) to the part of the win rate; both are None where
    V' is 0. `capped`: the conversions would give a win rate above 1, which was cut to 1.
    """

    number: float
    deal_size: float
    win_rate: float
    cycle: float
    velocity: float
    change: float
    money: float | None
    parts: Levers | None
    stage_parts: Mapping[int, float] | None
    capped: bool


def what_if(figures: SegmentFigures, changes: Changes) -> WhatIf | WhatIfEmpty:
    """The quarter's velocity with these changes, or why it cannot be told.

    `no_velocity`: the quarter has no velocity to start from. `no_conversion`: a changed stage had
    no exits, or none got past it, so there is nothing to be in proportion to. ValueError for a
    conversion outside 0..1, a position that does not exist, a cycle of 0 or a negative value.
    """
    _check(figures, changes)
    number, size = figures.number_of_deals, figures.avg_deal_size
    rate, cycle = figures.win_rate, figures.cycle_mean
    if figures.velocity is None or not (number and size and rate and cycle):
        return "no_velocity"
    before = Factors(number, size, rate, cycle, figures.velocity, None)

    ratios: dict[int, float] = {}
    for position, conversion in changes.conversions.items():
        now = figures.stages[position - 1].exit_conversion
        if not now:
            return "no_conversion"
        ratios[position] = conversion / now
    uncapped = rate * math.prod(ratios.values())
    new_rate = min(1.0, uncapped)
    new_number = number if changes.number is None else changes.number
    new_size = size if changes.deal_size is None else changes.deal_size
    new_cycle = cycle if changes.cycle is None else changes.cycle
    new = velocity(new_number, new_size, new_rate, new_cycle)
    after = Factors(new_number, new_size, new_rate, new_cycle, new, None)
    parts = levers(before, after)
    change = new / figures.velocity - 1
    return WhatIf(
        number=new_number,
        deal_size=new_size,
        win_rate=new_rate,
        cycle=new_cycle,
        velocity=new,
        change=change,
        money=None if figures.revenue_won is None else change * figures.revenue_won,
        parts=parts,
        stage_parts=_by_stage(ratios, before, after),
        capped=uncapped > 1.0,
    )


def _by_stage(
    ratios: Mapping[int, float], before: Factors, after: Factors
) -> Mapping[int, float] | None:
    """The win rate's part by stage: L ln(p'/p). A cap cuts all of them alike."""
    if not before.velocity or not after.velocity or not before.win_rate or not after.win_rate:
        return None
    mean = logarithmic_mean(after.velocity, before.velocity)
    logs = {position: math.log(ratio) for position, ratio in ratios.items()}
    total, kept = sum(logs.values()), math.log(after.win_rate / before.win_rate)
    # Without a cap both are the same; where the changes cancel out, both are 0.
    cut = kept / total if abs(total) > 1e-12 else 1.0
    return {position: mean * log * cut for position, log in logs.items()}


def _check(figures: SegmentFigures, changes: Changes) -> None:
    for position, conversion in changes.conversions.items():
        if not 1 <= position <= len(figures.stages):
            raise ValueError(f"there is no stage {position}")
        if not 0.0 <= conversion <= 1.0:
            raise ValueError(f"a conversion lies between 0 and 1, not at {conversion}")
    for name, value in (("number", changes.number), ("deal size", changes.deal_size)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise ValueError(f"the {name} cannot be {value}")
    if changes.cycle is not None and not (math.isfinite(changes.cycle) and changes.cycle > 0):
        raise ValueError(f"the cycle cannot be {changes.cycle}")
