"""What does a file add to the history of a deal that is here already?

Pure. A transition's identity is (deal, stage, instant): one that was ever recorded is not
recorded again, also if it was corrected or withdrawn since, so a file read twice adds nothing.
A changed stage that the file does not date happened between two imports and is dated at the
later one; a changed closing day corrects the closing that an import had recorded.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Conflict = Literal["opened_otherwise", "stands_otherwise", "moved_after_closing"]


@dataclass(frozen=True, slots=True)
class Held:
    """A transition that holds (corrections applied), in effective order."""

    id: int
    stage_id: int
    terminal: bool
    at: datetime
    imported: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A transition as a file tells it. `dated`: the file says when, it is not an assumption."""

    stage_id: int
    terminal: bool
    at: datetime
    dated: bool


@dataclass(frozen=True, slots=True)
class Added:
    """A transition to append; `replaces` makes it a correction."""

    stage_id: int
    at: datetime
    replaces: int | None = None


def additions(
    *,
    held: Sequence[Held],
    recorded: Collection[tuple[int, datetime]],
    told: Sequence[Told],
    now: datetime,
) -> tuple[tuple[Added, ...], Conflict | None]:
    """The transitions to append, oldest first, and what stands against the file.

    `recorded`: (stage, instant) of every transition ever recorded for the deal, `told`: the
    file's history, its opening first. `now`: the company's clock.
    """
    if not told:
        return (), None
    if not held:
        new = tuple(Added(t.stage_id, t.at) for t in told if (t.stage_id, t.at) not in recorded)
        return new, None if new else "stands_otherwise"
    opening, last = told[0], told[-1]
    conflict: Conflict | None = None
    if opening.at != held[0].at:
        conflict = "opened_otherwise"
    if last.terminal:
        return _closing(held, recorded, told, conflict)
    return _standing(held, recorded, told, now, conflict)


def _closing(
    held: Sequence[Held],
    recorded: Collection[tuple[int, datetime]],
    told: Sequence[Told],
    conflict: Conflict | None,
) -> tuple[tuple[Added, ...], Conflict | None]:
    closing, current = told[-1], held[-1]
    if (closing.stage_id, closing.at) in recorded:
        differs = current.stage_id != closing.stage_id
        return (), conflict or ("stands_otherwise" if differs else None)
    added = [
        Added(t.stage_id, t.at)
        for t in told[1:-1]
        if t.dated and (t.stage_id, t.at) not in recorded
    ]
    if current.stage_id == closing.stage_id:  # closed already, on another day
        if not current.imported:
            return (), conflict or "stands_otherwise"
        added.append(Added(closing.stage_id, closing.at, replaces=current.id))
        return tuple(sorted(added, key=lambda a: a.at)), conflict
    later = [h for h in held if h.at > closing.at]
    if any(not h.imported for h in later) or len(later) == len(held):
        return (), "moved_after_closing"
    # a stage change that an import had dated too late is drawn back to the closing
    added += [Added(h.stage_id, closing.at, replaces=h.id) for h in later]
    added.append(Added(closing.stage_id, closing.at))
    return tuple(sorted(added, key=lambda a: a.at)), conflict


def _standing(
    held: Sequence[Held],
    recorded: Collection[tuple[int, datetime]],
    told: Sequence[Told],
    now: datetime,
    conflict: Conflict | None,
) -> tuple[tuple[Added, ...], Conflict | None]:
    stands, current = told[-1], held[-1]
    if current.stage_id == stands.stage_id:
        return (), conflict
    if (stands.stage_id, stands.at) in recorded:
        return (), conflict or "stands_otherwise"
    at = stands.at if stands.dated and stands.at > current.at else now
    if at < current.at:
        return (), conflict or "stands_otherwise"
    return (Added(stands.stage_id, at),), conflict
