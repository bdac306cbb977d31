"""Always-valid intervals: the promise itself by exact sums, the formulas by another way."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from metrics.calc.experiments.estimates import Estimate, compared, estimate
from metrics.calc.experiments.kinds import Goal, NotComputable
from metrics.calc.experiments.sequences import (
    AlwaysValid,
    always_valid,
    always_valid_path,
    conversions_differ,
    difference_intervals,
    mean_half_width,
    mixture_t,
    rates_differ,
    ratio_intervals,
)
from metrics.calc.experiments.tilts import difference_evidence, ratio_evidence
from tests.calc.experiments.made import conversion, opened, side

UP = Goal("up", 0.05)
BAR = math.log(40)
TABLE = st.tuples(st.integers(1, 80), st.integers(1, 80)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


def arrays(*numbers):
    return [np.atleast_1d(np.asarray(x, np.float64)) for x in numbers]


# The promise --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("p1", "p0"), [(0.2, 0.2), (0.05, 0.05), (0.6, 0.2), (0.3, 0.9), (0, 0.4)])
@pytest.mark.parametrize(("n1", "n0"), [(1, 1), (12, 30), (25, 6)])
def test_evidence_against_the_truth_is_worth_one_at_most(p1, p0, n1, n0, sign):
    """Its mean, summed over all outcomes there can be: an e-value without approximation."""
    k1, k0 = (x.ravel().astype(float) for x in np.meshgrid(np.arange(n1 + 1), np.arange(n0 + 1)))
    chance = stats.binom.pmf(k1, n1, p1) * stats.binom.pmf(k0, n0, p0)
    same = np.ones(len(k1))
    evidence = difference_evidence(same * (p1 - p0), k1, same * n1, k0, same * n0, sign=sign)
    assert chance @ np.exp(evidence) <= 1 + 1e-9


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("m1", "m0"), [(0.5, 0.5), (6, 6), (3, 20), (30, 12)])
def test_evidence_against_the_true_ratio_is_worth_one_at_most(m1, m0, sign):
    x1, x0 = (x.ravel().astype(float) for x in np.meshgrid(np.arange(90), np.arange(90)))
    chance = stats.poisson.pmf(x1, m1) * stats.poisson.pmf(x0, m0)
    same = np.ones(len(x1))
    ratio = (m1 / 13) / (m0 / 26)
    evidence = ratio_evidence(same * ratio, x1, same * 13, x0, same * 26, sign=sign)
    assert chance @ np.exp(evidence) <= 1 + 1e-9


@pytest.mark.parametrize("p", [0.05, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("order", ["alternating", "baseline first"])
def test_looking_after_every_deal_errs_in_five_of_a_hundred_at_most(p, order):
    """The exact chance of ever calling two equal conversions different, deal by deal.

    All paths of wins at once: the chance of each state is carried on as long as nothing was said.
    """
    n = 24
    turns = [0, 1] * n if order == "alternating" else [0] * n + [1] * n
    alive = np.zeros((n + 1, n + 1))  # [wins of the baseline, wins of the test]
    alive[0, 0] = 1.0
    k0, k1 = np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0), indexing="ij")
    seen, said = [0, 0], 0.0
    for turn in turns:
        seen[turn] += 1
        alive = alive * (1 - p) + p * np.roll(alive, 1, axis=turn)
        if min(seen) == 0:
            continue
        there = alive > 0
        counts = (k1[there], np.full(there.sum(), float(seen[1])))
        base = (k0[there], np.full(there.sum(), float(seen[0])))
        told = conversions_differ(*counts, *base) != 0
        said += alive[there][told].sum()
        alive[there] = np.where(told, 0.0, alive[there])
    assert 0 < said + alive.sum() <= 1 + 1e-9
    assert said <= 0.05


# The intervals ------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(TABLE)
def test_interval_of_a_difference(table):
    k1, n1, k0, n0 = table
    low, high = (float(x[0]) for x in difference_intervals(*arrays(k1, n1, k0, n0)))
    assert -1 <= low <= k1 / n1 - k0 / n0 <= high <= 1
    for end, sign in ((low, -1), (high, 1)):
        if abs(end) < 1 - 1e-9:
            found = difference_evidence(*arrays(end, k1, n1, k0, n0), sign=sign)[0]
            assert found == pytest.approx(BAR, abs=1e-5)
    mirrored = [float(x[0]) for x in difference_intervals(*arrays(k0, n0, k1, n1))]
    assert mirrored == pytest.approx([-high, -low], abs=1e-6)
    told = int(conversions_differ(*arrays(k1, n1, k0, n0))[0])
    assert told == (low > 0) - (high < 0)


@settings(max_examples=12)
@given(st.integers(0, 150), st.integers(0, 150), st.floats(1, 52), st.floats(1, 52))
def test_interval_of_a_ratio(x1, x0, t1, t0):
    low, high = (float(x[0]) for x in ratio_intervals(*arrays(x1, t1, x0, t0)))
    if x0:
        assert low <= (x1 / t1) / (x0 / t0) <= high
    else:
        assert high == math.inf
    if not x1:
        assert low == 0
    for end, sign in ((low, -1), (high, 1)):
        if 0 < end < math.inf:
            found = ratio_evidence(*arrays(end, x1, t1, x0, t0), sign=sign)[0]
            assert found == pytest.approx(BAR, abs=1e-5)
    told = int(rates_differ(*arrays(x1, t1, x0, t0))[0])
    assert told == (low > 1) - (high < 1)


def test_smallest_evidence_is_that_of_a_fine_search():
    """The golden section against trying ten thousand values of the unknown conversion."""
    shifts = {0.12: 0.2, 0.25: 0.6, 0.5: 3, 0.8: 4, 1.3: 4, 2.1: 3}
    parts_of_it = {0.03: 0.2, 0.12: 1, 0.3: 4, 0.5: 4, 0.7: 4, 0.88: 1, 0.97: 0.2}
    k1, n1, k0, n0, supposed = 30.0, 60.0, 20.0, 90.0, 0.05
    for sign in (1, -1):
        found = difference_evidence(*arrays(supposed, k1, n1, k0, n0), sign=sign)[0]
        p0 = np.linspace(0, 1 - supposed, 10_001)
        parts = []
        for shift, of_shift in shifts.items():
            for part, of_part in parts_of_it.items():
                up, down = sign * shift * part, -sign * shift * (1 - part)
                parts.append(
                    of_shift
                    / sum(shifts.values())
                    * of_part
                    / sum(parts_of_it.values())
                    * np.exp(up * k0 + down * k1)
                    / (1 - p0 + p0 * np.exp(up)) ** n0
                    / (1 - p0 - supposed + (p0 + supposed) * np.exp(down)) ** n1
                )
        assert found == pytest.approx(np.log(np.sum(parts, axis=0).min()), abs=1e-5)


@pytest.mark.parametrize(("freedom", "cases"), [(18, 5.0), (38, 10.0), (98, 25.0), (60, 9.0)])
def test_mixture_t_is_where_the_bayes_factor_reaches_twenty(freedom, cases):
    """The factor by integrating the noncentral t over a normal effect (Goenen et al. 2005)."""
    t = mixture_t(freedom, cases)
    effects = stats.norm(0, math.sqrt(1 / 2.0))
    # As a mean over the effect's own distribution; the noncentral t by its defining integral.
    nodes, weights = np.polynomial.legendre.leggauss(400)
    spread = nodes * 6 * effects.std()
    density = stats.nct.pdf(t, freedom, spread * math.sqrt(cases)) * effects.pdf(spread)
    with_effect = (weights * density).sum() * 6 * effects.std()
    assert with_effect / stats.t.pdf(t, freedom) == pytest.approx(20, rel=1e-5)


def test_mixture_t_says_nothing_on_a_handful():
    assert mixture_t(2, 1.0) == math.inf
    assert mixture_t(38, 10.0) > stats.t.ppf(0.975, 38)
    wider = [mixture_t(2 * n - 2, n / 2) * math.sqrt(2 / n) for n in (8, 16, 32, 64, 500)]
    assert wider == sorted(wider, reverse=True)


def test_the_wider_of_two_standard_errors_is_taken():
    calm, wild = np.linspace(9, 11, 60), np.array([0.0, 30, 4, 17, 25, 8, 12, 28])
    part = estimate(side("cycle_days", calm), side("cycle_days", wild), UP)
    assert isinstance(part, Estimate)
    difference, half = mean_half_width(wild, calm)
    freedom = 66
    spread = (7 * wild.var(ddof=1) + 59 * calm.var(ddof=1)) / freedom
    pooled = math.sqrt(spread * (1 / 8 + 1 / 60)) * mixture_t(freedom, 8 * 60 / 68)
    assert difference == pytest.approx(wild.mean() - calm.mean())
    assert half > pooled
    balanced = mean_half_width(wild, wild + 1)
    expected = wild.std(ddof=1) * math.sqrt(2 / 8) * mixture_t(14, 4.0)
    assert balanced == (pytest.approx(-1.0), pytest.approx(expected))
    with pytest.raises(ValueError, match="two values"):
        mean_half_width(wild[:1], calm)
    with pytest.raises(ValueError, match="the same"):
        mean_half_width(np.ones(3), np.ones(4))


PAIRS = [
    (conversion(14, 86), conversion(17, 71)),
    (opened(40, 91), opened(61, 91)),
    (side("cycle_days", [40, 44, 52, 38, 47, 41, 39, 45]), side("cycle_days", [30, 36, 33] * 3)),
    (side("deal_size", [40, 44, 52, 38, 47, 41, 39, 45]), side("deal_size", [30, 36, 33] * 3)),
]


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_always_valid_is_wider_than_one_look(before, after):
    once, always = estimate(before, after, UP), always_valid(before, after)
    assert isinstance(always, AlwaysValid)
    assert always.interval[0] <= once.interval[0] < once.interval[1] <= always.interval[1]
    strict = always_valid(before, after, level=0.99)
    assert strict.interval[0] <= always.interval[0]
    assert strict.interval[1] >= always.interval[1]


def test_sizes_are_compared_by_their_logarithms():
    before, after = PAIRS[3]
    difference, half = mean_half_width(compared(after), compared(before))
    found = always_valid(before, after)
    assert found.method == "mixture_t"
    assert found.interval == pytest.approx(
        (math.exp(difference - half), math.exp(difference + half))
    )


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_the_path_is_what_was_seen_on_each_day(before, after):
    days = [0, 1, 3, 8, 40, 70, 100]
    path = always_valid_path(before, after, days)
    for day, found in zip(days, path, strict=True):
        alone = always_valid(before.until(day), after.until(day))
        if isinstance(alone, NotComputable):
            assert found == alone
        else:
            assert found.method == alone.method
            assert found.interval == pytest.approx(alone.interval)
    assert path[-1].interval == pytest.approx(always_valid(before, after).interval)


def test_the_path_before_there_is_anything():
    before, after = conversion(3, 9), conversion(1, 2, matured=[50, 51])
    path = always_valid_path(before, after, [10, 40, 51])
    assert [isinstance(found, NotComputable) for found in path] == [True, True, False]
    assert path[0].reason == "no_mature"
    assert path[0].baseline.n == 9
    assert always_valid_path(before, after, []) == []


@pytest.mark.parametrize(
    ("before", "after", "interval"),
    [
        (conversion(1, 1), conversion(0, 1), (-1.0, 1.0)),
        (opened(0, 91), opened(1, 91), (0.0, math.inf)),
        (side("cycle_days", [3, 4]), side("cycle_days", [8, 9]), (-math.inf, math.inf)),
    ],
)
def test_next_to_nothing_excludes_nothing(before, after, interval):
    assert always_valid(before, after).interval == interval


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (conversion(1, 3), conversion(0, 0, young=5), "no_mature"),
        (opened(0, 91), opened(0, 91), "no_events"),
        (side("cycle_days", [3]), side("cycle_days", [8, 9]), "too_few"),
    ],
)
def test_no_interval_where_there_is_nothing(before, after, reason):
    found = always_valid(before, after)
    assert isinstance(found, NotComputable)
    assert found.reason == reason


def test_a_large_effect_is_told_with_tens_of_deals():
    low, _ = difference_intervals(*arrays(24, 40, 10, 60))
    assert low[0] > 0
    low, _ = ratio_intervals(*arrays(60, 13, 50, 26))
    assert low[0] > 1
    assert conversions_differ(*arrays(10, 40, 15, 60))[0] == 0
