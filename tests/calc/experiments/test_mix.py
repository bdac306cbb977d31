"""Whether both sides had the same sort of deals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.calc.experiments.mix import loudest, mix_shift, shift, size_bands, size_cuts
from tests.calc.experiments.made import history_of

COUNTS = st.lists(st.integers(0, 40), min_size=4, max_size=4).map(lambda x: np.array(x, np.int64))
LABELS = ("unknown", "a", "b", "c")


@given(COUNTS, COUNTS)
def test_shift_against_its_definition_and_scipy(before, after):
    found = shift("channel", LABELS, before, after)
    there = before + after > 0
    assert [s.label for s in found.shares] == [x for x, t in zip(LABELS, there, strict=True) if t]
    if not before.sum() or not after.sum():
        assert found.distance is None
        assert found.p_value is None
        return
    share, other = before / before.sum(), after / after.sum()
    assert found.distance == pytest.approx(1 - np.minimum(share, other).sum())
    if there.sum() > 1:
        expected = np.outer([before.sum(), after.sum()], (before + after)[there]) / (
            before.sum() + after.sum()
        )
        statistic = ((np.stack([before, after])[:, there] - expected) ** 2 / expected).sum()
        assert found.p_value == pytest.approx(stats.chi2.sf(statistic, there.sum() - 1))
        assert found.thin == (expected.min() < 5)
    else:
        assert (found.p_value, found.distance) == (None, 0)


def test_chi_square_against_a_published_example():
    """Agresti, An Introduction to Categorical Data Analysis (2007), p. 39: X2 = 30.07, df 2.

    Also in the help of chisq.test of R.
    """
    found = shift("source", ("x", "y", "z"), np.array([762, 327, 468]), np.array([484, 239, 477]))
    assert stats.chi2.isf(found.p_value, 2) == pytest.approx(30.07, abs=0.005)
    assert found.moved
    assert not found.thin


def test_size_bands_are_thirds_of_the_baseline():
    amounts = np.array([100.0, 200, 300, 400, 500, 600, np.nan])
    cuts = size_cuts(amounts)
    assert size_bands(amounts, cuts).tolist() == [1, 1, 2, 2, 3, 3, 0]
    assert size_cuts(np.array([np.nan])) is None
    assert size_bands(amounts, None).tolist() == [0] * 7


def test_mix_shift_of_a_history():
    deals = [
        (100.0 * n, [(0, 1)], {"channel": "inbound" if n % 2 else "outbound", "rep": "Ann"})
        for n in range(1, 21)
    ] + [(5_000.0, [(0, 1)], {"channel": "inbound", "rep": "Bob"}) for _ in range(20)]
    history = history_of(*deals)
    found = {s.attribute: s for s in mix_shift(history, np.arange(20), np.arange(20, 40))}
    assert list(found) == ["channel", "source", "size", "rep"]
    assert found["channel"].distance == pytest.approx(0.5)
    assert found["rep"].distance == pytest.approx(1.0)
    assert found["source"].p_value is None
    shares = {s.label: (s.baseline, s.test) for s in found["size"].shares}
    assert shares == {"small": (7, 0), "middle": (6, 0), "large": (7, 20)}
    assert list(loudest(list(found.values()))) == ["rep", "size", "channel"]
    nothing = mix_shift(history, np.arange(20), np.arange(0))
    assert all(s.distance is None for s in nothing)
    assert nothing[0].shares[0].test_share is None
