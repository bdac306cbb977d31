"""Somebody looks every day: was it ever said that two sides differ.

Each path is one experiment, seen at the end of each day, by the always-valid interval, by the
verdict (the interval, and a second opinion where one is needed) and, for comparison, by an interval
that is meant for a single look.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.experiments_company import START
from metrics.calc.experiments.estimates import compared, welch, why_empty
from metrics.calc.experiments.kinds import NotComputable, Question
from metrics.calc.experiments.measures import Observations
from metrics.calc.experiments.sequences import always_valid, conversions_differ, rates_differ
from metrics.calc.uncertainty import Z

BAR = math.log(40)  # the evidence that an always-valid 95 % interval asks of either side

# What a second opinion says at the end of a day of what had matured by then: 1, -1 or 0.
Opinion = Callable[[Observations, Observations, int], int]


@dataclass(frozen=True, slots=True)
class Path:
    """One experiment with all that came of it, and the second opinion that its verdict needs."""

    baseline: Observations
    test: Observations
    opinion: Opinion | None = None

    def agrees(self, sign: int, day: int) -> bool:
        """Whether nothing is in the way of a verdict on a day."""
        if self.opinion is None:
            return True
        return self.opinion(self.baseline.until(day), self.test.until(day), day) == sign


@dataclass(frozen=True, slots=True)
class Ever:
    """The shares of paths that were ever told apart."""

    always_valid: float
    verdict: float
    peeked: float


def counts_ever(question: Question, paths: Sequence[Path], days: np.ndarray) -> Ever:
    """For numbers of deals and conversions; for one look, a z of 1.96."""
    columns = []
    for number, path in enumerate(paths):
        k1, n1 = _running(path.test, days)
        k0, n0 = _running(path.baseline, days)
        if question.measure == "opened_per_week":
            n1, n0 = _weeks(path.test, days), _weeks(path.baseline, days)
        columns.append(np.stack([k1, n1, k0, n0, np.full(len(days), float(number)), days]))
    k1, n1, k0, n0, owner, day = np.concatenate(columns, axis=1)
    some = (n1 > 0) & (n0 > 0)
    k1, n1, k0, n0, owner, day = (x[some] for x in (k1, n1, k0, n0, owner, day))
    if question.measure == "opened_per_week":
        gain = _poisson_gain(k1, n1, k0, n0)
        differ = rates_differ
    else:
        gain = _binomial_gain(k1, n1, k0, n0)
        differ = conversions_differ
    # Evidence at the pooled rate is an average of likelihood ratios, so it never exceeds the
    # largest one, and its minimum does not either: only where that one is large need we look.
    near = gain > BAR
    told = np.zeros(len(gain), np.int8)
    if near.any():
        told[near] = differ(k1[near], n1[near], k0[near], n0[near])
    judged: set[int] = set()
    for place in np.flatnonzero(told):
        number = int(owner[place])
        if number not in judged and paths[number].agrees(int(told[place]), int(day[place])):
            judged.add(number)
    size = len(paths)
    return Ever(
        always_valid=len(np.unique(owner[told != 0])) / size,
        verdict=len(judged) / size,
        peeked=len(np.unique(owner[2 * gain > Z**2])) / size,
    )


def _running(side: Observations, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = np.searchsorted(side.matured_on, days, side="right")
    k = np.concatenate([[0.0], np.cumsum(side.value)])[n]
    return k, n.astype(np.float64)


def _weeks(side: Observations, days: np.ndarray) -> np.ndarray:
    return np.clip(days + 1 - side.first_day, 0, side.days) * side.units / 7.0


def _xlogx(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x * np.log(np.where(x > 0, x, 1) / np.where(y > 0, y, 1)), 0.0)


def _binomial_gain(k1: np.ndarray, n1: np.ndarray, k0: np.ndarray, n0: np.ndarray) -> np.ndarray:
    """ln of the largest likelihood with two conversions over the largest with one."""
    pooled = (k1 + k0) / (n1 + n0)
    return (
        _xlogx(k1, n1 * pooled)
        + _xlogx(n1 - k1, n1 * (1 - pooled))
        + _xlogx(k0, n0 * pooled)
        + _xlogx(n0 - k0, n0 * (1 - pooled))
    )


def _poisson_gain(x1: np.ndarray, t1: np.ndarray, x0: np.ndarray, t0: np.ndarray) -> np.ndarray:
    pooled = (x1 + x0) / (t1 + t0)
    return _xlogx(x1, t1 * pooled) + _xlogx(x0, t0 * pooled)


def means_ever(paths: Sequence[Path]) -> Ever:
    """For cycles and deal sizes; for one look, Welch's interval."""
    told = judged = peeked = 0
    for path in paths:
        none = 1.0 if path.baseline.measure == "deal_size" else 0.0
        looks = np.union1d(path.baseline.matured_on, path.test.matured_on).tolist()
        always = verdict = once = False
        for day in looks:
            if day < START or verdict:
                continue
            sides = path.baseline.until(day), path.test.until(day)
            if why_empty(*sides) is not None:
                continue
            found = always_valid(*sides)
            if not isinstance(found, NotComputable):
                low, high = found.interval
                if not low <= none <= high:
                    always = True
                    verdict = path.agrees(1 if low > none else -1, day)
            low, high = welch(compared(sides[1]), compared(sides[0])).interval()
            # On the scale of the comparison, on which no effect is 0 for sizes too.
            once |= not low <= 0 <= high
        told += always
        judged += verdict
        peeked += once
    return Ever(told / len(paths), judged / len(paths), peeked / len(paths))
