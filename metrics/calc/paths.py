"""From packed paths to the visits of a history.

A packed path is a deal's effective history as records of 16 bytes, big-endian: int64 entered_at
(microseconds since epoch, UTC), int32 entered_on (local day, days since 1970-01-01), int32 stage
id. It is derived from the transitions (pipeline/paths.py) and can be rebuilt from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from metrics.calc.history import Int32, Int64

RECORD_BYTES = 16
_RECORDS = np.dtype([("at", ">i8"), ("on", ">i4"), ("stage", ">i4")])


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
