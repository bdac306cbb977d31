"""Stored figures and snapshots with only the fields that a test is about."""

from datetime import UTC, date, datetime

from metrics.calc import calendar
from metrics.calc.read import QuarterSnapshots, Snapshot
from metrics.calc.stored import StoredFigures, StoredStage

AS_OF = datetime(2026, 12, 1, tzinfo=UTC)


def stage(**values) -> StoredStage:
    fields = dict.fromkeys(StoredStage._fields, 0)
    fields.update(
        name="Stage",
        value_lost=0.0,
        value_lost_by_reason={},
        days_median=None,
        days_p90=None,
        days_median_km=None,
        open_amount=0.0,
    )
    return StoredStage(**{**fields, **values})


def figures(**values) -> StoredFigures:
    fields = dict.fromkeys(StoredFigures._fields, 0)
    empty = [n for n in fields if n.endswith(("_median", "_p90", "variance", "covariance"))]
    fields.update(dict.fromkeys(empty))
    fields.update(definitions="1", revenue_won=0.0, amount_lost=0.0, amount_open_at_end=0.0)
    fields.update(stages=())
    return StoredFigures(**{**fields, **values})


def exits(*counts: tuple[int, int], **values) -> StoredFigures:
    """Figures with these (advanced, lost_at) per stage."""
    stages = tuple(stage(advanced=advanced, lost_at=lost) for advanced, lost in counts)
    return figures(stages=stages, **values)


def quarter(
    day: str, *, first: bool = False, status: str = "final", **segments: StoredFigures
) -> QuarterSnapshots:
    """A quarter of calendar years; segments by name, `channel_inbound` for channel=inbound."""
    found = calendar.quarter_of(date.fromisoformat(day), 1)
    named = {name.replace("_", "=", 1): stored for name, stored in segments.items()}
    rows = {name: Snapshot(stored, AS_OF, status, 1) for name, stored in named.items()}
    return QuarterSnapshots(found.label, found.start, first, rows)
