"""The four levers add up to the change; the mix and the rate to the change of the win rate."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.calc.levers import Closings, levers, logarithmic_mean, mix_and_rate
from metrics.calc.velocity import Factors, velocity

POSITIVE = st.floats(1e-3, 1e6)


def made(number, size, rate, cycle):
    return Factors(number, size, rate, cycle, velocity(number, size, rate, cycle), None)


FACTORS = st.builds(made, POSITIVE, POSITIVE, st.floats(1e-3, 1), POSITIVE)


@given(FACTORS, FACTORS)
def test_the_four_add_up(before, after):
    found = levers(before, after)
    total = found.number + found.amount + found.win_rate + found.cycle
    scale = max(before.velocity, after.velocity)
    assert total == pytest.approx(after.velocity - before.velocity, abs=1e-9 * scale)


@given(FACTORS, FACTORS)
def test_backwards_is_the_opposite(before, after):
    there, back = levers(before, after), levers(after, before)
    scale = max(before.velocity, after.velocity)
    assert there.cycle == pytest.approx(-back.cycle, rel=1e-9, abs=1e-9 * scale)


def test_only_the_lever_that_moved_has_a_part():
    found = levers(made(50, 1000, 0.2, 12), made(50, 1000, 0.25, 12))
    assert found.win_rate == pytest.approx(50 * 1000 * 0.05 / 12)
    assert (found.number, found.amount, found.cycle) == (0, 0, 0)
    longer = levers(made(50, 1000, 0.2, 12), made(50, 1000, 0.2, 15))
    assert longer.cycle == pytest.approx(50 * 1000 * 0.2 * (1 / 15 - 1 / 12))


def test_equal_velocities_still_show_what_cancelled_out():
    found = levers(made(50, 1000, 0.2, 12), made(100, 500, 0.2, 12))
    assert found.number == pytest.approx(833.333333 * math.log(2))
    assert found.amount == pytest.approx(-found.number)


@pytest.mark.parametrize("one", [1.0, 3e-9, 7e11])
@pytest.mark.parametrize("shift", [0.0, 1e-15, 1e-12, 1e-6, 0.5])
def test_the_logarithmic_mean_of_near_equals(one, shift):
    other = one * (1 + shift)
    assert logarithmic_mean(other, one) == pytest.approx((one + other) / 2, rel=shift**2 + 1e-12)


def test_without_a_velocity_there_are_no_levers():
    empty = Factors(5.0, None, 0.2, 12.0, None, "no_amount")
    assert levers(empty, made(1, 1, 1, 1)) is None
    assert levers(made(1, 1, 1, 1), empty) is None


CLOSED = st.integers(0, 60).flatmap(
    lambda closed: st.builds(Closings, st.integers(0, closed), st.just(closed))
)
QUARTER = st.dictionaries(st.sampled_from(["inbound", "outbound", "unknown"]), CLOSED)


@given(QUARTER, QUARTER)
def test_mix_and_rate_add_up(before, after):
    found = mix_and_rate(before, after)
    totals = [
        (sum(c.won for c in quarter.values()), sum(c.closed for c in quarter.values()))
        for quarter in (before, after)
    ]
    if not all(closed for _, closed in totals):
        assert found is None
    else:
        change = totals[1][0] / totals[1][1] - totals[0][0] / totals[0][1]
        assert sum(found) == pytest.approx(change, abs=1e-12)


def test_more_inbound_is_mix_and_not_skill():
    before = {"inbound": Closings(20, 40), "outbound": Closings(6, 60)}
    after = {"inbound": Closings(40, 80), "outbound": Closings(2, 20)}
    mix, rate = mix_and_rate(before, after)
    assert mix == pytest.approx(0.42 - 0.26)
    assert rate == pytest.approx(0)


def test_a_channel_that_closed_nothing_before_is_all_mix():
    mix, rate = mix_and_rate({"inbound": Closings(10, 20)}, {"outbound": Closings(3, 20)})
    assert (mix, rate) == (pytest.approx(-0.35), 0)
