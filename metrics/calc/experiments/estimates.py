"""How large is the effect, by a plan that looks once: estimates with fixed-horizon intervals.

Definitions and methods: docs/metrics.md, "Experiments". These intervals hold for one look, at the
planned end; who looks every day reads the ones of `sequences`. All deals are taken as independent
of each other, and counts as Poisson: where reps or weeks differ by more, the truth is wider.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from metrics.calc.danger import beta_greater
from metrics.calc.experiments.kinds import (
    NO_EFFECT,
    Empty,
    Goal,
    Level,
    Measure,
    NotComputable,
    Scale,
)
from metrics.calc.experiments.measures import Observations
from metrics.calc.history import Float
from metrics.calc.types import Interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """The effect of the test side against the baseline: a difference, or a ratio.

    `interval` is the 95 % one and `half` the 50 % one, both for a single look; an end may be
    infinite. `chance_better` and `chance_target` are posterior chances that the effect goes the
    wanted way, and that it is at least the smallest one worth having. `p_value` is Mann and
    Whitney's, two-sided, where the measure is a mean.
    """

    measure: Measure
    scale: Scale
    baseline: Level
    test: Level
    effect: float
    interval: Interval
    half: Interval
    chance_better: float
    chance_target: float
    p_value: float | None = None


def estimate(baseline: Observations, test: Observations, goal: Goal) -> Estimate | NotComputable:
    """The effect that the two sides show, or why there is none to show."""
    if baseline.measure != test.measure:
        raise ValueError("two sides of one experiment share one measure")
    reason = why_empty(baseline, test)
    if reason is not None:
        return NotComputable(reason, baseline.level, test.level)
    if baseline.measure == "opened_per_week":
        return _count_estimate(baseline, test, goal)
    if baseline.measure in ("won_within", "passed_within"):
        return _rate_estimate(baseline, test, goal)
    return _mean_estimate(baseline, test, goal)


def why_empty(baseline: Observations, test: Observations) -> Empty | None:
    """Why two sides cannot be compared yet, the baseline's reason first; None where they can."""
    reason = baseline.empty or test.empty
    if reason is not None:
        return reason
    if baseline.measure == "opened_per_week":
        if baseline.size == 0:
            return "no_events" if test.size == 0 else "baseline_zero"
        return None
    if baseline.measure in ("cycle_days", "deal_size"):
        if min(baseline.size, test.size) < 2:
            return "too_few"
        if np.ptp(compared(baseline)) == 0 and np.ptp(compared(test)) == 0:
            return "all_same"
    return None


def compared(side: Observations) -> Float:
    """The values as they are compared: days as they are, money by its logarithm."""
    return np.log(side.value) if side.measure == "deal_size" else side.value


# Number of deals -------------------------------------------------------------------------------


def rate_ratio_interval(
    test: int, test_weeks: float, baseline: int, baseline_weeks: float, level: float = 0.95
) -> Interval:
    """Exact interval of the ratio of two Poisson rates, test to baseline; (0, inf) of nothing.

    Given all events together, those of the test are binomial with p = r t1 / (r t1 + t0), so the
    interval of Clopper and Pearson (1934) for p gives one for the ratio r (Przyborowski and
    Wilenski 1940). Exact: it covers at least as often as it says, by a little more.
    """
    tail = (1 - level) / 2
    odds = baseline_weeks / test_weeks
    low, high = 0.0, math.inf
    if test > 0:
        low = _odds(float(special.betaincinv(test, baseline + 1, tail))) * odds
    if baseline > 0:
        # 1 - p from the mirrored distribution: p itself rounds to 1 where it matters.
        rest = float(special.betaincinv(baseline, test + 1, tail))
        high = math.inf if rest == 0 else (1 - rest) / rest * odds
    return (low, high)


def chance_ratio_above(
    test: int, test_weeks: float, baseline: int, baseline_weeks: float, ratio: float
) -> float:
    """P(rate of the test > ratio x rate of the baseline), posterior from a flat prior on both.

    Gamma(1 + x, t) each, so the share of the test's rate is Beta(1 + x1, 1 + x0): exact.
    """
    share = ratio * test_weeks / (ratio * test_weeks + baseline_weeks)
    return float(special.betainc(1 + baseline, 1 + test, 1 - share))


def _odds(p: float) -> float:
    return p / (1 - p)


def _count_estimate(baseline: Observations, test: Observations, goal: Goal) -> Estimate:
    counts = (test.size, test.weeks, baseline.size, baseline.weeks)
    chance = [
        _wanted(chance_ratio_above(*counts, ratio), goal) for ratio in (1.0, goal.target("ratio"))
    ]
    return Estimate(
        measure=baseline.measure,
        scale="ratio",
        baseline=baseline.level,
        test=test.level,
        effect=(test.size / test.weeks) / (baseline.size / baseline.weeks),
        interval=rate_ratio_interval(*counts),
        half=rate_ratio_interval(*counts, level=0.5),
        chance_better=chance[0],
        chance_target=chance[1],
    )


def _wanted(chance_above: float, goal: Goal) -> float:
    return chance_above if goal.sign > 0 else 1 - chance_above


# Conversions -----------------------------------------------------------------------------------


def newcombe(
    test_k: int, test_n: int, baseline_k: int, baseline_n: int, level: float = 0.95
) -> Interval:
    """Interval of the difference of two proportions, test less baseline.

    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10: the Wilson intervals of both,
    combined. Both numbers of cases are above 0.
    """
    z = float(special.ndtri(0.5 + level / 2))
    p1, l1, u1 = _wilson(test_k, test_n, z)
    p0, l0, u0 = _wilson(baseline_k, baseline_n, z)
    difference = p1 - p0
    return (
        max(-1.0, difference - math.hypot(p1 - l1, u0 - p0)),
        min(1.0, difference + math.hypot(u1 - p1, p0 - l0)),
    )


