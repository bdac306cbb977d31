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
class Cells:
    """Rows of whole days, laid out so that groups of them can be counted again and again.

    A row's cell is `slot * width + days - low`: its place in the histogram of its own group. The
    caller adds `group * slots * width` to it, with a different grouping each time.
    """

    cell: Int64  # [rows]
    slots: int
    width: int
    low: int

    @property
    def span(self) -> int:
        """Cells of one group of slots."""
        return self.slots * self.width


def cells(slot: Int64, days: Int32, slots: int) -> Cells:
    """The rows of several slots. Days may be negative: a zone once moved over the date line."""
    low = int(days.min()) if len(days) else 0
    width = int(days.max()) - low + 1 if len(days) else 1
    return Cells(slot * width + (days - low), slots, width, low)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Per group and slot: how many values, their median and 90th percentile (NaN if none)."""

    count: Int64  # [groups * slots]
    median: Float
    p90: Float


def quantiles(layout: Cells, group: Int64, groups: int) -> Quantiles:
    """Median and 90th percentile (NumPy's linear definition) of the days of each group and slot.

    `group` [rows] is the group of each row times `layout.span`, so that adding it to a row's cell
    gives its place among the cells of all groups.
    """
    size = groups * layout.slots
    key = group + layout.cell
    if not len(key):
        empty = np.full(size, np.nan)
        return Quantiles(np.zeros(size, np.int64), empty, empty.copy())
    if size * layout.width <= _CELLS_PER_ROW * len(key):
        pick = _by_counting(key, size, layout.width)
    else:
        pick = _by_sorting(key, size, layout.width)
    return Quantiles(pick.count, pick(0.5) + layout.low, pick(0.9) + layout.low)


@dataclass(frozen=True, slots=True)
class _Picker:
    """Finds the r-th smallest day of each histogram, in running sums or in a sorted list."""

    found: Int64
    base: Int64
    count: Int64
    width: int
    counted: bool

    def __call__(self, share: float) -> Float:
        some = np.flatnonzero(self.count)
        rank = (self.count[some] - 1) * share
        below = np.floor(rank).astype(np.int64)
        first = self._at(some, below)
        second = self._at(some, np.minimum(below + 1, self.count[some] - 1))
        out = np.full(len(self.count), np.nan)
        out[some] = first + (second - first) * (rank - below)
        return out

    def _at(self, histogram: Int64, rank: Int64) -> Int64:
        if self.counted:
            cell: Int64 = np.searchsorted(self.found, self.base[histogram] + rank + 1)
            return cell - histogram * self.width
        day: Int64 = self.found[self.base[histogram] + rank] - histogram * self.width
        return day


def _by_counting(key: Int64, size: int, width: int) -> _Picker:
    running = np.cumsum(np.bincount(key, minlength=size * width))
    ends = running[width - 1 :: width]
    base = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    return _Picker(running, base, ends - base, width, counted=True)


def _by_sorting(key: Int64, size: int, width: int) -> _Picker:
    key = key.astype(np.int32) if size * width < 2**31 else key.copy()
    key.sort()
    base = np.searchsorted(key, np.arange(size) * width)
    count = np.diff(base, append=len(key))
    return _Picker(key, base, count, width, counted=False)


def survival_medians(
    left: Cells, left_group: Int64, censored: Cells, censored_group: Int64, groups: int
) -> Float:
    """[groups * slots] the first day with Kaplan-Meier survival <= 0.5, NaN where there is none.

    `left` are the rows that ended on their day, `censored` those still under way on theirs, at
    risk on that very day; both laid out alike (`split_cells`), and grouped as for `quantiles`.
    """
    size, width = groups * left.slots, left.width
    out = np.full(size, np.nan)
    left_key, censored_key = left_group + left.cell, censored_group + censored.cell
    step = max(1, _CHUNK_CELLS // width)
    if size <= step:
        _survival(left_key, censored_key, out, width)
    else:
        left_key, censored_key = np.sort(left_key), np.sort(censored_key)
        for low in range(0, size, step):
            edges = np.array([low, low + step]) * width
            parts = [
                key[slice(*np.searchsorted(key, edges))] - edges[0]
                for key in (left_key, censored_key)
            ]
            _survival(parts[0], parts[1], out[low : low + step], width)
    out += left.low
    return out


def split_cells(
    slot: Int64, days: Int32, event: npt.NDArray[np.bool_], slots: int
) -> tuple[Cells, Cells]:
    """The rows with and without an event, laid out alike, for `survival_medians`."""
    every = cells(slot, days, slots)
    ended, open_ = every.cell[event], every.cell[~event]
    return (
        Cells(ended, slots, every.width, every.low),
        Cells(open_, slots, every.width, every.low),
    )


def _survival(left_key: Int64, censored_key: Int64, out: Float, width: int) -> None:
    shape = (len(out), width)
    left = np.bincount(left_key, minlength=len(out) * width).reshape(shape)
    risk = np.bincount(censored_key, minlength=len(out) * width).reshape(shape)
    risk += left
    # At risk on a day: all but those who left or were censored on an earlier one.
    risk = risk[:, ::-1].cumsum(axis=1)[:, ::-1]
    np.maximum(risk, 1, out=risk)  # nobody left to lose: survival stays as it is
    survival = left / risk
    np.subtract(1.0, survival, out=survival)
    np.cumprod(survival, axis=1, out=survival)
    # Survival never rises, so the days above one half come first.
    above = (survival > _HALF).sum(axis=1)
    found = above < width
    out[found] = above[found]
