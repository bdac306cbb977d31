"""Exact evidence against a supposed effect, for two conversions or two rates, at any time.

For a supposed pair (p0, p1) and a tilt a of the log odds, exp(a k - n ln(1 - p + p e^a)) is the
likelihood ratio of n outcomes with k successes, and so a martingale of mean 1 in whatever order
outcomes come in (for counts: exp(a x - L (e^a - 1)) with L the events to expect). Both sides are
tilted towards each other, in parts r and 1 - r of a shift s in the log odds ratio. That is the
direction in which the reverse information projection of Turner, Ly and Gruenwald (2024, Journal
of Statistical Planning and Inference 230, 106116) lies, exact where r is the test's share of the
cases. A mixture over fixed s and r (the method of mixtures of Robbins 1970, Annals of
Mathematical Statistics 41, 1397-1409; Howard, Ramdas, McAuliffe and Sekhon 2021, Annals of
Statistics 49, 1055-1080) is again a martingale of mean 1 under the supposed pair. What nobody
supposes, the baseline's own p0, is taken where the evidence is smallest, so the result is at most
the martingale at the truth, whatever the truth is: an e-process, and by Ville's inequality it ever
exceeds 1 / a with a chance of at most a. No approximation, from the first deal on.

Evidence is convex in (p0, p1), so its minimum over p0 is one, and the effects that it does not
exclude form one interval around the observed effect. Arrays of any one shape; logarithms.
"""

from collections.abc import Callable
from itertools import product

import numpy as np

from metrics.calc.history import Float

# Fixed before any data, with what weight each gets. Parts: as if the test had from a thirtieth to
# thirty times the cases of the baseline. Shifts of the log odds ratio, of the log ratio for counts:
# most weight on what tens to hundreds of cases per side can tell, some on what thousands can.
_PARTS = {0.03: 0.2, 0.12: 1, 0.3: 4, 0.5: 4, 0.7: 4, 0.88: 1, 0.97: 0.2}
_ODDS_SHIFTS = {0.12: 0.2, 0.25: 0.6, 0.5: 3, 0.8: 4, 1.3: 4, 2.1: 3}
_RATE_SHIFTS = {0.1: 0.2, 0.2: 2, 0.35: 4, 0.6: 4, 1.0: 3, 1.7: 1}
_GOLDEN = (5**0.5 - 1) / 2
_STEPS = 34  # of the golden section: 0.618^34 is 8e-8 of where it started
_LOG_EVENTS = (-14.0, 21.0)  # ln of any number of events to expect in a baseline


def difference_evidence(
    difference: Float, test_k: Float, test_n: Float, base_k: Float, base_n: Float, *, sign: int
) -> Float:
    """ln of the evidence that p1 - p0 is smaller (sign 1) or larger (-1) than `difference`."""
    low, high = np.maximum(0.0, -difference), np.minimum(1.0, 1.0 - difference)
    low, high = np.broadcast_arrays(low, high + 0.0 * base_n)
    weight, tilt0, tilt1 = _tilts(_ODDS_SHIFTS, sign)
    fixed = weight + base_k[..., None] * tilt0 + test_k[..., None] * tilt1
    grow0, grow1 = np.expm1(tilt0), np.expm1(tilt1)

    def evidence(p0: Float) -> Float:
        p1 = np.clip(p0 + difference, 0.0, 1.0)
        return _log_sum(
            fixed
            - base_n[..., None] * np.log1p(p0[..., None] * grow0)
            - test_n[..., None] * np.log1p(p1[..., None] * grow1)
        )

    return _smallest(evidence, low, high)


def ratio_evidence(
    ratio: Float, test_x: Float, test_weeks: Float, base_x: Float, base_weeks: Float, *, sign: int
) -> Float:
    """ln of the evidence that the ratio of rates is smaller (sign 1) or larger (-1) than `ratio`.

    The nuisance is the number of events to expect in the baseline. It is taken anew wherever the
    evidence is smallest, so for concurrent arms the inflow may rise and fall as it likes as long
    as it does so for both.
    """
    weight, tilt0, tilt1 = _tilts(_RATE_SHIFTS, sign)
    fixed = weight + base_x[..., None] * tilt0 + test_x[..., None] * tilt1
    exposure = (ratio * test_weeks / base_weeks)[..., None]
    slope = np.expm1(tilt0) + exposure * np.expm1(tilt1)

    def evidence(log_events: Float) -> Float:
        return _log_sum(fixed - np.exp(log_events)[..., None] * slope)

    low = np.full(np.broadcast_shapes(ratio.shape, base_x.shape, test_weeks.shape), _LOG_EVENTS[0])
    return _smallest(evidence, low, low + (_LOG_EVENTS[1] - _LOG_EVENTS[0]))


def _tilts(shifts: dict[float, float], sign: int) -> tuple[Float, Float, Float]:
    """[components] ln of the weights, tilts of the baseline and of the test towards each other."""
    pairs = list(product(shifts.items(), _PARTS.items()))
    weight = np.array([of_shift * of_part for (_, of_shift), (_, of_part) in pairs], np.float64)
    shift = np.array([shift for (shift, _), _ in pairs])
    part = np.array([part for _, (part, _) in pairs])
    return np.log(weight / weight.sum()), sign * shift * part, -sign * shift * (1 - part)


def _log_sum(parts: Float) -> Float:
    """ln of the sum of exp(parts) over the last axis."""
    top = parts.max(axis=-1)
    total: Float = top + np.log(np.exp(parts - top[..., None]).sum(axis=-1))
    return total


def _smallest(function: Callable[[Float], Float], low: Float, high: Float) -> Float:
    """The minimum of a function with one valley on [low, high], by the golden section."""
    at_ends = np.minimum(function(low), function(high))
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(_STEPS):
        down = at_left < at_right
        high, low = np.where(down, right, high), np.where(down, low, left)
        fresh = np.where(down, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        at_fresh = function(fresh)
        left, right = np.where(down, fresh, right), np.where(down, left, fresh)
        at_left, at_right = np.where(down, at_fresh, at_right), np.where(down, at_left, at_fresh)
    return np.minimum(at_ends, np.minimum(at_left, at_right))
