"""Medians and percentiles of many groups, by counting and by sorting, against NumPy."""

import numpy as np
import pytest

from metrics.calc import quantiles
from metrics.calc.uncertainty import kaplan_meier_median


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("cells_per_row", [0, 10**9])
def test_equal_to_numpy_by_either_way(monkeypatch, seed, cells_per_row):
    monkeypatch.setattr(quantiles, "_CELLS_PER_ROW", cells_per_row)
    rng = np.random.default_rng(seed)
    groups, rows = int(rng.integers(1, 30)), int(rng.integers(1, 200))
    group = rng.integers(0, groups, rows)
    days = rng.integers(-2, int(rng.choice([3, 40, 3000])), rows).astype(np.int32)
    slot = rng.integers(0, 3, rows)
    layout = quantiles.cells(slot, days, 3)
    found = quantiles.quantiles(layout, group * layout.span, groups)
    group, groups = group * 3 + slot, groups * 3
    for number in range(groups):
        own = days[group == number]
        assert found.count[number] == len(own)
        if len(own):
            assert found.median[number] == np.median(own)
            assert found.p90[number] == pytest.approx(np.percentile(own, 90), rel=1e-12)
        else:
            assert np.isnan([found.median[number], found.p90[number]]).all()


def test_no_rows_at_all():
    nothing = np.zeros(0, np.int64)
    layout = quantiles.cells(nothing, nothing.astype(np.int32), 2)
    found = quantiles.quantiles(layout, nothing, 3)
    assert found.count.tolist() == [0] * 6
    assert np.isnan(found.median).all()
    assert np.isnan(found.p90).all()
    medians = quantiles.survival_medians(layout, nothing, layout, nothing, 2)
    assert np.isnan(medians).all()
    assert len(medians) == 4


def slow_median(days, left):
    """Kaplan-Meier by the book, in exact fractions."""
    from fractions import Fraction

    survival = Fraction(1)
    for day in sorted(set(days)):
        at_risk = sum(other >= day for other in days)
        events = sum(1 for other, event in zip(days, left, strict=True) if event and other == day)
        survival *= 1 - Fraction(events, at_risk)
        if survival <= Fraction(1, 2):
            return day
    return None


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("chunk", [8, 1 << 22])
def test_survival_medians_equal_the_slow_ones(monkeypatch, seed, chunk):
    monkeypatch.setattr(quantiles, "_CHUNK_CELLS", chunk)
    rng = np.random.default_rng(seed)
    groups, rows = int(rng.integers(1, 9)), int(rng.integers(1, 60))
    group = rng.integers(0, groups, rows)
    days = rng.integers(0, int(rng.choice([2, 12, 90])), rows).astype(np.int32)
    event = rng.random(rows) < rng.choice([0.2, 0.6, 1.0])
    slot = np.zeros(rows, np.int64)
    left, censored = quantiles.split_cells(slot, days, event, 1)
    base = group * left.span
    found = quantiles.survival_medians(left, base[event], censored, base[~event], groups)
    for number in range(groups):
        own = group == number
        expected = slow_median(days[own].tolist(), event[own].tolist())
        actual = None if np.isnan(found[number]) else int(found[number])
        assert actual == expected


@pytest.mark.parametrize(
    ("days", "left", "median"),
    [
        ([1, 2, 3, 4], [True] * 4, 2),  # survival is exactly one half on day 2
        ([3, 3, 3], [True] * 3, 3),
        ([5], [False], None),
        ([1, 2, 5, 9], [True, False, False, False], None),
        # censored on the day of an event: still at risk on it, 3/4 x 2/3 = 1/2
        ([1, 2, 2, 7], [True, True, False, False], 2),
        ([0, 0, 4], [True, True, False], 0),
        ([], [], None),
    ],
)
def test_examples_by_hand(days, left, median):
    assert kaplan_meier_median(days, left) == median


def test_one_flag_per_duration():
    with pytest.raises(ValueError, match="one flag"):
        kaplan_meier_median([1, 2], [True])
