"""Every estimator against published examples, SciPy and sums done another way."""

import math
import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from metrics.calc.experiments.estimates import (
    Estimate,
    chance_difference_above,
    chance_ratio_above,
    estimate,
    mann_whitney,
    newcombe,
    rate_ratio_interval,
    welch,
)
from metrics.calc.experiments.kinds import Goal, NotComputable
from tests.calc.experiments.made import conversion, opened, side

UP, DOWN = Goal("up", 0.06), Goal("down", 0.06)
TABLE = st.tuples(st.integers(1, 60), st.integers(1, 60)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


# Rates --------------------------------------------------------------------------------------------


def test_rate_ratio_against_a_published_example():
    """Fay, "Testing the Ratio of Two Poisson Rates" (vignette of R's rateratio.test), section 1."""
    low, high = rate_ratio_interval(2, 17877, 9, 16660)
    assert low == pytest.approx(0.02177406, abs=5e-9)
    assert high == pytest.approx(1.00054910, abs=5e-9)
    assert pytest.approx(0.2070941557) == (2 / 17877) / (9 / 16660)


@given(st.integers(0, 80), st.integers(0, 80), st.floats(0.5, 60), st.floats(0.5, 60))
def test_rate_ratio_is_clopper_and_pearson_of_the_share(x1, x0, t1, t0):
    low, high = rate_ratio_interval(x1, t1, x0, t0)
    if x1 + x0 == 0:
        assert (low, high) == (0, math.inf)
        return
    share = stats.binomtest(x1, x1 + x0).proportion_ci(0.95, "exact")
    assert low == pytest.approx(share.low / (1 - share.low) * t0 / t1, rel=1e-7)
    if x0 == 0:
        assert high == math.inf
    else:
        assert high == pytest.approx(share.high / (1 - share.high) * t0 / t1, rel=1e-7)


@settings(max_examples=30)
@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.2, 5))
def test_chance_of_a_ratio_is_the_integral_of_two_gammas(x1, x0, ratio):
    t1, t0 = 13.0, 26.0
    one = stats.gamma(1 + x1, scale=1 / t1)
    other = stats.gamma(1 + x0, scale=1 / t0)
    top = other.ppf(1 - 1e-13)
    expected, _ = integrate.quad(
        lambda rate: other.pdf(rate) * one.sf(ratio * rate), 0, top, epsabs=1e-10, limit=200
    )
    assert chance_ratio_above(x1, t1, x0, t0, ratio) == pytest.approx(expected, abs=1e-6)


def test_a_count_estimate():
    found = estimate(opened(40, 91), opened(60, 91), Goal("up", 0.2))
    assert isinstance(found, Estimate)
    assert found.effect == pytest.approx(1.5)
    assert found.baseline.value == pytest.approx(40 / 13)
    assert found.interval[0] < found.half[0] < 1.5 < found.half[1] < found.interval[1]
    assert 0.8 < found.chance_target < found.chance_better < 1
    assert found.p_value is None
    wrong_way = estimate(opened(40, 91), opened(60, 91), Goal("down", 0.2))
    assert wrong_way.chance_better == pytest.approx(1 - found.chance_better)
    assert wrong_way.chance_target < wrong_way.chance_better


# Conversions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k1", "n1", "k0", "n0", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_newcombe_against_published_values(k1, n1, k0, n0, low, high):
    assert newcombe(k1, n1, k0, n0) == pytest.approx((low, high), abs=5e-5)


@given(TABLE)
def test_newcombe_from_scipy_s_wilson_intervals(table):
    k1, n1, k0, n0 = table
    one = stats.binomtest(k1, n1).proportion_ci(0.95, "wilson")
    other = stats.binomtest(k0, n0).proportion_ci(0.95, "wilson")
    p1, p0 = k1 / n1, k0 / n0
    low = p1 - p0 - math.sqrt((p1 - one.low) ** 2 + (other.high - p0) ** 2)
    high = p1 - p0 + math.sqrt((one.high - p1) ** 2 + (p0 - other.low) ** 2)
    assert newcombe(k1, n1, k0, n0) == pytest.approx((low, high), abs=1e-7)


@given(TABLE)
def test_newcombe_turns_round_with_the_sides_and_with_the_outcome(table):
    k1, n1, k0, n0 = table
    low, high = newcombe(k1, n1, k0, n0)
    assert -1 <= low <= k1 / n1 - k0 / n0 <= high <= 1
    assert newcombe(k0, n0, k1, n1) == pytest.approx((-high, -low))
    assert newcombe(n1 - k1, n1, n0 - k0, n0) == pytest.approx((-high, -low))


