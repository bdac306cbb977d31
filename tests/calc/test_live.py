"""Velocity today: deals open now, at the pace of the last four quarters that have ended."""

import pytest

from metrics.calc.live import live_velocity
from metrics.calc.velocity import VelocityOptions
from tests.calc.figures_maker import figures, quarter

DAYS = ["2025-01-01", "2025-04-01", "2025-07-01", "2025-10-01", "2026-01-01"]


def ended(day, scale, **extra):
    stored = figures(
        won=scale,
        lost=3 * scale,
        won_with_amount=scale,
        revenue_won=100.0 * scale,
        cycle_won_days=10 * scale,
        cycle_closed_days=80 * scale,
        open_at_end=999,
    )
    return quarter(day, all=stored, **extra)


def test_four_ended_quarters_together_and_the_deals_open_now():
    now = quarter("2026-04-01", status="running", all=figures(open_at_end=7, won=50))
    quarters = [ended(day, scale) for day, scale in zip(DAYS, [500, 1, 2, 3, 4], strict=True)]
    found = live_velocity([now, *quarters], segment="all")
    assert (found.number, found.deal_size, found.win_rate, found.cycle) == (7, 100, 0.25, 10)
    assert found.velocity == pytest.approx(7 * 100 * 0.25 / 10)
    closed = live_velocity(
        [now, *quarters], segment="all", options=VelocityOptions(number="closed", cycle="closed")
    )
    assert closed.number == 7  # live counts the deals open now, whatever the option
    assert closed.cycle == 20


def test_a_settling_quarter_has_ended():
    settling = quarter("2026-01-01", status="settling", all=figures(won=1, lost=1,
                       won_with_amount=1, revenue_won=10.0, cycle_won_days=5))  # fmt: skip
    now = quarter("2026-04-01", status="running", all=figures(open_at_end=2))
    assert live_velocity([settling, now], segment="all").velocity == pytest.approx(2 * 10 * 0.5 / 5)


def test_a_segment_without_open_deals():
    quarters = [ended("2026-01-01", 3), quarter("2026-04-01", status="running", rep_A=figures())]
    assert live_velocity(quarters, segment="all").empty == "no_deals"
    assert live_velocity(quarters, segment="rep=A").empty == "no_closed"
    assert live_velocity([], segment="all").empty == "no_closed"
