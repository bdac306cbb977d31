"""What is the effect worth: the measured relative change, applied to a quarter's velocity.

Definitions: docs/metrics.md, "What-if": V'/V - 1 in money is that times the quarter's revenue won,
here by the day. It assumes that the rest stays as it is, and that what was measured within D days
holds for all deals.
"""

import math

from metrics.calc.experiments.kinds import SCALE, Measure
from metrics.calc.experiments.result import Reading, Worth, WorthEmpty
from metrics.calc.types import SegmentFigures
from metrics.calc.velocity import velocity


def worth_of(
    reading: Reading, quarter: SegmentFigures | None
) -> tuple[Worth | None, WorthEmpty | None]:
    """The effect in money a day of the quarter, or why there is none; one of both is None."""
    if reading.effect is None:
        return None, "no_effect"
    if quarter is None:
        return None, "no_quarter"
    ratio = _ratio(reading, reading.effect)
    if ratio is None:
        return None, "no_baseline"
    middle = _money_a_day(quarter, reading.measure, ratio)
    if middle is None:
        return None, "no_velocity"
    ends: list[float | None] = [None, None]
    if reading.always_valid is not None:
        ends = [_end(quarter, reading, effect) for effect in reading.always_valid]
    if reading.measure == "cycle_days":
        ends.reverse()  # the shorter the cycle, the more money
    return Worth(quarter.quarter, middle, ends[0], ends[1]), None


def _end(quarter: SegmentFigures, reading: Reading, effect: float) -> float | None:
    if not math.isfinite(effect):
        return None
    ratio = _ratio(reading, effect)
    return None if ratio is None else _money_a_day(quarter, reading.measure, ratio)


def _ratio(reading: Reading, effect: float) -> float | None:
    """The effect as a ratio of the measure, at least 0; None over a baseline of 0."""
    if SCALE[reading.measure] == "ratio":
        return max(0.0, effect) if math.isfinite(effect) else None
    level = reading.baseline.value
    return None if not level else max(0.0, (level + effect) / level)


def _money_a_day(quarter: SegmentFigures, measure: Measure, ratio: float) -> float | None:
    number, size = quarter.number_of_deals, quarter.avg_deal_size
    rate, cycle, now = quarter.win_rate, quarter.cycle_mean, quarter.velocity
    if not (number and size and rate and cycle and now and quarter.revenue_days):
        return None
    if quarter.revenue_won is None:
        return None
    if measure == "opened_per_week":
        number *= ratio
    elif measure in ("won_within", "passed_within"):
        rate = min(1.0, rate * ratio)
    elif measure == "deal_size":
        size *= ratio
    elif ratio == 0:
        return None  # no deal takes no time at all
    else:
        cycle *= ratio
    change = velocity(number, size, rate, cycle) / now - 1
    return change * quarter.revenue_won / quarter.revenue_days
