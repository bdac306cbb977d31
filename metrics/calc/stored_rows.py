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
    open_amount = table.stage_sums["open_amount"].tolist()
    days_count = table.stage_days_count.tolist()
    days, km = table.stage_days.tolist(), table.stage_days_km.tolist()
    for row in range(len(table.segments)):
        found = []
        for s, name in enumerate(table.stages):
            median_km = km[row][s]
            open_deals = counts["open_deals"][row][s]
            open_priced = counts["open_with_amount"][row][s]
            found.append(
                StoredStage(
                    name=name,
                    cohort_reached=counts["cohort_reached"][row][s],
                    cohort_lost=counts["cohort_lost"][row][s],
                    cohort_pending=counts["cohort_pending"][row][s],
                    advanced=counts["advanced"][row][s],
                    lost_at=lost_at[row][s],
                    value_lost=_sum(lost_at[row][s], lost_priced[row][s], value_lost[row][s]),
                    value_lost_with_amount=lost_priced[row][s],
                    value_lost_by_reason={
                        level: StoredReason(deals, with_amount, _sum(deals, with_amount, amount))
                        for level, deals, with_amount, amount in zip(
                            LOST_LEVELS, *(part[row][s] for part in by_reason), strict=True
                        )
                        if deals
                    },
                    days_count=days_count[row][s],
                    days_median=_number(days[row][s][0]),
                    days_p90=_number(days[row][s][1]),
                    days_median_km=None if median_km != median_km else int(median_km),
                    open_deals=open_deals,
                    open_with_amount=open_priced,
                    open_amount=_sum(open_deals, open_priced, open_amount[row][s]),
                )
            )
        yield tuple(found)


def _sum(deals: int, with_amount: int, amount: float) -> float | None:
    """A sum over deals none of which has an amount is empty; over no deals it is 0."""
    return None if deals and not with_amount else amount


def _number(value: float) -> float | None:
    """NaN is how an array says that there is nothing."""
    return None if value != value else value