@settings(max_examples=30)
@given(TABLE, st.floats(-0.95, 0.95))
def test_chance_of_a_difference_is_the_integral_of_two_betas(table, difference):
    k1, n1, k0, n0 = table
    one, other = stats.beta(1 + k1, 1 + n1 - k1), stats.beta(1 + k0, 1 + n0 - k0)
    low, high = max(0.0, difference), min(1.0, 1 + difference)
    points = [x for x in (one.mean(), other.mean() + difference) if low < x < high]
    # Where p1 is above all of the other's range, the other is below it for certain.
    expected = (
        one.sf(high)
        + integrate.quad(
            lambda p: one.pdf(p) * other.cdf(p - difference),
            low,
            high,
            points=points or None,
            epsabs=1e-10,
            limit=300,
        )[0]
    )
    found = chance_difference_above(k1, n1, k0, n0, difference)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("table", [(3, 9, 1, 12), (40_000, 100_000, 5, 12), (0, 1, 1, 1)])
def test_chance_at_no_difference_is_the_exact_one(table):
    """The numeric integral against the finite sum that gives the chance of better."""
    found = estimate(conversion(table[2], table[3]), conversion(table[0], table[1]), UP)
    assert chance_difference_above(*table, 0.0) == pytest.approx(found.chance_better, abs=1e-9)


def test_the_sample_of_the_design():
    """14 of 86 before, 17 of 71 after: +7.7 points, -4.8 to +20.4, better with 88 in 100."""
    found = estimate(conversion(14, 86, young=5), conversion(17, 71, young=12), UP)
    assert found.effect == pytest.approx(0.0766, abs=5e-5)
    assert found.interval == pytest.approx((-0.048, 0.204), abs=5e-4)
    assert found.chance_better == pytest.approx(0.884, abs=5e-4)
    draws = np.random.default_rng(5).beta([[18], [15]], [[55], [73]], (2, 400_000))
    assert found.chance_target == pytest.approx((draws[0] - draws[1] >= 0.06).mean(), abs=0.004)
    assert (found.test.k, found.test.n, found.test.young) == (17, 71, 12)


def test_down_is_the_mirror_of_up():
    up = estimate(conversion(14, 86), conversion(17, 71), UP)
    down = estimate(conversion(86 - 14, 86), conversion(71 - 17, 71), DOWN)
    assert down.effect == pytest.approx(-up.effect)
    assert down.chance_better == pytest.approx(up.chance_better)
    assert down.chance_target == pytest.approx(up.chance_target)


# Means --------------------------------------------------------------------------------------------

VALUES = st.lists(st.integers(0, 90), min_size=2, max_size=30).map(
    lambda days: np.array(days, np.float64)
)


@given(VALUES, VALUES)
def test_welch_against_scipy(test, baseline):
    if np.ptp(test) == 0 and np.ptp(baseline) == 0:
        with pytest.raises(ValueError, match="the same"):
            welch(test, baseline)
        return
    found = welch(test, baseline)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy's, where one side is all alike
        theirs = stats.ttest_ind(test, baseline, equal_var=False)
    assert found.freedom == pytest.approx(theirs.df)
    assert found.interval() == pytest.approx(tuple(theirs.confidence_interval()), abs=1e-8)
    assert 2 * min(found.chance_above(0), 1 - found.chance_above(0)) == pytest.approx(
        theirs.pvalue, abs=1e-9
    )


def test_welch_against_a_published_example():
    """Welch's test on Student's sleep data (1908), as in R's help of t.test: t.test(extra ~ group).

    t = -1.8608, df = 17.776, 95 percent confidence interval -3.3654832 to 0.2054832.
    """
    first = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    second = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    found = welch(first, second)
    assert found.difference / found.error == pytest.approx(-1.8608, abs=5e-5)
    assert found.freedom == pytest.approx(17.776, abs=5e-4)
    assert found.interval() == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


@pytest.mark.parametrize(
    ("test", "baseline"),
    [([1, 5, 9, 12], [2, 3, 4]), ([10, 11, 12, 13, 14], [1, 2, 3, 4, 5]), ([3, 8], [1, 9, 2])],
)
def test_mann_whitney_counts_all_ways_to_part_the_values(test, baseline):
    """Exact p without ties: the share of all partitions that are as far from the middle."""
    together, n = test + baseline, len(test)

    def wins(ours, theirs):
        return sum(a > b for a in ours for b in theirs)

    middle = n * len(baseline) / 2
    far = abs(wins(test, baseline) - middle)
    ways = [
        wins([together[i] for i in some], [x for i, x in enumerate(together) if i not in some])
        for some in combinations(range(len(together)), n)
    ]
    expected = sum(abs(w - middle) >= far for w in ways) / len(ways)
    found = mann_whitney(np.array(test, float), np.array(baseline, float))
    assert found == pytest.approx(expected)


