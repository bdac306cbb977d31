"""Medians, percentiles and Kaplan-Meier medians of many groups of whole days at once.

Exact, and without sorting where the days are few: a histogram per group is counted, and the r-th
smallest day is found in its running sums. Long or sparse histograms go by a sort instead.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.calc.history import Int32, Int64

Float = npt.NDArray[np.float64]

# Counting touches every cell of the histogram, sorting every row several times.
_CELLS_PER_ROW = 6
_CHUNK_CELLS = 1 << 22
# A product of fractions such as 3/4 x 2/3 may miss 0.5 by a rounding.
_HALF = 0.5 + 1e-12


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Per group: how many values, their median and 90th percentile (NaN where there are none)."""

    count: Int64
    median: Float
    p90: Float


def quantiles(group: Int64, days: Int32, groups: int) -> Quantiles:
    """Median and 90th percentile (NumPy's linear definition) of `days` in each of `groups`.

    `group` [rows] numbers the groups 0..groups - 1. Days may be negative (a zone that once moved
    over the date line), since their least value is subtracted first.
    """
    count = np.bincount(group, minlength=groups).astype(np.int64)
    if not len(days):
        empty = np.full(groups, np.nan)
        return Quantiles(count, empty, empty.copy())
    low = int(days.min())
    width = int(days.max()) - low + 1
    if groups * width <= _CELLS_PER_ROW * len(days):
        pick = _by_counting(group, days - low, groups, width)
    else:
        pick = _by_sorting(group, days - low, count, width)
    return Quantiles(count, pick(0.5, count) + low, pick(0.9, count) + low)


class _Picker:
    """Finds the r-th smallest day of each group in a sorted list or in running sums."""

    def __init__(self, found: Int64, base: Int64, width: int, counted: bool) -> None:
        self.found, self.base, self.width, self.counted = found, base, width, counted

    def __call__(self, share: float, count: Int64) -> Float:
        some = np.flatnonzero(count)
        rank = (count[some] - 1) * share
        below = np.floor(rank).astype(np.int64)
        first = self._at(some, below)
        second = self._at(some, np.minimum(below + 1, count[some] - 1))
        out = np.full(len(count), np.nan)
        out[some] = first + (second - first) * (rank - below)
        return out

    def _at(self, group: Int64, rank: Int64) -> Int64:
        if self.counted:
            cell: Int64 = np.searchsorted(self.found, self.base[group] + rank + 1)
            return cell - group * self.width
        day: Int64 = self.found[self.base[group] + rank] - group * self.width
        return day


def _by_counting(group: Int64, days: Int32, groups: int, width: int) -> _Picker:
    cells = np.bincount(group * width + days, minlength=groups * width)
    running = np.cumsum(cells)
    base = np.zeros(groups, np.int64)
    base[1:] = running[np.arange(1, groups) * width - 1]
    return _Picker(running, base, width, counted=True)


def _by_sorting(group: Int64, days: Int32, count: Int64, width: int) -> _Picker:
    key = group * width + days
    if len(count) * width < 2**31:
        key = key.astype(np.int32)
    key.sort()
    return _Picker(key, np.cumsum(count) - count, width, counted=False)


def survival_medians(group: Int64, days: Int32, event: npt.NDArray[np.bool_], groups: int) -> Float:
    """Per group the first day with Kaplan-Meier survival <= 0.5, NaN where there is none.

    `event` says whether the deal left on that day; else it is censored there, and still at risk
    on that very day. Days are not negative.
    """
    out = np.full(groups, np.nan)
    if not len(days):
        return out
    days = np.maximum(days, 0)
    width = int(days.max()) + 1
    step = max(1, _CHUNK_CELLS // width)
    if groups <= step:
        _survival(group, days, event, out, width)
        return out
    order = np.argsort(group, kind="stable")
    group, days, event = group[order], days[order], event[order]
    for low in range(0, groups, step):
        part = slice(*np.searchsorted(group, (low, low + step)))
        _survival(group[part] - low, days[part], event[part], out[low : low + step], width)
    return out


def _survival(
    group: Int64, days: Int32, event: npt.NDArray[np.bool_], out: Float, width: int
) -> None:
    shape = (len(out), width)
    cell = group * width + days
    ended = np.bincount(cell, minlength=shape[0] * width).reshape(shape)
    left = np.bincount(cell[event], minlength=shape[0] * width).reshape(shape)
    # At risk on a day: all but those who left or were censored on an earlier one.
    risk = ended[:, ::-1].cumsum(axis=1)[:, ::-1]
    np.maximum(risk, 1, out=risk)  # nobody left to lose: survival stays as it is
    survival = np.cumprod(1.0 - left / risk, axis=1)
    # Survival never rises, so the days above one half come first.
    above = (survival > _HALF).sum(axis=1)
    found = above < width
    out[found] = above[found]
