"""Did the two sides deal with the same sort of deals.

A before/after compares two crowds. Where more inbound, smaller or one rep's deals came in after
the start, the measure moves without any change in how people work. Shares per attribute on both
sides, how far apart they are, and whether chance alone does that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from metrics.calc.history import Float, History, Int32, Int64
from metrics.calc.segments import UNKNOWN

Attribute = Literal["channel", "source", "size", "rep"]
ATTRIBUTES: tuple[Attribute, ...] = ("channel", "source", "size", "rep")

MOVED = 0.05  # the p under which a shift is more than chance would do
FEWEST_EXPECTED = 5.0
_BANDS = ("small", "middle", "large")


@dataclass(frozen=True, slots=True)
class Share:
    """One value of an attribute: its deals and their share, on both sides (None of no deals)."""

    label: str
    baseline: int
    test: int
    baseline_share: float | None
    test_share: float | None


@dataclass(frozen=True, slots=True)
class Shift:
    """How one attribute moved between the sides.

    `distance` is the total variation distance, 0 to 1: the share of deals that would have to be
    of another kind for both sides to be alike. `p_value` is Pearson's chi-square test of equal
    shares, None with one value only or an empty side; `thin`: fewer than five cases expected
    somewhere, so that the p is rough.
    """

    attribute: Attribute
    shares: tuple[Share, ...]
    distance: float | None
    p_value: float | None
    thin: bool

    @property
    def moved(self) -> bool:
        """Whether the shift is more than chance would do."""
        return self.p_value is not None and self.p_value < MOVED


def mix_shift(
    history: History, baseline: Int64, test: Int64, amount: Float | None = None
) -> tuple[Shift, ...]:
    """The shifts of channel, source, size band and rep between two sets of deals (indices).

    Size bands are thirds of the baseline's amounts; deals without an amount are `unknown`.
    """
    amounts = history.amount if amount is None else amount
    cuts = size_cuts(amounts[baseline])
    found = []
    for attribute in ATTRIBUTES:
        labels: tuple[str, ...]
        if attribute == "size":
            codes, labels = size_bands(amounts, cuts), (UNKNOWN, *_BANDS)
        else:
            codes, labels = getattr(history, attribute), tuple(history.labels[attribute])
        size = len(labels)
        found.append(
            shift(
                attribute,
                labels,
                np.bincount(codes[baseline], minlength=size),
                np.bincount(codes[test], minlength=size),
            )
        )
    return tuple(found)


def size_cuts(amounts: Float) -> tuple[float, float] | None:
    """The amounts that part the baseline's deals into thirds; None where none has an amount."""
    known = amounts[~np.isnan(amounts)]
    if not len(known):
        return None
    low, high = np.percentile(known, [100 / 3, 200 / 3])
    return float(low), float(high)


def size_bands(amounts: Float, cuts: tuple[float, float] | None) -> Int32:
    """[n] 0 unknown, 1 small (up to the lower cut), 2 middle (up to the upper one), 3 large."""
    if cuts is None:
        return np.zeros(len(amounts), np.int32)
    bands = 1 + np.searchsorted(np.array(cuts), amounts, side="left")
    return np.where(np.isnan(amounts), 0, bands).astype(np.int32)


def shift(attribute: Attribute, labels: Sequence[str], baseline: Int64, test: Int64) -> Shift:
    """The shift of one attribute from counts per value; values that nobody has are left out."""
    some = np.flatnonzero(baseline + test)
    before, after = baseline[some], test[some]
    n0, n1 = int(before.sum()), int(after.sum())
    shares = tuple(
        Share(labels[place], int(b), int(a), b / n0 if n0 else None, a / n1 if n1 else None)
        for place, b, a in zip(some.tolist(), before.tolist(), after.tolist(), strict=True)
    )
    if not n0 or not n1:
        return Shift(attribute, shares, None, None, True)
    distance = float(np.abs(before / n0 - after / n1).sum() / 2)
    if len(some) < 2:
        return Shift(attribute, shares, distance, None, False)
    test_of = stats.chi2_contingency(np.stack([before, after]), correction=False)
    thin = bool(np.min(test_of.expected_freq) < FEWEST_EXPECTED)
    return Shift(attribute, shares, distance, float(test_of.pvalue), thin)


def loudest(shifts: Sequence[Shift]) -> Mapping[Attribute, float]:
    """The distances of those attributes that moved by more than chance, largest first."""
    moved = [(s.distance, s.attribute) for s in shifts if s.moved and s.distance is not None]
    return {attribute: distance for distance, attribute in sorted(moved, reverse=True)}
