"""From the columns of a quarter to the stored figures of each of its segments."""

from collections.abc import Iterator

import numpy as np

from metrics.calc.figures import QuarterTable
from metrics.calc.history import LOST_LEVELS
from metrics.calc.stored import DEFINITIONS, StoredFigures, StoredReason, StoredStage

_AMOUNTS = frozenset({"revenue_won", "amount_lost", "amount_open_at_end"})


def stored_figures(table: QuarterTable) -> Iterator[tuple[str, StoredFigures]]:
    """Every segment of the table as the figures that a snapshot keeps, one after the other."""
    sums = {
        name: values.tolist() if name in _AMOUNTS else np.rint(values).astype(np.int64).tolist()
        for name, values in table.sums.items()
        if not name.startswith("_")
    }
    moments = _moments(table)
    cycle_won, cycle_closed = table.cycle_won.tolist(), table.cycle_closed.tolist()
    stages = _stored_stages(table)
    for row, segment in enumerate(table.segments):
        values = {name: column[row] for name, column in sums.items()}
        for amount, deals, with_amount in (
            ("revenue_won", "won", "won_with_amount"),
            ("amount_lost", "lost", "lost_with_amount"),
            ("amount_open_at_end", "open_at_end", "open_with_amount"),
        ):
            if values[deals] and not values[with_amount]:
                values[amount] = None
        variance, cycle_variance, covariance = moments[row]
        yield (
            segment,
            StoredFigures(
                definitions=DEFINITIONS,
                days=table.days,
                cycle_won_median=_number(cycle_won[row][0]),
                cycle_won_p90=_number(cycle_won[row][1]),
                cycle_closed_median=_number(cycle_closed[row][0]),
                cycle_closed_p90=_number(cycle_closed[row][1]),
                amount_variance=_number(variance),
                cycle_variance=_number(cycle_variance),
                amount_cycle_covariance=_number(covariance),
                stages=next(stages),
                **values,
            ),
        )


def _moments(table: QuarterTable) -> list[list[float]]:
    """[S, 3] sample variance of amount and of cycle, and covariance; NaN under two deals."""
    m = table.sums["won_with_amount"]
    amount, cycle = table.sums["_amount"], table.sums["_cycle"]
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [
            np.maximum(table.sums["_amount_amount"] - amount * amount / m, 0) / (m - 1),
            np.maximum(table.sums["_cycle_cycle"] - cycle * cycle / m, 0) / (m - 1),
            (table.sums["_amount_cycle"] - amount * cycle / m) / (m - 1),
        ]
    moments = np.stack(parts, axis=1) if len(m) else np.zeros((0, 3))
    moments[m < 2] = np.nan
    listed: list[list[float]] = moments.tolist()
    return listed


def _stored_stages(table: QuarterTable) -> Iterator[tuple[StoredStage, ...]]:
    counts = {
        name: np.rint(values).astype(np.int64).tolist()
        for name, values in table.stage_sums.items()
        if name != "open_amount"
    }
    reasons = np.rint(table.reason_sums["lost_at"]).astype(np.int64)
    priced = np.rint(table.reason_sums["value_lost_with_amount"]).astype(np.int64)
    value = table.reason_sums["value_lost"]
    lost_at, lost_priced = reasons.sum(axis=2).tolist(), priced.sum(axis=2).tolist()
    value_lost = value.sum(axis=2).tolist()
    by_reason = (reasons.tolist(), priced.tolist(), value.tolist())
    columns = (
        counts["cohort_reached"],
        counts["cohort_lost"],
        counts["cohort_pending"],
        counts["advanced"],
        lost_at,
        value_lost,
        lost_priced,
        *by_reason,
        table.stage_days_count.tolist(),
        table.stage_days.tolist(),
        table.stage_days_km.tolist(),
        counts["open_deals"],
        counts["open_with_amount"],
        table.stage_sums["open_amount"].tolist(),
    )
    for row in zip(*columns, strict=True):
        yield tuple(_stored_stage(*values) for values in zip(table.stages, *row, strict=True))


def _stored_stage(
    name: str,
    reached: int,
    lost_so_far: int,
    pending: int,
    advanced: int,
    lost_at: int,
    value_lost: float,
    lost_priced: int,
    by_level: list[int],
    priced_by_level: list[int],
    value_by_level: list[float],
    days_count: int,
    days: list[float],
    days_km: float,
    open_deals: int,
    open_priced: int,
    open_amount: float,
) -> StoredStage:
    reasons = {}
    if lost_at:
        for level, label in enumerate(LOST_LEVELS):
            if deals := by_level[level]:
                priced = priced_by_level[level]
                amount = _sum(deals, priced, value_by_level[level])
                reasons[label] = StoredReason(deals, priced, amount)
    return StoredStage(
        name,
        reached,
        lost_so_far,
        pending,
        advanced,
        lost_at,
        _sum(lost_at, lost_priced, value_lost),
        lost_priced,
        reasons,
        days_count,
        _number(days[0]),
        _number(days[1]),
        None if days_km != days_km else int(days_km),
        open_deals,
        open_priced,
        _sum(open_deals, open_priced, open_amount),
    )


def _sum(deals: int, with_amount: int, amount: float) -> float | None:
    """A sum over deals none of which has an amount is empty; over no deals it is 0."""
    return None if deals and not with_amount else amount


def _number(value: float) -> float | None:
    """NaN is how an array says that there is nothing."""
    return None if value != value else value
