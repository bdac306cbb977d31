"""Can this team see the effect in the time that it plans, and what to do where it cannot.

Fixed-horizon planning: one look at the planned end, two-sided at 5 %, with 80 % power, by the
usual approximations: for conversions that of Fleiss (1981), pooled under "no effect"; for rates by
their roots, of stable variance (Anscombe 1948, Biometrika 35, 246-254); for means the
noncentral t. A deal counts once it is mature, so the last D days of the plan bring openings but no
observations, and for a later stage neither do the days that deals take to reach it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from metrics.calc.experiments.kinds import NO_EFFECT, SCALE, Design, Goal, Measure
from metrics.calc.experiments.measures import DAYS_A_WEEK, Observations
from metrics.calc.experiments.sequences import (
    conversions_differ,
    mean_reach,
    rates_differ,
)
from metrics.calc.history import Float
from metrics.calc.uncertainty import Z

POWER = 0.80
LONGEST = 260  # weeks; five years is no experiment any more
HOPELESS = 0.50  # under this power at the planned end it is a toss whether it would be seen
_Z_POWER = 0.8416212335729143  # the 80th percentile of the standard normal distribution

Advice = Literal["longer", "larger_segment", "stage_conversion"]


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of a measure before the start.

    `level` is the baseline's value: deals a week, a conversion, or a mean; `spread` the standard
    deviation of single values (of their logarithms for a deal size), 0 for the others. `cases` are
    the baseline's observations, for a before/after. `per_week` is today's inflow of cases of the
    whole segment, as they will mature: of deals opened, of deals that reach the stage, of deals won
    in time. `delay` is how many days deals take from their opening to the event that the measure
    starts from, on average.
    """

    measure: Measure
    design: Design
    level: float
    spread: float
    cases: int
    per_week: float
    follow_up: int
    stage: int | None = None
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """One week of the picture: what could be seen by then. None: nothing, whatever its size."""

    week: int
    cases_baseline: float
    cases_test: float
    smallest: float | None  # the smallest effect with 80 % power, in the wanted direction
    power: float  # for the wished effect


@dataclass(frozen=True, slots=True)
class Plan:
    """Whether a plan can work.

    `smallest` is an effect as in `Goal.smallest`, without sign; None where no effect could be
    seen. `smallest_always_valid` is the same for the always-valid interval, which is wider.
    `weeks_needed` for the wished effect, None over five years. `advice` names what would help, in
    this order: a longer plan, a segment with `inflow_factor` times the deals (None: no factor
    does), a stage's conversion with the stage that can show the same relative change soonest.
    """

    planned_weeks: int
    smallest: float | None
    smallest_always_valid: float | None
    power: float
    weeks_needed: int | None
    hopeless: bool
    advice: tuple[Advice, ...]
    inflow_factor: float | None
    stage: int | None
    curve: tuple[Point, ...]


def ground_of(
    baseline: Observations,
    design: Design,
    *,
    follow_up: int,
    opened_per_week: float,
    stage: int | None = None,
    delay: float = 0.0,
) -> Ground | None:
    """What the baseline says, as a start for planning; None where it has no value or no days.

    `opened_per_week` is how many deals of the segment open these weeks. As many of them will become
    cases as did in the baseline: those that are mature and, in proportion, those still too young.
    """
    value = baseline.level.value
    if value is None or not baseline.days or baseline.size < 2:
        return None
    compared = np.log(baseline.value) if baseline.measure == "deal_size" else baseline.value
    mean = baseline.measure in ("cycle_days", "deal_size")
    # Of a deal opened, how much of a case there is in the end.
    share = baseline.size / baseline.mature * baseline.reached / baseline.belonging
    return Ground(
        measure=baseline.measure,
        design=design,
        level=value,
        spread=float(compared.std(ddof=1)) if mean else 0.0,
        cases=baseline.size,
        per_week=share * opened_per_week,
        follow_up=follow_up,
        stage=stage,
        delay=delay,
    )