def _wilson(k: int, n: int, z: float) -> tuple[float, float, float]:
    """The proportion and both ends of its Wilson interval, exact at 0 and 1."""
    p = k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return p, 0.0 if k == 0 else centre - half, 1.0 if k == n else centre + half


def chance_difference_above(
    test_k: int, test_n: int, baseline_k: int, baseline_n: int, difference: float
) -> float:
    """P(p1 - p0 >= difference), both with independent Beta(1 + k, 1 + n - k) posteriors.

    By Gauss and Legendre's rule on pieces between percentiles of both; agrees with the exact sum
    at a difference of 0 within 1e-12.
    """
    a1, b1 = 1.0 + test_k, 1.0 + test_n - test_k
    a0, b0 = 1.0 + baseline_k, 1.0 + baseline_n - baseline_k
    edges = np.concatenate(
        [
            special.betaincinv(a1, b1, _PERCENTILES),
            special.betaincinv(a0, b0, _PERCENTILES) + difference,
            [0.0, 1.0, difference, 1.0 + difference],
        ]
    )
    edges = np.unique(np.clip(edges, 0.0, 1.0))
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    p1 = middle[:, None] + half[:, None] * _NODES
    density = np.exp(
        special.xlogy(a1 - 1, p1) + special.xlog1py(b1 - 1, -p1) - special.betaln(a1, b1)
    )
    below = special.betainc(a0, b0, np.clip(p1 - difference, 0.0, 1.0))
    chance = float((half[:, None] * _WEIGHTS * density * below).sum())
    return min(1.0, max(0.0, chance))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_PERCENTILES = special.ndtr(np.arange(-7.0, 7.5, 1.0))


def _rate_estimate(baseline: Observations, test: Observations, goal: Goal) -> Estimate:
    k1, n1, k0, n0 = int(test.value.sum()), test.size, int(baseline.value.sum()), baseline.size
    shapes = (np.array([x], np.int64) for x in (1 + k1, 1 + n1 - k1, 1 + k0, 1 + n0 - k0))
    return Estimate(
        measure=baseline.measure,
        scale="difference",
        baseline=baseline.level,
        test=test.level,
        effect=k1 / n1 - k0 / n0,
        interval=newcombe(k1, n1, k0, n0),
        half=newcombe(k1, n1, k0, n0, level=0.5),
        chance_better=_wanted(float(beta_greater(*shapes)[0]), goal),
        chance_target=_wanted(
            chance_difference_above(k1, n1, k0, n0, goal.target("difference")), goal
        ),
    )


# Means -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WelchPart:
    """A difference of two means with its standard error and degrees of freedom."""

    difference: float
    error: float
    freedom: float

    def interval(self, level: float = 0.95) -> Interval:
        """Welch's interval of the difference."""
        half = float(special.stdtrit(self.freedom, 0.5 + level / 2)) * self.error
        return (self.difference - half, self.difference + half)

    def chance_above(self, difference: float) -> float:
        """P(difference of the true means > this), posterior from flat priors, by Welch's t."""
        return float(special.stdtr(self.freedom, (self.difference - difference) / self.error))


def welch(test: Float, baseline: Float) -> WelchPart:
    """Welch (1947): the difference of two means whose variances may differ.

    At least two values on each side and not all alike on both; ValueError else.
    """
    n1, n0 = len(test), len(baseline)
    if min(n1, n0) < 2:
        raise ValueError("a spread needs two values")
    v1, v0 = float(test.var(ddof=1)) / n1, float(baseline.var(ddof=1)) / n0
    if v1 + v0 <= 0:
        raise ValueError("all values are the same")
    freedom = (v1 + v0) ** 2 / (v1**2 / (n1 - 1) + v0**2 / (n0 - 1))
    return WelchPart(float(test.mean() - baseline.mean()), math.sqrt(v1 + v0), freedom)


def mann_whitney(test: Float, baseline: Float) -> float | None:
    """Two-sided p of Mann and Whitney (1947): do values of one side tend to be larger.

    Exact up to eight values on a side without ties, else normal with corrections for ties and
    continuity. None where all values are the same.
    """
    if np.ptp(np.concatenate([test, baseline])) == 0:
        return None
    return float(stats.mannwhitneyu(test, baseline, alternative="two-sided").pvalue)


def _mean_estimate(baseline: Observations, test: Observations, goal: Goal) -> Estimate:
    ratio = baseline.measure == "deal_size"
    scale: Scale = "ratio" if ratio else "difference"
    part = welch(compared(test), compared(baseline))

    def shown(x: float) -> float:
        # Beyond what a float can hold nothing is known.
        return x if not ratio else math.exp(x) if x < 700 else math.inf

    def ends(interval: Interval) -> Interval:
        return (shown(interval[0]), shown(interval[1]))

    chances = []
    for effect in (NO_EFFECT[scale], goal.target(scale)):
        on_scale = math.log(effect) if ratio else effect
        chances.append(_wanted(part.chance_above(on_scale), goal))
    return Estimate(
        measure=baseline.measure,
        scale=scale,
        baseline=baseline.level,
        test=test.level,
        effect=shown(part.difference),
        interval=ends(part.interval()),
        half=ends(part.interval(0.5)),
        chance_better=chances[0],
        chance_target=chances[1],
        p_value=mann_whitney(test.value, baseline.value),
    )
