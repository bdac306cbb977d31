"""How sure is a figure: intervals for rates and for velocity, medians of unfinished durations.

Definitions: docs/metrics.md, "Uncertainty". Wilson (1927) score interval; delta method on the
logarithm of velocity with the number of deals fixed; Kaplan and Meier (1958).
"""

import math
from collections.abc import Sequence

import numpy as np

from metrics.calc.quantiles import split_cells, survival_medians
from metrics.calc.types import Interval

Z = 1.959963984540054  # the 97.5th percentile of the standard normal distribution
THIN = 20  # a rate of fewer is called thin, in words


def wilson(k: int, n: int) -> Interval | None:
    """95 % Wilson interval of a rate k of n, exact at its ends; None where n is 0."""
    if n == 0:
        return None
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no rate")
    rate, z2 = k / n, Z * Z
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return (0.0 if k == 0 else centre - half, 1.0 if k == n else centre + half)


def is_thin(n: int) -> bool:
    """Whether a rate of n cases is too small to lean on without saying so."""
    return n < THIN


def velocity_interval(
    velocity: float | None,
    *,
    won: int,
    lost: int,
    won_with_amount: int,
    deal_size: float | None,
    cycle: float | None,
    amount_variance: float | None,
    cycle_variance: float | None,
    covariance: float | None,
) -> Interval | None:
    """95 % interval of V with the defaults for A, W and C.

    The variances are sample (m - 1) moments over the won deals that have an amount, m of them.
    None under m = 5, without a lost deal, or where V itself is empty.
    """
    m = won_with_amount
    if m < 5 or lost == 0 or not velocity or velocity < 0 or not deal_size or not cycle:
        return None
    if amount_variance is None or cycle_variance is None or covariance is None:
        return None
    closed = won + lost
    rate = won / closed
    variance = (
        (1 - rate) / (rate * closed)
        + amount_variance / (m * deal_size**2)
        + cycle_variance / (m * cycle**2)
        - 2 * covariance / (m * deal_size * cycle)
    )
    half = Z * math.sqrt(max(variance, 0.0))
    if half > 700:  # beyond what a float can hold: nothing is known
        return None
    return (velocity * math.exp(-half), velocity * math.exp(half))


def kaplan_meier_median(days: Sequence[int], left: Sequence[bool]) -> int | None:
    """The first day with survival <= 0.5, None if never.

    `left` says whether a case ended on its day; else it is censored there, at risk on that day.
    """
    if len(days) != len(left):
        raise ValueError("one flag per duration")
    if not days:
        return None
    event = np.asarray(left, np.bool_)
    nothing = np.zeros(len(days), np.int64)
    gone, censored = split_cells(nothing, np.asarray(days, np.int32), event, 1)
    median = survival_medians(gone, nothing[event], censored, nothing[~event], 1)[0]
    return None if np.isnan(median) else int(median)
