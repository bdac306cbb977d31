"""The figures of one segment in one quarter, as every surface shows them.

Names are those of docs/metrics.md. `SegmentFigures` is what pages, API, exports and
`dump_snapshots` read: the stored part comes from the snapshot, the rest is computed when
read, from the newest snapshots of this and earlier quarters. `None` means "not computable";
where the reason matters it stands beside the figure (`velocity_empty`), never a zero.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Verdict = Literal["danger", "watch", "healthy", "too_few"]
VelocityEmpty = Literal[
    "no_days", "no_closed", "no_won", "no_amount", "amount_zero", "cycle_zero", "no_deals"
]
SnapshotStatus = Literal["running", "settling", "final"]
NumberOption = Literal["average_open", "in_play", "opened", "open_at_end", "closed"]
CycleOption = Literal["won", "closed"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One open stage of the pipeline, for one segment and quarter. Days are whole local days."""

    position: int
    name: str
    # stored: the cohort (deals opened in Q) and the exits (what happened in Q)
    cohort_reached: int
    cohort_lost: int
    cohort_pending: int
    advanced: int
    lost_at: int
    exit_conversion: float | None
    exit_interval: Interval | None
    value_lost: float | None
    value_lost_without_amount: int  # how many of lost_at had no amount
    value_lost_by_reason: dict[str, tuple[int, float | None]]  # first level -> (deals, amount)
    days_median: float | None
    days_p90: float | None
    days_median_km: int | None
    # computed when read, from Q and the quarters before it
    usual_advanced: int | None
    usual_lost_at: int | None
    chance_worse: float | None
    verdict: Verdict
    change_p: float | None
    change_p_adjusted: float | None
    worth_of_one_more: float | None
    worth_is_thin: bool
    expected_loss: float | None
    days_count: int = 0  # stored: the exits behind days_median and days_p90


@dataclass(frozen=True, slots=True)
class Levers:
    """The part of V1 - V0 that each lever explains (LMDI-I); the four add up exactly."""

    number: float
    amount: float
    win_rate: float
    cycle: float


@dataclass(frozen=True, slots=True)
class SegmentFigures:
    """All figures of one segment in one quarter."""

    quarter: str  # label, e.g. FY2026-Q1
    segment: str  # all, channel=inbound, channel=inbound&product=Course
    status: SnapshotStatus
    as_of: datetime
    version: int
    first: bool  # the quarter of the company's very first transition: no usual, no levers
    # velocity
    opened: int
    won: int
    lost: int
    closed: int
    open_at_start: int
    open_at_end: int
    in_play: int
    average_open: float | None
    won_with_amount: int
    revenue_won: float | None
    revenue_days: int  # days of Q so far, the divisor of "what really came in"
    avg_deal_size: float | None
    win_rate: float | None
    win_rate_interval: Interval | None
    win_rate_value: float | None
    cycle_mean: float | None
    cycle_median: float | None
    cycle_p90: float | None
    amount_open_at_end: float | None
    open_at_end_without_amount: int
    velocity: float | None
    velocity_empty: VelocityEmpty | None
    velocity_interval: Interval | None
    number_of_deals: float | None  # N, by the company's option
    # funnel
    cohort_won: int
    stages: tuple[StageFigures, ...]
    danger_order: tuple[int, ...]  # positions, worst first
    path_unknown: int  # in-play deals left out of funnel, time-in-stage and danger figures
    rate_missing: int  # deals whose amount could not be converted: an error to show
    # computed when read
    came_back: int | None  # open_at_start less the quarter before's open_at_end
    levers: Levers | None
    win_rate_mix: float | None  # segment `all` only
    win_rate_rate: float | None
    weighted_pipeline: float | None
    weighted_pipeline_without: int  # open deals without amount or chance
    # what the figures above are made of
    number_of: NumberOption = "average_open"  # what `number_of_deals` counts
    cycle_of: CycleOption = "won"  # whose cycle_days
    cycle_deals: int = 0  # the deals behind cycle_mean, cycle_median, cycle_p90
    lost_with_amount: int = 0
    amount_lost: float | None = None
