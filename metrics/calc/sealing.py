"""The hash that a signature keeps over the snapshot rows it stands behind.

Pure. The same rows give the same hash wherever and whenever it is made: keys are sorted, no
spaces, instants in UTC. Ids of the database are left out, since a restored company has others.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# What a row was computed with that are ids, or that says nothing about the figures.
_NOT_SEALED = ("stage_ids", "code")


@dataclass(frozen=True, slots=True)
class Sealed:
    """One snapshot row as far as it is signed."""

    segment: str
    version: int
    as_of: datetime
    definitions: Mapping[str, Any]
    figures: Mapping[str, Any]


def seal(quarter_label: str, rows: Iterable[Sealed]) -> str:
    """SHA-256, in hexadecimal, over the rows of a quarter, whatever order they come in."""
    digest = hashlib.sha256(quarter_label.encode())
    for row in sorted(rows, key=lambda row: row.segment):
        kept = {k: v for k, v in row.definitions.items() if k not in _NOT_SEALED}
        line = {
            "segment": row.segment,
            "version": row.version,
            "as_of": row.as_of.astimezone(UTC).isoformat(),
            "definitions": kept,
            "figures": row.figures,
        }
        text = json.dumps(
            line, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        digest.update(b"\n" + text.encode())
    return digest.hexdigest()
