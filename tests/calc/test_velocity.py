"""Velocity by its formula, and the reasons why there is none."""

import pytest

from metrics.calc.velocity import VelocityOptions, combine, factors, velocity
from tests.calc.figures_maker import figures


def test_the_classic_example():
    assert velocity(50, 1000, 0.2, 12) == pytest.approx(833.33, abs=0.005)


def test_the_classic_example_from_stored_figures():
    stored = figures(
        days=90,
        open_days=50 * 90,
        won=20,
        lost=80,
        won_with_amount=20,
        revenue_won=20_000.0,
        cycle_won_days=240,
        cycle_closed_days=900,
        opened=70,
        open_at_start=60,
        open_at_end=30,
        in_play=130,
    )
    found = factors(stored, VelocityOptions())
    assert (found.number, found.deal_size, found.win_rate, found.cycle) == (50, 1000, 0.2, 12)
    assert found.velocity == pytest.approx(833.33, abs=0.005)
    numbers = {"in_play": 130, "opened": 70, "open_at_end": 30, "closed": 100}
    for option, number in numbers.items():
        found = factors(stored, VelocityOptions(number=option))
        assert found.number == number
        assert found.velocity == pytest.approx(number * 1000 * 0.2 / 12)
    assert factors(stored, VelocityOptions(cycle="closed")).cycle == 9


FULL = {
    "number": 5.0,
    "days": 9,
    "won": 2,
    "closed": 4,
    "revenue": 10.0,
    "won_with_amount": 2,
    "cycle_days": 8,
    "cycle_deals": 2,
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"days": 0}, "no_days"),
        ({"days": 0, "closed": 0, "won": 0}, "no_days"),
        ({"closed": 0, "won": 0, "revenue": 0.0, "won_with_amount": 0}, "no_closed"),
        ({"won": 0, "revenue": 0.0, "won_with_amount": 0, "cycle_deals": 0}, "no_won"),
        ({"won_with_amount": 0, "revenue": None}, "no_amount"),
        ({"revenue": 0.0, "cycle_days": 0}, "amount_zero"),
        ({"cycle_days": 0, "number": 0.0}, "cycle_zero"),
        ({"number": 0.0}, "no_deals"),
    ],
)
def test_the_first_reason_that_holds(changes, reason):
    found = combine(**{**FULL, **changes})
    assert found.empty == reason
    assert (found.velocity is None) == (reason is not None)


def test_what_can_be_told_is_told_without_a_velocity():
    found = combine(**{**FULL, "number": 0.0})
    assert (found.deal_size, found.win_rate, found.cycle) == (5.0, 0.5, 4.0)