def plan(ground: Ground, goal: Goal, planned_weeks: int, stages: Sequence[Ground] = ()) -> Plan:
    """What this plan can show at today's inflow. `stages` are conversions to fall back on."""
    if planned_weeks < 1:
        raise ValueError("a plan has at least a week")
    weeks = _weeks_needed(ground, goal)
    here = _point(ground, goal, planned_weeks)
    hopeless = here.power < HOPELESS
    advice: list[Advice] = []
    factor = stage = None
    if here.power < POWER:
        if weeks is not None:
            advice.append("longer")
        factor = _inflow_factor(ground, goal, planned_weeks)
        if factor is not None:
            advice.append("larger_segment")
        stage = _soonest_stage(ground, goal, weeks, stages)
        if stage is not None:
            advice.append("stage_conversion")
    last = max(planned_weeks, min(weeks or planned_weeks, 2 * planned_weeks))
    return Plan(
        planned_weeks=planned_weeks,
        smallest=here.smallest,
        smallest_always_valid=_smallest_always_valid(ground, goal, planned_weeks),
        power=here.power,
        weeks_needed=weeks,
        hopeless=hopeless,
        advice=tuple(advice),
        inflow_factor=factor,
        stage=stage,
        curve=tuple(_point(ground, goal, week) for week in range(1, last + 1)),
    )


def _cases(ground: Ground, week: float) -> tuple[float, float]:
    """Cases of the baseline and of the test that have matured a number of weeks after the start."""
    waited = (ground.delay + ground.follow_up) / DAYS_A_WEEK
    grown = max(0.0, week - waited) * ground.per_week
    if ground.design == "before_after":
        return float(ground.cases), grown
    return grown / 2, grown / 2


def _point(ground: Ground, goal: Goal, week: int) -> Point:
    n0, n1 = _cases(ground, week)
    return Point(
        week, n0, n1, _smallest(ground, goal, n0, n1), power_of(ground, goal, goal.smallest, n0, n1)
    )


def power_of(ground: Ground, goal: Goal, size: float, n0: float, n1: float) -> float:
    """The chance that one look at so many cases leaves out "no effect", in the wanted direction.

    0 where the effect is impossible (a conversion over 1) or there is nothing to look at.
    """
    effect = NO_EFFECT[SCALE[ground.measure]] + goal.sign * size
    if min(n0, n1) <= 0:
        return 0.0
    if ground.measure in ("won_within", "passed_within"):
        p0, p1 = ground.level, ground.level + effect
        if not 0 <= p1 <= 1:
            return 0.0
        pooled = (n0 * p0 + n1 * p1) / (n0 + n1)
        under_none = math.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
        under_effect = math.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
        reach = abs(effect) - Z * under_none
        if under_effect == 0:
            return float(reach > 0)
        return float(special.ndtr(reach / under_effect))
    if ground.measure == "opened_per_week":
        if effect <= 0:
            return 0.0
        return float(special.ndtr(abs(math.sqrt(effect) - 1) / _root_error(n0, n1) - Z))
    if min(n0, n1) < 2:
        return 0.0
    if ground.measure == "deal_size":
        if effect <= 0:
            return 0.0
        distance = abs(math.log(effect))
    else:
        distance = abs(effect)
        if goal.sign < 0 and distance > ground.level:
            return 0.0  # no cycle is shorter than none
    if ground.spread == 0:
        return float(distance > 0)
    error = ground.spread * math.sqrt(1 / n0 + 1 / n1)
    freedom = n0 + n1 - 2
    far = float(special.stdtrit(freedom, 0.975))
    return float(1 - special.nctdtr(freedom, distance / error, far))


def _root_error(n0: float, n1: float) -> float:
    """The standard error of the root of a ratio of rates, whose spread hangs on no rate.

    `n0` and `n1` are the events to expect on both sides without an effect.
    """
    return math.sqrt(1 / n0 + 1 / n1) / 2


def _largest(ground: Ground, goal: Goal) -> float:
    """The largest effect that there can be in the wanted direction."""
    if ground.measure in ("won_within", "passed_within"):
        return 1 - ground.level if goal.sign > 0 else ground.level
    if SCALE[ground.measure] == "ratio":
        return 20.0 if goal.sign > 0 else 0.999
    return ground.level if goal.sign < 0 else 20 * max(ground.level, ground.spread)


