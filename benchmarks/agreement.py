"""Are DuckDB's figures and ours the same: every quarter, segment and stored field.

Numbers agree within 1e-9 relative or absolute (docs/metrics.md, "Agreement"). Both sides are
columns; they are laid beside each other by segment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.duckdb_figures import FAMILIES, K, SomeFigures
from metrics.calc.agreement import TOLERANCE
from metrics.calc.figures import QuarterTable
from metrics.calc.history import LOST_LEVELS
from metrics.calc.segments import segment_name

Labels = Mapping[str, Sequence[str]]
_LEVELS = len(LOST_LEVELS)
_STAGE_SUMS = ("cohort_lost", "cohort_pending", "open_deals", "open_with_amount", "open_amount")


@dataclass(frozen=True, slots=True)
class Compared:
    """How many figures were laid side by side, and the first of those that differ."""

    quarters: int
    rows: int
    fields: int
    differences: tuple[str, ...]


def compare(
    ours: Sequence[QuarterTable], theirs: Sequence[SomeFigures], labels: Labels
) -> Compared:
    """Lay every stored figure of all quarters side by side."""
    mine = {table.quarter.label: table for table in ours}
    quarters, rows, fields = 0, 0, 0
    differences: list[str] = []
    for some in theirs:
        for number, (quarter, _) in enumerate(some.quarters):
            table = mine.pop(quarter.label)
            columns = _their_columns(some, number, labels)
            expected = _our_columns(table)
            quarters, rows = quarters + 1, rows + len(table.segments)
            differences += _differences(quarter.label, table.segments, expected, columns)
            fields += len(expected) * len(table.segments)
    differences += [f"{label}: DuckDB has no such quarter" for label in mine]
    return Compared(quarters, rows, fields, tuple(differences))


def _differences(
    label: str,
    segments: Sequence[str],
    ours: Mapping[str, np.ndarray],
    theirs: tuple[list[str], Mapping[str, np.ndarray]],
) -> list[str]:
    names, columns = theirs
    if set(names) != set(segments) or len(names) != len(segments):
        odd = sorted(set(names) ^ set(segments))[:5]
        return [f"{label}: {len(segments)} segments of ours, {len(names)} of DuckDB, such as {odd}"]
    place = {name: row for row, name in enumerate(names)}
    order = np.array([place[segment] for segment in segments], np.int64)
    found = []
    for field in sorted(ours.keys() | columns.keys()):
        if field not in ours or field not in columns:
            found.append(f"{label}/{field}: only one side has it")
            continue
        one, other = ours[field], columns[field][order]
        same = np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        found += [
            f"{label}/{segments[row]}/{field}: {one[row]} != {other[row]}"
            for row in np.flatnonzero(~same)[:3]
        ]
    return found


def _our_columns(table: QuarterTable) -> dict[str, np.ndarray]:
    found = {name: v for name, v in table.sums.items() if not name.startswith("_")}
    found |= _moments(
        *(table.sums[n] for n in ("won_with_amount", "_amount", "_cycle")),
        *(table.sums[n] for n in ("_amount_amount", "_cycle_cycle", "_amount_cycle")),
    )
    for s in range(1, K + 1):
        for name in ("cohort_reached", "advanced", *_STAGE_SUMS):
            found[f"{name}{s}"] = table.stage_sums[name][:, s - 1]
        for name, values in table.reason_sums.items():
            for level in range(_LEVELS):
                found[f"{name}{s}_{level}"] = values[:, s - 1, level]
        found[f"days{s}_count"] = table.stage_days_count[:, s - 1].astype(float)
        found[f"days{s}_median"] = table.stage_days[:, s - 1, 0]
        found[f"days{s}_p90"] = table.stage_days[:, s - 1, 1]
        found[f"days{s}_km"] = table.stage_days_km[:, s - 1]
    for name, values in (("cycle_won", table.cycle_won), ("cycle_closed", table.cycle_closed)):
        found[f"{name}_median"], found[f"{name}_p90"] = values[:, 0], values[:, 1]
    return found


def _moments(
    m: np.ndarray,
    amount: np.ndarray,
    cycle: np.ndarray,
    squared_amount: np.ndarray,
    squared_cycle: np.ndarray,
    product: np.ndarray,
) -> dict[str, np.ndarray]:
    """Sample variances and covariance from sums, in any origin; NaN under two deals."""
    with np.errstate(invalid="ignore", divide="ignore"):
        var_a = np.maximum(squared_amount - amount * amount / m, 0) / (m - 1)
        var_c = np.maximum(squared_cycle - cycle * cycle / m, 0) / (m - 1)
        cov = (product - amount * cycle / m) / (m - 1)
    for column in (var_a, var_c, cov):
        column[m < 2] = np.nan
    return {"amount_variance": var_a, "cycle_variance": var_c, "amount_cycle_covariance": cov}


def _their_columns(
    some: SomeFigures, number: int, labels: Labels
) -> tuple[list[str], dict[str, np.ndarray]]:
    """DuckDB's rows of one quarter, all families together, by the names of our columns."""
    names: list[str] = []
    parts: list[dict[str, np.ndarray]] = []
    for place, family in enumerate(FAMILIES):
        sums = _of_quarter(some.sums[place], number)
        keys = _keys(sums, family)
        row_of = {key: row for row, key in enumerate(keys)}
        names += [
            segment_name((name, labels[name][code]) for name, code in zip(family, key, strict=True))
            for key in keys
        ]
        found = {name: v for name, v in sums.items() if name not in (*family, "quarter", "bits")}
        parts.append(
            _shaped(found)
            | _of_stages(some, place, number, row_of)
            | _durations(some, place, number, row_of)
        )
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return names, joined


