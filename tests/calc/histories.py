"""Effective histories once more, written apart from the product's: what it is held against.

Definitions: docs/metrics.md, "A deal's history".
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_RECORD = struct.Struct(">qii")


class Transition(NamedTuple):
    """One row of one deal. `stage_id` None withdraws the row named by `replaces`."""

    id: int
    occurred_at: int  # microseconds since epoch, UTC
    occurred_on: int  # local day, days since 1970-01-01
    stage_id: int | None
    replaces: int | None


class Visit(NamedTuple):
    """One effective transition: the deal stood in this stage from this instant on."""

    entered_at: int
    entered_on: int
    stage_id: int


def effective(transitions: Iterable[Transition]) -> list[Visit]:
    """The effective history of one deal, from all of its rows in any order.

    ValueError where a row replaces one that is not among them, or rows replace each other in a
    circle: that is a damaged history, and leaving rows out in silence would hide it.
    """
    rows = list(transitions)
    if all(row.replaces is None for row in rows):
        kept = rows
    else:
        by_id = {row.id: row for row in rows}
        successor: dict[int, int] = {}
        for row in rows:
            if row.replaces is not None:
                if row.replaces not in by_id:
                    raise ValueError(f"row {row.id} replaces {row.replaces}, which is not there")
                successor[row.replaces] = max(row.id, successor.get(row.replaces, row.id))
        kept = []
        for row in rows:
            if row.replaces is not None:
                _refuse_circle(row, by_id)
            else:
                last = row.id
                while last in successor:
                    last = successor[last]
                kept.append(by_id[last])
    left = sorted((row.occurred_at, row.id) for row in kept if row.stage_id is not None)
    found = {row.id: row for row in kept}
    return [
        Visit(at, found[number].occurred_on, stage)
        for at, number in left
        if (stage := found[number].stage_id) is not None
    ]


def _refuse_circle(row: Transition, by_id: Mapping[int, Transition]) -> None:
    step: Transition = row
    for _ in by_id:
        if step.replaces is None:
            return
        if step.replaces not in by_id:
            return  # reported by the caller, with the row that it belongs to
        step = by_id[step.replaces]
    if step.replaces is not None:
        raise ValueError(f"row {row.id} and others replace each other in a circle")


def pack_path(visits: Sequence[Visit]) -> bytes:
    """The bytes of one deal's effective history, in the order given."""
    return b"".join(_RECORD.pack(*visit) for visit in visits)
