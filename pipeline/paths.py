"""The effective history of a deal, and its packed form.

Pure: rows in, rows out. Corrections are applied first, whenever they were recorded: the last
of a chain holds, of two rows that replace the same one the higher id holds, and a row without
a stage withdraws. What is left is ordered by (occurred_at, own id). See docs/metrics.md.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

RECORD = struct.Struct(">qii")  # entered_at (µs since 1970 UTC), entered_on (days), stage id
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Row:
    """A stage transition as far as the history needs it. `to_stage` None withdraws."""

    id: int
    to_stage: int | None
    occurred_at: datetime
    occurred_on: date
    replaces: int | None = None


def effective(rows: Iterable[Row]) -> list[Row]:
    """Which transitions hold, in their order?

    A correction stands in for the row it replaces; it keeps its own id, which orders rows of
    one instant.
    """
    all_rows = {row.id: row for row in rows}
    holder: dict[int, int] = {}
    for row in all_rows.values():
        if row.replaces is not None:
            holder[row.replaces] = max(row.id, holder.get(row.replaces, 0))
    last = []
    for row in all_rows.values():
        if row.replaces is not None and row.replaces in all_rows:
            continue  # reached from the row that it replaces
        seen = {row.id}
        while row.id in holder and holder[row.id] not in seen:
            row = all_rows[holder[row.id]]
            seen.add(row.id)
        if row.to_stage is not None:
            last.append(row)
    return sorted(last, key=lambda row: (row.occurred_at, row.id))


def first_difference(before: Iterable[Row], after: Iterable[Row]) -> date | None:
    """From which local day on do two effective histories differ? None where they agree."""
    days = [row.occurred_on for row in set(before) ^ set(after)]
    return min(days, default=None)


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def pack(history: Sequence[Row]) -> bytes:
    """The effective history as 16 bytes a transition, big-endian, for `Deal.path`."""
    return b"".join(
        RECORD.pack(
            microseconds(row.occurred_at),
            row.occurred_on.toordinal() - _EPOCH_DAY,
            row.to_stage,
        )
        for row in history
        if row.to_stage is not None
    )


def last_instant(packed: bytes) -> datetime | None:
    """When the latest transition of a packed history happened; None without one."""
    if not packed:
        return None
    at, _on, _stage = RECORD.unpack(packed[-RECORD.size :])
    return _EPOCH + timedelta(microseconds=at)


def unpack(packed: bytes) -> list[tuple[datetime, date, int]]:
    """The visits of a packed history, in their order: (entered_at, entered_on, stage id)."""
    return [
        (_EPOCH + timedelta(microseconds=at), date.fromordinal(on + _EPOCH_DAY), stage)
        for at, on, stage in RECORD.iter_unpack(packed)
    ]
