"""Our own kernels with SciPy as the judge: random cases, and published ones by value.

Why there are own kernels at all: docs/adr/0009. Newcombe's intervals are judged in
experiments/test_estimates.py, with published values and from SciPy's Wilson intervals.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from metrics.calc.danger import benjamini_hochberg, beta_greater, fisher_two_sided
from metrics.calc.uncertainty import kaplan_meier_median, wilson

COUNT = st.one_of(st.integers(0, 12), st.integers(0, 400))
TABLE = st.tuples(COUNT, COUNT, COUNT, COUNT)


def fisher(table: tuple[int, ...]) -> float:
    return float(fisher_two_sided(*(np.array([n], np.int64) for n in table))[0])


# Fisher ---------------------------------------------------------------------------------------


@given(st.lists(TABLE, min_size=1, max_size=30))
@settings(max_examples=60)
def test_fisher_as_scipy(tables: list[tuple[int, int, int, int]]) -> None:
    """Many tables at once, as the snapshots are judged; each as if it were alone."""
    found = fisher_two_sided(*(np.array(column, np.int64) for column in zip(*tables, strict=True)))
    for p, (a, b, c, d) in zip(found, tables, strict=True):
        if a + b == 0 or c + d == 0:
            assert np.isnan(p)
        else:
            assert p == pytest.approx(stats.fisher_exact([[a, b], [c, d]]).pvalue, abs=1e-9)


@pytest.mark.parametrize(
    ("table", "p"),
    [
        # Fisher (1935), the lady who tasted tea: (1 + 16 + 16 + 1) / 70
        ((3, 1, 1, 3), 34 / 70),
        ((4, 0, 0, 4), 2 / 70),
        # Agresti (1990), p. 61 f., as in R's fisher.test: convictions of twins (Fisher 1925)
        ((2, 15, 10, 3), 0.0005367241),
        # The worked example of scipy.stats.fisher_exact: whales and sharks
        ((8, 2, 1, 5), 0.0349650350),
    ],
)
def test_fisher_golden(table: tuple[int, ...], p: float) -> None:
    assert fisher(table) == pytest.approx(p, abs=1e-9)


# Benjamini and Hochberg -----------------------------------------------------------------------


@given(
    st.lists(
        st.lists(st.one_of(st.floats(0, 1), st.just(np.nan)), min_size=5, max_size=5),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=120)
def test_benjamini_hochberg_as_scipy(rows: list[list[float]]) -> None:
    """Row by row over those that there are; what was not tested stays empty and does not count."""
    p = np.array(rows)
    found = benjamini_hochberg(p)
    for row, adjusted in zip(p, found, strict=True):
        tested = ~np.isnan(row)
        assert np.isnan(adjusted[~tested]).all()
        if tested.any():
            expected = stats.false_discovery_control(row[tested], method="bh")
            assert adjusted[tested] == pytest.approx(expected, abs=1e-12)


def test_benjamini_hochberg_golden() -> None:
    """Benjamini and Hochberg (1995), section 3.2: fifteen comparisons, four of them discovered."""
    p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    found = benjamini_hochberg(np.array([p]))[0]
    assert (found < 0.05).sum() == 4
    assert found[:5] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625, 0.0603], abs=1e-9)
    assert found[-1] == 1.0


# Wilson ---------------------------------------------------------------------------------------


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=200)
def test_wilson_as_scipy(case: tuple[int, int]) -> None:
    k, n = case
    expected = stats.binomtest(k, n).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


# Kaplan and Meier -----------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=200)
def test_the_survival_median_as_scipy(cases: list[tuple[int, bool]]) -> None:
    """The first day on which SciPy's survival function is at one half or below."""
    days, left = [day for day, _ in cases], [gone for _, gone in cases]
    survival = stats.ecdf(
        stats.CensoredData(
            uncensored=[day for day, gone in cases if gone],
            right=[day for day, gone in cases if not gone],
        )
    ).sf
    days_at_half = [
        float(day)
        for day, share in zip(survival.quantiles, survival.probabilities, strict=True)
        if share <= 0.5 + 1e-12
    ]
    expected = min(days_at_half, default=None)
    assert kaplan_meier_median(days, left) == expected


def test_the_survival_median_golden() -> None:
    """Gehan (1965), Freireich's trial of leukaemia: medians of 23 weeks with 6-MP, 8 without."""
    treated = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    flags = [True] * len(treated) + [False] * len(censored)
    assert kaplan_meier_median([*treated, *censored], flags) == 23
    control = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    assert kaplan_meier_median(control, [True] * len(control)) == 8


# Two Beta distributions -----------------------------------------------------------------------


PARAMETER = st.integers(1, 120)


@given(st.tuples(PARAMETER, PARAMETER, PARAMETER, PARAMETER))
@settings(max_examples=80)
def test_the_chance_that_one_is_greater_as_quadrature(case: tuple[int, int, int, int]) -> None:
    a1, b1, a2, b2 = case
    one, other = stats.beta(a1, b1), stats.beta(a2, b2)
    marks = [one.mean(), other.mean(), one.mean() - 5 * one.std(), one.mean() + 5 * one.std()]
    expected, _error = integrate.quad(
        lambda x: one.pdf(x) * other.cdf(x),
        0,
        1,
        points=sorted(mark for mark in marks if 0 < mark < 1),
        limit=400,
        epsabs=1e-11,
    )
    found = beta_greater(*(np.array([n], np.int64) for n in case))
    assert found[0] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("case", "chance"),
    [
        # By hand: the greater of uniform draws, and sums of whole numbers
        ((1, 1, 1, 1), 1 / 2),
        ((2, 1, 1, 1), 2 / 3),
        ((5, 1, 1, 1), 5 / 6),
        ((2, 1, 1, 2), 5 / 6),
        ((3, 1, 2, 1), 3 / 5),
    ],
)
def test_the_chance_that_one_is_greater_golden(
    case: tuple[int, int, int, int], chance: float
) -> None:
    found = beta_greater(*(np.array([n], np.int64) for n in case))
    assert found[0] == pytest.approx(chance, abs=1e-14)