def test_mann_whitney_of_equal_values_is_no_number():
    assert mann_whitney(np.full(4, 3.0), np.full(5, 3.0)) is None


def test_a_cycle_that_got_shorter():
    before = side("cycle_days", [40, 44, 52, 38, 47, 41])
    after = side("cycle_days", [30, 36, 33, 41, 28])
    found = estimate(before, after, Goal("down", 5.0))
    assert found.effect == pytest.approx(33.6 - 262 / 6)
    assert found.interval[1] < 0
    assert found.chance_better > 0.99
    assert found.chance_target == pytest.approx(
        1 - welch(after.value, before.value).chance_above(-5.0)
    )
    assert 0 < found.p_value < 0.05


def test_a_deal_size_is_compared_by_its_logarithm():
    before = side("deal_size", [1000, 2000, 4000, 8000])
    after = side("deal_size", [2000, 4000, 8000, 16000])
    found = estimate(before, after, Goal("up", 0.5))
    assert found.scale == "ratio"
    assert found.effect == pytest.approx(2.0)
    theirs = stats.ttest_ind(np.log(after.value), np.log(before.value), equal_var=False)
    low, high = theirs.confidence_interval()
    assert found.interval == pytest.approx((math.exp(low), math.exp(high)))
    assert found.baseline.value == pytest.approx(3750), "the mean is shown as money"
    in_cents = estimate(
        side("deal_size", before.value * 100), side("deal_size", after.value * 100), Goal("up", 0.5)
    )
    assert in_cents.interval == pytest.approx(found.interval)


# Nothing to say -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (conversion(0, 0, young=4), conversion(1, 3), "no_mature"),
        (conversion(1, 3), conversion(0, 0, young=4), "no_mature"),
        (conversion(1, 3), conversion(0, 0), "no_deals"),
        (conversion(1, 3), conversion(0, 0, units=0), "arm_empty"),
        (conversion(1, 3), conversion(0, 0, days=0), "no_days"),
        (side("passed_within", [1, 0]), side("passed_within", [], belonging=3), "never_reached"),
        (opened(0, 91), opened(0, 30), "no_events"),
        (opened(0, 91), opened(9, 30), "baseline_zero"),
        (opened(9, 91), opened(0, 0), "no_days"),
        (side("cycle_days", [9]), side("cycle_days", [7, 8]), "too_few"),
        (side("cycle_days", [9, 9]), side("cycle_days", [7, 7]), "all_same"),
        (side("deal_size", [9, 9]), side("deal_size", [9, 9]), "all_same"),
        (
            side("cycle_days", [9, 8]),
            side("cycle_days", [], mature=5, belonging=5, reached=5),
            "no_won",
        ),
        (
            side("deal_size", [], mature=5, belonging=5, reached=5, without_amount=2),
            side("deal_size", [5, 6]),
            "no_amount",
        ),
    ],
)
def test_no_number_where_there_is_none(before, after, reason):
    found = estimate(before, after, UP)
    assert isinstance(found, NotComputable)
    assert found.reason == reason
    assert (found.baseline.n, found.test.n) == (before.size, after.size)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (conversion(0, 1), conversion(1, 1)),  # n = 1
        (conversion(5, 5), conversion(9, 9)),  # all won
        (conversion(0, 5), conversion(0, 9)),  # none won
        (opened(3, 91), opened(0, 14)),  # zero events in the test
        (side("cycle_days", [9, 9]), side("cycle_days", [7, 8])),
    ],
)
def test_edges_have_finite_numbers(before, after):
    found = estimate(before, after, UP)
    assert isinstance(found, Estimate)
    numbers = [found.effect, *found.interval, *found.half, found.chance_better, found.chance_target]
    assert all(math.isfinite(x) for x in numbers)
    assert found.interval[0] <= found.effect <= found.interval[1]
    assert 0 <= found.chance_target <= found.chance_better <= 1


def test_two_measures_are_not_compared():
    with pytest.raises(ValueError, match="one measure"):
        estimate(conversion(1, 2), opened(3, 4), UP)
