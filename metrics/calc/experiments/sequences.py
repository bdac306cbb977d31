"""How large may the effect be for someone who looks whenever they like: always-valid intervals.

A confidence sequence covers the true effect at all times at once with a chance of at least 95 %.
So it may be read every day, and an experiment may be stopped or extended because of it.

- Number of deals: mixture of exponential tilts of two Poisson counts (`tilts`). Exact.
- Conversions: the same of two binomials. Exact, from the first deal on.
- Cycle and deal size: the Bayes factor t with a normal mixture over the standardised effect of
  Goenen, Johnson, Lu and Westfall (2005, American Statistician 59, 252-257), an e-process by the
  invariance argument of Lindon, Ham, Tingley and Bojinov (2022, arXiv 2210.08589); compare Wang
  and Ramdas (2023, arXiv 2310.03722). Exact for normal values of one variance. Where Welch's
  standard error reaches out further, that one is taken: it holds for many cases.

Deals do not end one after another like tosses of a coin: they open, and their outcome is known D
days later. The sequence runs over mature deals in the order in which they mature. Which deal
matures when is fixed by the day of its event, not by how it ends; so, given all that has matured
before, the next outcome is a fresh draw, and the evidence is a martingale with respect to what has
matured. Who looks also knows of wins of deals that are not mature yet, which is more than that.
It does no harm: the promise is that the interval misses the truth at no time at all with a chance
of 95 %, so it holds at any moment, however that was picked (Howard et al. 2021, on random times).

What no sequence guards against: a correction or an undone winning that rewrites the past, deals
that depend on each other, and for before/after whatever else changed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metrics.calc.experiments.estimates import compared, why_empty
from metrics.calc.experiments.kinds import NotComputable
from metrics.calc.experiments.measures import Observations
from metrics.calc.experiments.tilts import difference_evidence, ratio_evidence
from metrics.calc.history import Float, Int8
from metrics.calc.types import Interval

Method = Literal["tilted_poisson", "tilted_binomial", "mixture_t"]
LEVEL = 0.95
# The prior variance of the effect in units of the spread between cases is 1 / _NARROW: tuned to
# five to fifty cases per side. Fixed before any data.
_NARROW = 2.0
_HALVINGS = 32
_LOG_RATIOS = (-12.0, 12.0)


@dataclass(frozen=True, slots=True)
class AlwaysValid:
    """An interval of the effect that may be read at any time; an infinite end is no bound yet."""

    interval: Interval
    method: Method


def always_valid(
    baseline: Observations, test: Observations, level: float = LEVEL
) -> AlwaysValid | NotComputable:
    """The always-valid interval of the effect as of now, or why there is none.

    A ratio to a baseline without any deal has a lower end and no upper one.
    """
    reason = why_empty(baseline, test)
    if reason is not None and reason != "baseline_zero":
        return NotComputable(reason, baseline.level, test.level)
    if baseline.measure == "opened_per_week":
        counts = _counts([baseline], [test])
        low, high = ratio_intervals(*counts, level=level)
        return AlwaysValid((float(low[0]), float(high[0])), "tilted_poisson")
    if baseline.measure in ("won_within", "passed_within"):
        low, high = difference_intervals(*_outcomes([baseline], [test]), level=level)
        return AlwaysValid((float(low[0]), float(high[0])), "tilted_binomial")
    difference, half = mean_half_width(compared(test), compared(baseline), level=level)
    low_end, high_end = difference - half, difference + half
    if baseline.measure == "deal_size":
        low_end, high_end = _exp(low_end), _exp(high_end)
    return AlwaysValid((low_end, high_end), "mixture_t")


def always_valid_path(
    baseline: Observations, test: Observations, days: Sequence[int], level: float = LEVEL
) -> list[AlwaysValid | NotComputable]:
    """The same as it stood at the end of each of these days: the measure over time."""
    befores = [baseline.until(day) for day in days]
    afters = [test.until(day) for day in days]
    if baseline.measure in ("cycle_days", "deal_size"):
        return [always_valid(b, a, level) for b, a in zip(befores, afters, strict=True)]
    found: list[AlwaysValid | NotComputable] = []
    known = []
    for number, (before, after) in enumerate(zip(befores, afters, strict=True)):
        reason = why_empty(before, after)
        if reason is None or reason == "baseline_zero":
            known.append(number)
            found.append(AlwaysValid((-math.inf, math.inf), "tilted_binomial"))
        else:
            found.append(NotComputable(reason, before.level, after.level))
    if known:
        some = [befores[n] for n in known], [afters[n] for n in known]
        method: Method = "tilted_binomial"
        if baseline.measure == "opened_per_week":
            method, (low, high) = "tilted_poisson", ratio_intervals(*_counts(*some), level=level)
        else:
            low, high = difference_intervals(*_outcomes(*some), level=level)
        for number, one, other in zip(known, low.tolist(), high.tolist(), strict=True):
            found[number] = AlwaysValid((one, other), method)
    return found


def _outcomes(
    befores: Sequence[Observations], afters: Sequence[Observations]
) -> tuple[Float, Float, Float, Float]:
    return (
        np.array([side.value.sum() for side in afters], np.float64),
        np.array([side.size for side in afters], np.float64),
        np.array([side.value.sum() for side in befores], np.float64),
        np.array([side.size for side in befores], np.float64),
    )


def _counts(
    befores: Sequence[Observations], afters: Sequence[Observations]
) -> tuple[Float, Float, Float, Float]:
    return (
        np.array([side.size for side in afters], np.float64),
        np.array([side.weeks for side in afters]),
        np.array([side.size for side in befores], np.float64),
        np.array([side.weeks for side in befores]),
    )


def difference_intervals(
    test_k: Float, test_n: Float, base_k: Float, base_n: Float, *, level: float = LEVEL
) -> tuple[Float, Float]:
    """Ends [m] of the always-valid interval of p1 - p0. Cases above 0; counts need not be whole.

    Exact; half of the error to each side. The observed difference is always inside.
    """
    seen = test_k / test_n - base_k / base_n
    bar = math.log(2 / (1 - level))

    def outside(difference: Float, sign: int) -> Float:
        return difference_evidence(difference, test_k, test_n, base_k, base_n, sign=sign) - bar

    low = _edge(lambda x: outside(x, -1), seen, np.full(seen.shape, -1.0))
    return low, _edge(lambda x: outside(x, 1), seen, np.full(seen.shape, 1.0))


def ratio_intervals(
    test_x: Float, test_weeks: Float, base_x: Float, base_weeks: Float, *, level: float = LEVEL
) -> tuple[Float, Float]:
    """Ends [m] of the always-valid interval of the ratio of two rates: 0 and inf are "no bound".

    Weeks above 0. Exact; half of the error to each side.
    """
    bar = math.log(2 / (1 - level))
    # Half an event more on both sides keeps the start finite; it only has to be inside.
    seen = np.log((test_x + 0.5) / test_weeks) - np.log((base_x + 0.5) / base_weeks)

    def outside(log_ratio: Float, sign: int) -> Float:
        ratio = np.exp(log_ratio)
        return ratio_evidence(ratio, test_x, test_weeks, base_x, base_weeks, sign=sign) - bar

    found = []
    for sign, far, without in ((-1, _LOG_RATIOS[0], 0.0), (1, _LOG_RATIOS[1], math.inf)):
        edge = _edge(lambda x, s=sign: outside(x, s), seen, np.full(seen.shape, far))  # type: ignore[misc]
        found.append(np.where(edge == far, without, np.exp(edge)))
    return found[0], found[1]


def conversions_differ(
    test_k: Float, test_n: Float, base_k: Float, base_n: Float, *, level: float = LEVEL
) -> Int8:
    """[m] 1 where the always-valid interval of p1 - p0 lies above 0, -1 where below, else 0."""
    none = np.zeros(test_k.shape)
    counts = (test_k, test_n, base_k, base_n)
    return _side(lambda sign: difference_evidence(none, *counts, sign=sign), level)


def rates_differ(
    test_x: Float, test_weeks: Float, base_x: Float, base_weeks: Float, *, level: float = LEVEL
) -> Int8:
    """[m] 1 where the always-valid interval of the ratio lies above 1, -1 where below, else 0."""
    none = np.ones(test_x.shape)
    counts = (test_x, test_weeks, base_x, base_weeks)
    return _side(lambda sign: ratio_evidence(none, *counts, sign=sign), level)


def _side(evidence: Callable[[int], Float], level: float) -> Int8:
    bar = math.log(2 / (1 - level))
    above, below = evidence(-1) > bar, evidence(1) > bar
    return above.astype(np.int8) - below.astype(np.int8)


def _edge(outside: Callable[[Float], Float], inside: Float, far: Float) -> Float:
    """Where `outside` turns positive between a point inside and a far one; `far` if it does not."""
    free = outside(far) <= 0
    near, away = inside.copy(), far.copy()
    for _ in range(_HALVINGS):
        middle = (near + away) / 2
        out = outside(middle) > 0
        away, near = np.where(out, middle, away), np.where(out, near, middle)
    # The outer of the two: what is reported is never narrower than what was proved.
    return np.where(free, far, away)


def mean_half_width(test: Float, baseline: Float, *, level: float = LEVEL) -> tuple[float, float]:
    """The difference of two means and half of its always-valid interval, infinite at first.

    At least two values on each side, not all alike.
    """
    if min(len(test), len(baseline)) < 2:
        raise ValueError("a spread needs two values")
    v1, v0 = float(test.var(ddof=1)), float(baseline.var(ddof=1))
    if v1 + v0 <= 0:
        raise ValueError("all values are the same")
    half = mean_reach(v1, len(test), v0, len(baseline), level)
    return float(test.mean() - baseline.mean()), half


def mean_reach(v1: float, n1: float, v0: float, n0: float, level: float = LEVEL) -> float:
    """Half of the always-valid interval of a difference of means, from variances and cases."""
    cases, pooled_freedom = n1 * n0 / (n1 + n0), n1 + n0 - 2
    pooled = ((n1 - 1) * v1 + (n0 - 1) * v0) / pooled_freedom * (1 / n1 + 1 / n0)
    e1, e0 = v1 / n1, v0 / n0
    freedom = (e1 + e0) ** 2 / (e1**2 / (n1 - 1) + e0**2 / (n0 - 1))
    return max(
        math.sqrt(pooled) * mixture_t(pooled_freedom, cases, level),
        math.sqrt(e1 + e0) * mixture_t(freedom, cases, level),
    )


def mixture_t(freedom: float, cases: float, level: float = LEVEL) -> float:
    """How many standard errors the always-valid interval of a mean reaches out; may be infinite.

    The t at which the Bayes factor of Goenen et al. (2005) reaches 1 / (1 - level). `cases` is
    n1 n0 / (n1 + n0), `freedom` the degrees of freedom of the standard error.
    """
    narrow = _NARROW / (_NARROW + cases)
    grown = ((1 - level) ** 2 * narrow) ** (-1 / (freedom + 1))
    if narrow * grown >= 1:
        return math.inf
    return math.sqrt(freedom * (grown - 1) / (1 - narrow * grown))


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf
