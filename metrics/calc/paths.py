"""From transitions and their corrections to effective histories, and back from packed bytes.

Definitions: docs/metrics.md, "A deal's history": a correction is a row that names the row it
replaces; the last of a chain holds, of two that replace the same row the one with the higher id;
a row without a stage withdraws. Corrections are applied first, whenever they were recorded; what
is left is ordered by (occurred_at, own id).

A packed path is a deal's effective history as records of 16 bytes, big-endian: int64 entered_at
(microseconds since epoch, UTC), int32 entered_on (local day, days since 1970-01-01), int32 stage
id. It is derived and can be rebuilt from the transitions at any time.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from metrics.calc.history import Int32, Int64

RECORD_BYTES = 16
_RECORD = struct.Struct(">qii")
_RECORDS = np.dtype([("at", ">i8"), ("on", ">i4"), ("stage", ">i4")])
NO_STAGE = -1  # in arrays: a row that withdraws
NO_ROW = 0  # in arrays: a row that replaces nothing


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


@dataclass(frozen=True, slots=True)
class EffectiveRows:
    """Which rows of a bulk load hold, in (deal, occurred_at, id) order, as indices into them."""

    rows: Int64
    deals: Int64  # the deal of each, non-decreasing


def effective_rows(
    *, ids: Int64, deals: Int64, occurred_at: Int64, stages: Int64, replaces: Int64
) -> EffectiveRows:
    """`effective` for many deals at once: columns of all rows, in any order, ids unique.

    `stages` is NO_STAGE for a withdrawal, `replaces` is NO_ROW for an ordinary row. ValueError
    where a row replaces one that is not there, or one of another deal.
    """
    correcting = np.flatnonzero(replaces != NO_ROW)
    holds = np.arange(len(ids))
    roots = np.flatnonzero(replaces == NO_ROW)
    if len(correcting):
        order = np.argsort(ids, kind="stable")
        place = np.searchsorted(ids[order], replaces[correcting])
        target = order[np.minimum(place, len(ids) - 1)]
        wrong = (ids[target] != replaces[correcting]) | (deals[target] != deals[correcting])
        if wrong.any():
            row = correcting[int(np.argmax(wrong))]
            raise ValueError(f"row {ids[row]} replaces {replaces[row]}, which is not there")
        # Ascending own id, so that the highest id is written last and holds.
        rising = np.argsort(ids[correcting], kind="stable")
        holds[target[rising]] = correcting[rising]
        successor = holds.copy()
        # Pointer doubling to the ends of the chains; none is longer than there are corrections.
        for _ in range(len(correcting).bit_length()):
            holds = holds[holds]
        if (successor[holds] != holds).any():
            raise ValueError("corrections replace each other in a circle")
    kept = holds[roots]
    kept = kept[stages[kept] != NO_STAGE]
    kept = kept[np.lexsort((ids[kept], occurred_at[kept], deals[kept]))]
    return EffectiveRows(kept.astype(np.int64), deals[kept].astype(np.int64))


def pack_path(visits: Sequence[Visit]) -> bytes:
    """The bytes of one deal's effective history, in the order given."""
    return b"".join(_RECORD.pack(*visit) for visit in visits)


def unpack_path(path: bytes | memoryview) -> list[Visit]:
    """The visits of one deal's packed path. ValueError where its length does not fit."""
    if len(path) % RECORD_BYTES:
        raise ValueError(f"a path of {len(path)} bytes is not made of whole records")
    return [Visit(*record) for record in _RECORD.iter_unpack(path)]


def pack_rows(entered_at: Int64, entered_on: Int32, stage_ids: npt.NDArray[np.integer]) -> bytes:
    """The bytes of many visits at once; a deal's path is its slice of 16 bytes a visit."""
    records = np.empty(len(entered_at), _RECORDS)
    records["at"], records["on"], records["stage"] = entered_at, entered_on, stage_ids
    return records.tobytes()


@dataclass(frozen=True, slots=True)
class Visits:
    """The visits of n deals: the four columns of `History` that come from packed paths."""

    visit_start: Int64  # [n + 1]
    entered_at: Int64  # [m]
    entered_on: Int32  # [m]
    stage: Int32  # [m] stage codes


def unpack_paths(
    blob: bytes | memoryview, lengths: Int64, stage_codes: Mapping[int, int]
) -> Visits:
    """The visits of n deals from their paths laid end to end.

    `lengths` are the bytes of each path; `stage_codes` maps stage ids to the codes of `History`.
    ValueError for lengths that do not fit and for a stage id without a code.
    """
    if len(blob) != int(lengths.sum()) or (lengths % RECORD_BYTES).any():
        raise ValueError("the lengths of the paths do not fit their bytes")
    records = np.frombuffer(blob, _RECORDS)
    visit_start = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths // RECORD_BYTES, out=visit_start[1:])
    known = np.array(sorted(stage_codes), np.int64)
    codes = np.array([stage_codes[stage] for stage in sorted(stage_codes)], np.int32)
    stage_ids = records["stage"].astype(np.int64)
    if not len(stage_ids):
        stage = np.zeros(0, np.int32)
    elif not len(known):
        raise ValueError(f"stage {stage_ids[0]} has no code")
    else:
        stage = _codes_of(stage_ids, known, codes)
    return Visits(
        visit_start, records["at"].astype(np.int64), records["on"].astype(np.int32), stage
    )


def _codes_of(stage_ids: Int64, known: Int64, codes: Int32) -> Int32:
    low, span = int(known[0]), int(known[-1] - known[0]) + 1
    if span <= 1 << 16:  # a table to look up in; a company's stages are made together
        table = np.zeros(span, np.int32)
        table[known - low] = codes
        offset = stage_ids - low
        inside = (offset >= 0) & (offset < span)
        found = np.zeros(len(stage_ids), np.int32)
        found[inside] = table[offset[inside]]
    else:
        place = np.minimum(np.searchsorted(known, stage_ids), len(known) - 1)
        found = np.where(known[place] == stage_ids, codes[place], 0).astype(np.int32)
    if not found.all():
        raise ValueError(f"stage {stage_ids[int(np.argmin(found))]} has no code")
    return found
