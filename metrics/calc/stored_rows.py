"""From the columns of a quarter to the stored figures of each of its segments."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from metrics.calc.figures import QuarterTable
from metrics.calc.history import LOST_LEVELS
from metrics.calc.stored import DEFINITIONS, StoredFigures, StoredReason, StoredStage

_AMOUNTS = frozenset({"revenue_won", "amount_lost", "amount_open_at_end"})


class SegmentRows(Mapping[str, StoredFigures]):
    """The stored figures of a table's segments, made when asked for.

    After one move almost every segment is as it was: `digests` tells which are, from the columns
    alone, and only the others are made.
    """

    def __init__(self, table: QuarterTable) -> None:
        self._table = table
        self._row = {segment: row for row, segment in enumerate(table.segments)}

    def __getitem__(self, segment: str) -> StoredFigures:
        return self.several([segment])[segment]

    def __contains__(self, segment: object) -> bool:
        return segment in self._row  # Mapping's own would make the figures to find out

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)

    def several(self, segments: Sequence[str]) -> dict[str, StoredFigures]:
        """The figures of these segments; KeyError for one that the table does not have."""
        rows = [self._row[segment] for segment in segments]
        return dict(stored_figures(_taken(self._table, rows)))

    @cached_property
    def digests(self) -> dict[str, str]:
        """A fingerprint per segment, equal where every figure is; not a security measure."""
        table = self._table
        if not table.segments:
            return {}
        columns = [
            *(table.sums[name] for name in sorted(table.sums)),
            *(table.stage_sums[name] for name in sorted(table.stage_sums)),
            *(table.reason_sums[name] for name in sorted(table.reason_sums)),
            table.cycle_won,
            table.cycle_closed,
            table.stage_days_count,
            table.stage_days,
            table.stage_days_km,
        ]
        many = len(table.segments)
        rows = np.concatenate([column.reshape(many, -1) for column in columns], axis=1) + 0.0
        rows[np.isnan(rows)] = np.nan  # one way to write it, as 0.0 above for -0.0
        head = self._head()
        found = {}
        for segment, row in zip(table.segments, rows, strict=True):
            digest = head.copy()
            digest.update(row.tobytes())
            found[segment] = digest.hexdigest()
        return found

    @property
    def digest_of_nothing(self) -> str:
        """The fingerprint of a segment without a deal in play."""
        return self._head().hexdigest()

    def _head(self) -> "hashlib._Hash":
        shared = (DEFINITIONS, self._table.days, self._table.stages)
        return hashlib.md5(repr(shared).encode(), usedforsecurity=False)


def _taken(table: QuarterTable, rows: list[int]) -> QuarterTable:
    """The table with these rows only, in this order."""
    return replace(
        table,
        segments=tuple(table.segments[row] for row in rows),
        sums={name: values[rows] for name, values in table.sums.items()},
        stage_sums={name: values[rows] for name, values in table.stage_sums.items()},
        reason_sums={name: values[rows] for name, values in table.reason_sums.items()},
        cycle_won=table.cycle_won[rows],
        cycle_closed=table.cycle_closed[rows],
        stage_days_count=table.stage_days_count[rows],
        stage_days=table.stage_days[rows],
        stage_days_km=table.stage_days_km[rows],
    )


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
