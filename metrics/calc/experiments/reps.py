"""Do the reps themselves tell the arms apart: the second opinion on arms by rep.

Deals of one rep are alike, so many deals of few reps say less than as many deals of many: what was
drawn is the rep. Each rep counts as one value, and both arms are compared by Student's t on those
within the strata (Donner and Klar 2000, Design and Analysis of Cluster Randomization Trials; Hayes
and Moulton 2017, Cluster Randomised Trials, on summaries per cluster), which holds for a handful of
reps too.

The t is meant for one look and people look every day, so a verdict asks it for more: p under
1 - LEVEL. Where reps do not differ the always-valid interval guards by itself; where they differ a
lot, their values settle and a later look says what an earlier one did. What lies between is
measured by `make bench-experiments`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from metrics.calc.experiments.assignment import Arm, Unit
from metrics.calc.experiments.estimates import compared
from metrics.calc.experiments.measures import Observations
from metrics.calc.history import Float, Int64

LEVEL = 0.995


@dataclass(frozen=True, slots=True)
class RepsCheck:
    """How many reps of each arm have a value, and what the t on those says.

    `p_value` is two-sided; None where the reps are too few, or where no spread is seen between
    them. `sign` is 1 where the reps of the test are higher, -1 where lower, 0 where that is not
    told from chance.
    """

    baseline: int
    test: int
    p_value: float | None
    sign: int


def check_reps(
    baseline: Observations, test: Observations, rep_of: Int64, reps: Mapping[Arm, Sequence[Unit]]
) -> RepsCheck:
    """Whether the reps of two arms differ. `rep_of` [n] is the rep with whom each deal began.

    `reps` are those of each arm: who opened no deal at all is a zero for the number of deals.
    """
    y1, of1 = _values(test, rep_of, reps["test"])
    y0, of0 = _values(baseline, rep_of, reps["baseline"])
    numbers = {stratum: number for number, stratum in enumerate(sorted({*of1, *of0}))}
    return compare_reps(y1, y0, np.array([numbers[one] for one in (*of1, *of0)], np.int64))


def compare_reps(test: Float, baseline: Float, strata: Int64 | None = None) -> RepsCheck:
    """Student's t of the arm, beside a level for each stratum: analysed as it was drawn.

    `strata` are numbers from 0 on, those of the test first; None for one stratum alone, and then
    it is the t of two samples with one variance.
    """
    n1, n0 = len(test), len(baseline)
    value, arm = np.concatenate([test, baseline]), np.repeat([1.0, 0.0], [n1, n0])
    place = np.zeros(n1 + n0, np.int64) if strata is None else strata
    there = np.bincount(place)
    freedom = n1 + n0 - len(there) - 1
    if min(n1, n0) < 2 or freedom < 1:
        return RepsCheck(n0, n1, None, 0)
    y, x = (v - (np.bincount(place, weights=v) / there)[place] for v in (value, arm))
    spread = float((x * x).sum())
    if spread < 1e-12:
        return RepsCheck(n0, n1, None, 0)  # no stratum has both arms
    effect = float((x * y).sum()) / spread
    error = math.sqrt(float(((y - effect * x) ** 2).sum()) / freedom / spread)
    if error < 1e-12:
        return RepsCheck(n0, n1, None, 0)
    p_value = 2 * float(special.stdtr(freedom, -abs(effect / error)))
    sign = int(math.copysign(1, effect)) if p_value < 1 - LEVEL else 0
    return RepsCheck(n0, n1, p_value, sign)


def _values(
    side: Observations, rep_of: Int64, reps: Sequence[Unit]
) -> tuple[Float, tuple[str, ...]]:
    """One value per rep and its stratum: the mean of the rep's cases, as they are compared.

    For the number of deals the root of the count, whose spread hangs on no rate (Anscombe 1948).
    """
    here, reps = rep_of[side.deal], sorted(reps, key=lambda unit: unit.id)
    known = np.array([unit.id for unit in reps], np.int64)
    place = np.searchsorted(known, here)
    inside = place < len(known)
    inside[inside] = known[place[inside]] == here[inside]
    place = place[inside]
    cases = np.bincount(place, minlength=len(known)).astype(np.float64)
    if side.measure == "opened_per_week":
        return np.sqrt(cases), tuple(unit.stratum for unit in reps)
    total = np.bincount(place, weights=compared(side)[inside], minlength=len(known))
    some = cases > 0
    strata = tuple(unit.stratum for unit, seen in zip(reps, some.tolist(), strict=True) if seen)
    return total[some] / cases[some], strata
