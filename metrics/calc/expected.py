"""The figures of one segment in the shape in which they are exchanged and compared.

It is the shape of the golden company's expected.json: quarter -> segment -> figures. Surfaces
read `SegmentFigures`; this is what `dump_snapshots` prints.
"""

from typing import Any

from metrics.calc.segments import ALL
from metrics.calc.types import SegmentFigures, StageFigures

_FIGURES = (
    "amount_open_at_end",
    "average_open",
    "avg_deal_size",
    "closed",
    "cohort_won",
    "cycle_mean",
    "cycle_median",
    "cycle_p90",
    "first",
    "in_play",
    "lost",
    "open_at_end",
    "open_at_start",
    "opened",
    "revenue_won",
    "status",
    "velocity",
    "velocity_empty",
    "win_rate",
    "win_rate_value",
    "won",
    "won_with_amount",
)
_STAGE = (
    "position",
    "cohort_reached",
    "cohort_lost",
    "cohort_pending",
    "advanced",
    "lost_at",
    "exit_conversion",
    "value_lost",
    "days_median",
    "days_p90",
    "days_median_km",
    "chance_worse",
    "verdict",
    "change_p",
    "change_p_adjusted",
    "worth_of_one_more",
    "expected_loss",
)
# What stands beside those on pages and in files, and is not exchanged.
_BESIDE = (
    "value_lost_without_amount",
    "days_count",
    "usual_advanced",
    "usual_lost_at",
    "worth_is_thin",
)
# The mix is a split of the win rate of `all` by channel; other segments have no such figure.
_OF_ALL = ("win_rate_mix", "win_rate_rate")


def expected_shape(figures: SegmentFigures) -> dict[str, Any]:
    """One segment's figures as plain JSON values."""
    names = (*_FIGURES, *_OF_ALL) if figures.segment == ALL else _FIGURES
    out: dict[str, Any] = {name: getattr(figures, name) for name in names}
    out["as_of"] = figures.as_of.isoformat()
    out["velocity_interval"] = _interval(figures.velocity_interval)
    out["win_rate_interval"] = _interval(figures.win_rate_interval)
    out["danger_order"] = list(figures.danger_order)
    out["levers"] = figures.levers and {
        "deals": figures.levers.number,
        "deal_size": figures.levers.amount,
        "win_rate": figures.levers.win_rate,
        "cycle": figures.levers.cycle,
    }
    out["stages"] = [_stage(stage) for stage in figures.stages]
    return out


def stage_cells(stage: StageFigures) -> dict[str, Any]:
    """One stage as the cells of a row, under the same names; an interval is two of them."""
    out: dict[str, Any] = {"stage": stage.name}
    out |= {name: getattr(stage, name) for name in (*_STAGE, *_BESIDE)}
    low, high = stage.exit_interval or (None, None)
    return {**out, "exit_interval_low": low, "exit_interval_high": high}


def _stage(stage: StageFigures) -> dict[str, Any]:
    out: dict[str, Any] = {name: getattr(stage, name) for name in _STAGE}
    out["exit_interval"] = _interval(stage.exit_interval)
    return out


def _interval(interval: tuple[float, float] | None) -> list[float] | None:
    return list(interval) if interval else None
