"""All quarters as a table of numbers, for a CSV file: nothing rounded, nothing worded."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from metrics.calc.calendar import Quarter
from metrics.calc.types import SegmentFigures
from metrics.selectors.quarters_list import StageColumn, stage_columns
from metrics.selectors.quarters_versions import Signature, Version
from pipeline.exports import Value

_FIGURES = (
    "velocity",
    "velocity_empty",
    "number_of",
    "number_of_deals",
    "win_rate",
    "avg_deal_size",
    "cycle_of",
    "cycle_mean",
    "cycle_median",
    "revenue_won",
    "revenue_days",
    "opened",
    "won",
    "lost",
    "closed",
    "open_at_start",
    "open_at_end",
    "in_play",
    "average_open",
    "won_with_amount",
    "amount_open_at_end",
    "cohort_won",
)
_STANDING = (
    "quarter",
    "first_day",
    "first_day_after",
    "segment",
    "status",
    "version",
    "imported",
    "restated_on",
    "signed_by",
    "countersigned_by",
)


def quarter_table(
    *,
    quarters: Sequence[Quarter],
    figures: Mapping[str, Sequence[SegmentFigures]],
    segments: Sequence[str],
    versions: Mapping[date, Sequence[Version]],
    signed: Mapping[date, Signature],
    definitions: Mapping[date, Mapping[str, Any]],
    currency: str,
) -> tuple[tuple[str, ...], tuple[tuple[Value, ...], ...]]:
    """(heads, rows), newest quarter first, a row per quarter and segment.

    Stages are those of the newest quarter; a quarter that has no such stage leaves its cells
    empty, as does a figure that cannot be computed.
    """
    found = {name: {f.quarter: f for f in figures.get(name, ())} for name in segments}
    stages = stage_columns(found, quarters, definitions)
    heads = (
        *_STANDING,
        *_FIGURES,
        "velocity_low",
        "velocity_high",
        "currency",
        *(f"{s.position} {s.name}: {what}" for s in stages for what in _OF_STAGE),
    )
    rows = []
    for quarter in reversed(quarters):
        standing = _standing(versions.get(quarter.start, ()), signed.get(quarter.start))
        for segment in segments:
            f = found[segment].get(quarter.label)
            days = (quarter.label, quarter.start.isoformat(), quarter.end.isoformat(), segment)
            rows.append((*days, *standing, *_cells(f, stages, currency)))
    return heads, tuple(rows)


_OF_STAGE = ("advanced", "lost", "conversion", "reached by the cohort")


def _standing(versions: Sequence[Version], signature: Signature | None) -> tuple[Value, ...]:
    if not versions:
        return ("", None, "", "", "", "")
    newest = versions[-1]
    return (
        newest.status,
        newest.number,
        "yes" if any(v.imported for v in versions) else "no",
        newest.at.date().isoformat() if newest.restated else "",
        signature.by if signature else "",
        signature.countersigned_by if signature else "",
    )


def _cells(
    f: SegmentFigures | None, stages: Sequence[StageColumn], currency: str
) -> tuple[Value, ...]:
    if f is None:
        return (*[None] * len(_FIGURES), None, None, currency, *[None] * (4 * len(stages)))
    low, high = f.velocity_interval or (None, None)
    of_stages: list[Value] = []
    for wanted in stages:
        stage = wanted.of(f)
        of_stages += (
            [stage.advanced, stage.lost_at, _exact(stage.exit_conversion), stage.cohort_reached]
            if stage
            else [None] * 4
        )
    figures = (_exact(getattr(f, name)) for name in _FIGURES)
    return (*figures, _exact(low), _exact(high), currency, *of_stages)


def _exact(value: Any) -> Value:
    """A float with all its digits."""
    exact: Value = Decimal(repr(value)) if isinstance(value, float) else value
    return exact