def _shaped(sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    sums |= _moments(
        sums["won_with_amount"],
        sums["revenue_won"],
        *(sums.pop(n) for n in ("cycle_paid", "amount_amount", "cycle_cycle", "amount_cycle")),
    )
    sums["rate_missing"] = np.zeros(len(sums["won"]))
    return sums


def _of_stages(
    some: SomeFigures, place: int, number: int, row_of: Mapping[tuple[int, ...], int]
) -> dict[str, np.ndarray]:
    family, many, out = FAMILIES[place], len(row_of), {}
    found = _of_quarter(some.stages[place], number)
    rows = np.array([row_of[key] for key in _keys(found, family)], np.int64)
    stage = found["furthest"].astype(np.int64) - 1
    for name in ("cohort", *_STAGE_SUMS):
        filled = np.zeros((K, many))
        filled[stage, rows] = found[name]
        if name == "cohort":  # whoever got further reached this one too
            name, filled = "cohort_reached", filled[::-1].cumsum(axis=0)[::-1]
        out |= {f"{name}{s}": filled[s - 1] for s in range(1, K + 1)}
    found = _of_quarter(some.reasons[place], number)
    rows = np.array([row_of[key] for key in _keys(found, family)], np.int64)
    stage, level = found["furthest"].astype(np.int64) - 1, found["level"].astype(np.int64)
    for name in ("lost_at", "value_lost_with_amount", "value_lost"):
        cells = np.zeros((K, _LEVELS, many))
        cells[stage, level, rows] = found[name]
        for s in range(1, K + 1):
            out |= {f"{name}{s}_{n}": cells[s - 1, n] for n in range(_LEVELS)}
    return out


def _durations(
    some: SomeFigures, place: int, number: int, row_of: Mapping[tuple[int, ...], int]
) -> dict[str, np.ndarray]:
    family = FAMILIES[place]
    many = len(row_of)
    count, median, p90 = np.zeros((3, K + 2, many))
    median[:], p90[:] = np.nan, np.nan
    found = _of_quarter(some.quantiles[place], number)
    rows = np.array([row_of[key] for key in _keys(found, family)], np.int64)
    slot = found["slot"].astype(np.int64)
    count[slot, rows] = found["n"]
    median[slot, rows], p90[slot, rows] = found["median"], found["p90"]

    left = np.full((K + 1, many), np.nan)
    found = _of_quarter(some.survival[place], number)
    rows = np.array([row_of[key] for key in _keys(found, family)], np.int64)
    left[found["slot"].astype(np.int64), rows] = found["median"]

    out = {}
    for at, name in enumerate(("cycle_won", "cycle_closed")):
        out[f"{name}_median"], out[f"{name}_p90"] = median[at], p90[at]
    for s in range(1, K + 1):
        out[f"days{s}_count"] = count[s + 1]
        out[f"days{s}_median"], out[f"days{s}_p90"] = median[s + 1], p90[s + 1]
        out[f"days{s}_km"] = left[s]
    return out


def _of_quarter(columns: Mapping[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
    mask = np.asarray(columns["quarter"]) == number
    return {name: np.asarray(values)[mask].astype(float) for name, values in columns.items()}


def _keys(columns: Mapping[str, np.ndarray], family: Sequence[str]) -> list[tuple[int, ...]]:
    if not family:
        return [()] * len(columns["quarter"])
    return [tuple(map(int, key)) for key in zip(*(columns[n] for n in family), strict=True)]
