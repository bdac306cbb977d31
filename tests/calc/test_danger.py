"""Tests, chances, worth and order of danger points, against independent computations."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy import integrate, stats

from metrics.calc import danger


def tables(seed, many, top):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, top, many) for _ in range(4)]


@pytest.mark.parametrize(("seed", "top"), [(1, 6), (2, 30), (3, 400), (4, 5000)])
def test_fisher_equals_scipy(seed, top):
    a, b, c, d = tables(seed, 150, top)
    found = danger.fisher_two_sided(a, b, c, d)
    for table in zip(found, a, b, c, d, strict=True):
        p, *counts = (float(table[0]), *map(int, table[1:]))
        if counts[0] + counts[1] == 0 or counts[2] + counts[3] == 0:
            assert np.isnan(p)
        else:
            expected = stats.fisher_exact([counts[:2], counts[2:]]).pvalue
            assert p == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("counts", [(3, 1, 1, 3), (0, 5, 5, 0), (2, 2, 2, 2), (7, 3, 3, 7)])
def test_fisher_counts_equally_probable_tables(counts):
    """Symmetric tables: both tails are exactly as probable, and both belong to the sum."""
    a, b, c, d = counts
    row, other, column = a + b, c + d, a + c
    total = comb(row + other, column)
    weights = {
        x: Fraction(comb(row, x) * comb(other, column - x), total)
        for x in range(max(0, column - other), min(row, column) + 1)
    }
    expected = sum(weight for weight in weights.values() if weight <= weights[a])
    found = danger.fisher_two_sided(*(np.array([x]) for x in counts))
    assert found[0] == pytest.approx(float(expected), rel=1e-12)


def test_fisher_of_huge_tables():
    found = danger.fisher_two_sided(
        np.array([60_000, 60_000]), np.array([40_000, 40_000]),
        np.array([240_500, 200_000]), np.array([159_500, 200_000]),
    )  # fmt: skip
    expected = stats.fisher_exact([[60_000, 40_000], [240_500, 159_500]]).pvalue
    assert found[0] == pytest.approx(expected, abs=1e-6)
    assert found[1] == pytest.approx(0, abs=1e-12)


def test_fisher_keeps_its_shape_and_splits_into_chunks(monkeypatch):
    a, b, c, d = (x.reshape(10, 5) for x in tables(7, 50, 40))
    whole = danger.fisher_two_sided(a, b, c, d)
    monkeypatch.setattr(danger, "_CHUNK", 30)
    assert np.array_equal(danger.fisher_two_sided(a, b, c, d), whole, equal_nan=True)
    assert whole.shape == (10, 5)
    none = np.zeros((2, 3), np.int64)
    assert np.isnan(danger.fisher_two_sided(none, none, none, none)).all()


@pytest.mark.parametrize("seed", range(4))
def test_benjamini_hochberg_equals_scipy(seed):
    rng = np.random.default_rng(seed)
    p = rng.random((40, 6)) ** 2
    p[rng.random(p.shape) < 0.3] = np.nan
    p[0] = np.nan
    p[1] = 0.03
    found = danger.benjamini_hochberg(p)
    for row, adjusted in zip(p, found, strict=True):
        some = ~np.isnan(row)
        assert np.array_equal(np.isnan(adjusted), ~some)
        if some.any():
            expected = stats.false_discovery_control(row[some])
            assert adjusted[some] == pytest.approx(expected, rel=1e-12)


def by_quadrature(a1, b1, a2, b2):
    """P(X > Y) as the integral of X's density times Y's distribution."""
    x, y = stats.beta(a1, b1), stats.beta(a2, b2)
    middle = [x.mean(), y.mean(), x.mean() - 4 * x.std(), x.mean() + 4 * x.std()]
    points = sorted(point for point in middle if 0 < point < 1)
    return integrate.quad(
        lambda t: x.pdf(t) * y.cdf(t), 0, 1, points=points, limit=400, epsabs=1e-11
    )[0]


@pytest.mark.parametrize("top", [3, 40, 900])
def test_the_chance_equals_quadrature(top):
    rng = np.random.default_rng(top)
    a1, b1, a2, b2 = (rng.integers(1, top + 1, 40) for _ in range(4))
    found = danger.beta_greater(a1, b1, a2, b2)
    expected = [by_quadrature(*case) for case in zip(a1, b1, a2, b2, strict=True)]
    assert found == pytest.approx(expected, abs=1e-8)


def test_the_chance_by_every_symmetry():
    """Each of the four sums is taken once, and all are the same number."""
    cases = np.array([[1, 9, 5, 7], [9, 5, 7, 1], [5, 7, 1, 9], [7, 1, 9, 5]])
    for a1, b1, a2, b2 in cases:
        args = [np.array([v]) for v in (a1, b1, a2, b2)]
        swapped = [np.array([v]) for v in (a2, b2, a1, b1)]
        found = danger.beta_greater(*args)[0]
        assert found == pytest.approx(by_quadrature(a1, b1, a2, b2), abs=1e-9)
        assert found == pytest.approx(1 - danger.beta_greater(*swapped)[0], abs=1e-12)
    same = np.array([[3], [4]])
    assert danger.beta_greater(same[0], same[1], same[0], same[1])[0] == pytest.approx(0.5)


def test_the_chance_with_large_counts():
    found = danger.beta_greater(
        np.array([30_001]), np.array([20_001]), np.array([7_401]), np.array([5_101])
    )[0]
    x, y = stats.beta(30_001, 20_001), stats.beta(7_401, 5_101)
    spread = np.hypot(x.std(), y.std())
    assert found == pytest.approx(stats.norm.cdf((x.mean() - y.mean()) / spread), abs=1e-3)
    with pytest.raises(ValueError, match="at least 1"):
        danger.beta_greater(*(np.array([v]) for v in (0, 1, 1, 1)))


def test_too_few_exits_have_no_chance():
    nine, ten = np.array([[9]]), np.array([[10]])
    zero = np.array([[0]])
    assert np.isnan(danger.chance_worse(nine, zero, ten, zero)).all()
    assert np.isnan(danger.chance_worse(ten, zero, nine, zero)).all()
    assert danger.chance_worse(ten, zero, ten, zero)[0, 0] == pytest.approx(0.5)


def test_chances_are_products_to_the_end():
    conversion = np.array([[0.5, 0.25, 1.0], [0.5, np.nan, 0.5]])
    found = danger.chances(conversion)
    assert found[0].tolist() == [0.125, 0.25, 1.0, 1.0]
    assert np.isnan(found[1][:2]).all()
    assert found[1][2:].tolist() == [0.5, 1.0]
    worth = danger.worth_of_one_more(np.array([1000.0, np.nan]), found)
    assert worth[0].tolist() == [250.0, 1000.0, 1000.0]
    assert np.isnan(worth[1]).all()


def test_conversion_without_exits_is_empty():
    found = danger.conversion(np.array([[3, 0, 0]]), np.array([[1, 2, 0]]))
    assert found[0][:2].tolist() == [0.75, 0.0]
    assert np.isnan(found[0][2])


@pytest.mark.parametrize(
    ("loss", "lost_at", "order"),
    [
        ([5.0, 9.0, 1.0], [1, 1, 1], (2, 1, 3)),
        ([None, 0.0, 3.0], [9, 0, 1], (3, 2, 1)),
        ([None, None, None], [1, 4, 4], (2, 3, 1)),
        ([100.0, 100.0 * (1 + 5e-10), 100.0], [1, 1, 2], (3, 1, 2)),  # a tie
        ([100.0, 100.0 * (1 + 5e-9)], [2, 1], (2, 1)),  # not a tie
        ([0.0, 0.0, 0.0, 0.0], [0, 0, 0, 0], (1, 2, 3, 4)),
        ([], [], ()),
    ],
)
def test_order(loss, lost_at, order):
    assert danger.danger_order(loss, lost_at) == order