def _smallest(ground: Ground, goal: Goal, n0: float, n1: float) -> float | None:
    """The smallest effect with 80 % power; None where even the largest possible one has less."""
    low, high = 0.0, _largest(ground, goal)
    if high <= 0 or power_of(ground, goal, high, n0, n1) < POWER:
        return None
    for _ in range(50):
        middle = (low + high) / 2
        if power_of(ground, goal, middle, n0, n1) >= POWER:
            high = middle
        else:
            low = middle
    return high


def _weeks_needed(ground: Ground, goal: Goal) -> int | None:
    """Whole weeks until the wished effect has 80 % power; None over five years."""

    def enough(week: int) -> bool:
        return power_of(ground, goal, goal.smallest, *_cases(ground, week)) >= POWER

    if not enough(LONGEST):
        return None
    low, high = 0, LONGEST
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def _inflow_factor(ground: Ground, goal: Goal, weeks: int) -> float | None:
    """How many times the deals would do in the planned time, to a tenth; None over twenty times.

    A larger segment has a larger baseline too.
    """
    n0, n1 = _cases(ground, weeks)
    for tenths in range(11, 201):
        if power_of(ground, goal, goal.smallest, n0 * tenths / 10, n1 * tenths / 10) >= POWER:
            return tenths / 10
    return None


def _soonest_stage(
    ground: Ground, goal: Goal, weeks: int | None, stages: Sequence[Ground]
) -> int | None:
    """The stage whose conversion shows the same relative change soonest, if sooner than `weeks`.

    Only instead of the win rate: a stage's conversion is part of it, with more events.
    """
    if ground.measure != "won_within" or ground.level <= 0:
        return None
    found: tuple[int, int] | None = None
    for other in stages:
        size = goal.smallest / ground.level * other.level
        if other.stage is None or not 0 < size <= _largest(other, goal):
            continue
        needed = _weeks_needed(other, Goal(goal.direction, size))
        sooner = needed is not None and (weeks is None or needed < weeks)
        if needed is not None and sooner and (found is None or needed < found[0]):
            found = (needed, other.stage)
    return found[1] if found else None


def _smallest_always_valid(ground: Ground, goal: Goal, weeks: int) -> float | None:
    """The smallest effect that the always-valid interval tells from none in four of five cases.

    Where the effect expected less 0.84 of its standard error would still be told from none.
    """
    n0, n1 = _cases(ground, weeks)
    low, high = 0.0, _largest(ground, goal)
    if high <= 0 or not _told(ground, goal, high, n0, n1):
        return None
    for _ in range(16):
        middle = (low + high) / 2
        if _told(ground, goal, middle, n0, n1):
            high = middle
        else:
            low = middle
    return high


def _told(ground: Ground, goal: Goal, size: float, n0: float, n1: float) -> bool:
    """Whether an outcome 0.84 standard errors short of this effect is told from none."""
    if min(n0, n1) <= 0:
        return False
    effect = NO_EFFECT[SCALE[ground.measure]] + goal.sign * size

    def one(x: float) -> Float:
        return np.array([x], np.float64)

    if ground.measure in ("won_within", "passed_within"):
        p0, p1 = ground.level, min(1.0, max(0.0, ground.level + effect))
        error = math.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
        p1 -= goal.sign * min(abs(effect), _Z_POWER * error)
        return bool(conversions_differ(one(p1 * n1), one(n1), one(p0 * n0), one(n0))[0])
    if ground.measure == "opened_per_week":
        seen = (math.sqrt(effect) - goal.sign * _Z_POWER * _root_error(n0, n1)) ** 2
        # Exposure in units in which the baseline has one event each.
        return bool(rates_differ(one(n1 * seen), one(n1), one(n0), one(n0))[0])
    if min(n0, n1) < 2 or ground.spread == 0:
        return False
    distance = abs(math.log(effect)) if ground.measure == "deal_size" else abs(effect)
    error = ground.spread * math.sqrt(1 / n0 + 1 / n1)
    return distance - _Z_POWER * error > mean_reach(ground.spread**2, n1, ground.spread**2, n0)
