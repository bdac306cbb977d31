"""Fair comparison of reps: by hand, and what shrinking must always do."""

from statistics import mean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.calc.shrinkage import Prior, RepClosings, prior_of, rep_rates


def closings(*counts):
    return [RepClosings(f"Rep {n}", won, closed) for n, (won, closed) in enumerate(counts)]


def test_by_hand():
    counts = [(30, 100), (10, 100), (45, 100), (2, 4)]
    rates = [0.3, 0.1, 0.45]
    m, s2 = mean(rates), variance(rates)
    v = m * (1 - m) / 100
    weight = m * (1 - m) / (s2 - v) - 1
    assert 2 < weight < 200
    prior = prior_of(closings(*counts))
    assert prior == Prior(pytest.approx(m), pytest.approx(weight))
    found = rep_rates(closings(*counts))
    assert found[0].shrunk == pytest.approx((30 + m * weight) / (100 + weight))
    assert found[3].shrunk == pytest.approx((2 + m * weight) / (4 + weight))
    assert found[3].rate == 0.5


def test_few_reps_take_ten_deals_of_the_companys_rate():
    prior = prior_of(closings((3, 10), (1, 10), (1, 4)))
    assert prior == Prior(pytest.approx(5 / 24), 10)


def test_no_more_spread_than_chance_takes_ten_deals_too():
    assert prior_of(closings((2, 10), (2, 10), (3, 10))) == Prior(pytest.approx(7 / 30), 10)


def test_the_weight_stays_within_bounds():
    wide = closings((0, 1000), (1000, 1000), (500, 1000))
    assert prior_of(wide).weight == 2
    narrow = closings((5000, 10_000), (5250, 10_000), (4750, 10_000))
    assert prior_of(narrow).weight == 200


def test_deals_without_a_rep_count_in_the_companys_rate_only():
    reps = [*closings((2, 10), (2, 10)), RepClosings("unknown", 40, 40)]
    assert prior_of(reps) == Prior(pytest.approx(44 / 60), 10)


def test_nobody_closed_anything():
    assert prior_of(closings((0, 0))) is None
    found = rep_rates(closings((0, 0)))[0]
    assert (found.rate, found.interval, found.shrunk) == (None, None, None)


def test_by_name():
    reps = [RepClosings(name, 1, 2) for name in ("Cy", "Ada", "Bo")]
    assert [rate.rep for rate in rep_rates(reps)] == ["Ada", "Bo", "Cy"]


COUNTS = st.integers(0, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.lists(COUNTS, min_size=1, max_size=9))
def test_a_shrunk_rate_lies_between_the_raw_one_and_the_teams(counts):
    reps = closings(*counts)
    prior = prior_of(reps)
    for rep in rep_rates(reps):
        if prior is None:
            assert rep.shrunk is None
        elif rep.rate is None:
            assert rep.shrunk == pytest.approx(prior.mean)
        else:
            low, high = sorted((rep.rate, prior.mean))
            assert low - 1e-12 <= rep.shrunk <= high + 1e-12
