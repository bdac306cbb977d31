"""Intervals against published and independently computed values."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.calc.uncertainty import Z, is_thin, velocity_interval, wilson


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_published_values(k, n, low, high):
    found = wilson(k, n)
    assert found == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_the_solution_of_its_equation(case):
    """Both ends are where the score statistic is z; the rate lies between; ends are exact."""
    k, n = case
    low, high = wilson(k, n)
    assert 0 <= low <= k / n <= high <= 1
    assert (low == 0) == (k == 0)
    assert (high == 1) == (k == n)
    for end in (low, high):
        if 0 < end < 1:
            assert abs(k / n - end) == pytest.approx(Z * math.sqrt(end * (1 - end) / n), rel=1e-6)


def test_wilson_of_nothing_and_of_nonsense():
    assert wilson(0, 0) is None
    for k, n in ((2, 1), (-1, 3), (0, -1)):
        with pytest.raises(ValueError, match="no rate"):
            wilson(k, n)


def test_thin_is_under_twenty():
    assert [is_thin(n) for n in (0, 19, 20)] == [True, True, False]


def interval(**changes):
    values = {
        "won": 15,
        "lost": 50,
        "won_with_amount": 14,
        "deal_size": 4175.3,
        "cycle": 19.5,
        "amount_variance": 2.4e6,
        "cycle_variance": 90.0,
        "covariance": 3000.0,
    }
    return velocity_interval(801.8, **{**values, **changes})


def test_velocity_interval_by_hand():
    rate = 15 / 65
    variance = (
        (1 - rate) / (rate * 65)
        + 2.4e6 / (14 * 4175.3**2)
        + 90 / (14 * 19.5**2)
        - 2 * 3000 / (14 * 4175.3 * 19.5)
    )
    low, high = interval()
    assert low == pytest.approx(801.8 / math.exp(Z * math.sqrt(variance)))
    assert high == pytest.approx(801.8 * math.exp(Z * math.sqrt(variance)))


@pytest.mark.parametrize(
    "changes",
    [
        {"won_with_amount": 4},
        {"lost": 0},
        {"deal_size": None},
        {"cycle": None},
        {"amount_variance": None},
        {"cycle_variance": None},
        {"covariance": None},
        {"amount_variance": 1e14},  # wider than a number can say
    ],
)
def test_velocity_interval_is_empty(changes):
    assert interval(**changes) is None


def test_no_velocity_has_no_interval():
    none = dict.fromkeys(["amount_variance", "cycle_variance", "covariance"], 1.0)
    common = {"won": 9, "lost": 9, "won_with_amount": 9, "deal_size": 1.0, "cycle": 1.0, **none}
    assert velocity_interval(None, **common) is None


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Lognormal amounts and cycles, 40 wins of 160: the true A W / C is inside in 95 %."""
    rng = random.Random(20)
    truth = math.exp(8 + 0.25 / 2) * 0.25 / math.exp(3 + 0.16 / 2)
    inside, rounds = 0, 1500
    for _ in range(rounds):
        won = sum(rng.random() < 0.25 for _ in range(160))
        amounts = [rng.lognormvariate(8, 0.5) for _ in range(won)]
        cycles = [rng.lognormvariate(3, 0.4) for _ in range(won)]
        a, c = sum(amounts) / won, sum(cycles) / won

        def moment(x, y, mean_x, mean_y, m=won):
            pairs = zip(x, y, strict=True)
            return sum((p - mean_x) * (q - mean_y) for p, q in pairs) / (m - 1)

        low, high = velocity_interval(
            a * won / 160 / c,
            won=won,
            lost=160 - won,
            won_with_amount=won,
            deal_size=a,
            cycle=c,
            amount_variance=moment(amounts, amounts, a, a),
            cycle_variance=moment(cycles, cycles, c, c),
            covariance=moment(amounts, cycles, a, c),
        )
        inside += low <= truth <= high
    assert 0.935 <= inside / rounds <= 0.965
