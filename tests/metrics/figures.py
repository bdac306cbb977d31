"""SegmentFigures by hand: the classic funnel, with only what a test is about changed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from metrics.calc.types import Levers, SegmentFigures, StageFigures


def stage(position: int, name: str, **values: Any) -> StageFigures:
    """A healthy stage with enough exits; override what the test is about."""
    plain = StageFigures(
        position=position,
        name=name,
        cohort_reached=100,
        cohort_lost=10,
        cohort_pending=0,
        advanced=80,
        lost_at=20,
        exit_conversion=0.8,
        exit_interval=(0.71, 0.867),
        value_lost=20_000.0,
        value_lost_without_amount=0,
        value_lost_by_reason={"competitor": (12, 12_000.0), "unknown": (8, 8_000.0)},
        days_median=10.0,
        days_p90=24.0,
        days_median_km=11,
        usual_advanced=320,
        usual_lost_at=80,
        chance_worse=0.5,
        verdict="healthy",
        change_p=1.0,
        change_p_adjusted=1.0,
        worth_of_one_more=500.0,
        worth_is_thin=False,
        expected_loss=10_000.0,
    )
    return replace(plain, **values)


STAGES = (
    stage(1, "Booked", cohort_reached=200, cohort_lost=20, lost_at=20, expected_loss=4_000.0),
    stage(2, "Held", cohort_reached=180, cohort_lost=80, expected_loss=9_000.0, verdict="watch",
          chance_worse=0.82),
    stage(3, "Met the coach", cohort_reached=100, cohort_lost=60, verdict="danger",
          chance_worse=0.95, expected_loss=30_000.0, change_p_adjusted=0.01, advanced=40,
          lost_at=60,
          exit_conversion=0.4, exit_interval=(0.309, 0.498), usual_advanced=192,
          usual_lost_at=208),
)  # fmt: skip


def figures(quarter: str = "2026-Q3", **values: Any) -> SegmentFigures:
    """A final quarter of 214 closed deals; override what the test is about."""
    plain = SegmentFigures(
        quarter=quarter,
        segment="all",
        status="final",
        as_of=datetime(2026, 10, 8, tzinfo=UTC),
        version=1,
        first=False,
        opened=200,
        won=50,
        lost=164,
        closed=214,
        open_at_start=60,
        open_at_end=46,
        in_play=260,
        average_open=52.3,
        won_with_amount=48,
        revenue_won=596_000.0,
        revenue_days=92,
        avg_deal_size=12_417.0,
        win_rate=50 / 214,
        win_rate_interval=(0.182, 0.295),
        win_rate_value=0.21,
        cycle_mean=88.0,
        cycle_median=74.0,
        cycle_p90=140.0,
        amount_open_at_end=410_000.0,
        open_at_end_without_amount=3,
        velocity=8466.0,
        velocity_empty=None,
        velocity_interval=(6100.0, 11_700.0),
        number_of_deals=52.3,
        cohort_won=40,
        stages=STAGES,
        danger_order=(3, 2, 1),
        path_unknown=0,
        rate_missing=0,
        came_back=0,
        levers=Levers(297.0, -156.0, 880.0, 263.0),
        win_rate_mix=0.01,
        win_rate_rate=0.015,
        weighted_pipeline=90_000.0,
        weighted_pipeline_without=2,
    )
    return replace(plain, **values)


def before(**values: Any) -> SegmentFigures:
    """The quarter before it."""
    plain = figures(
        "2026-Q2",
        velocity=7182.0,
        won=43,
        lost=163,
        closed=206,
        win_rate=43 / 206,
        avg_deal_size=12_670.0,
        cycle_mean=91.0,
        number_of_deals=51.0,
        levers=None,
    )
    return replace(plain, **values)
