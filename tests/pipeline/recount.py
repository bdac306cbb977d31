"""What a deal's history says, counted again: slowly, from the definitions, sharing no code.

Corrections first, whenever they were recorded; what is left ordered by (occurred_at, own id).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Fact:
    id: int
    stage: int | None
    at: datetime
    on: date
    replaces: int | None


@dataclass(frozen=True, slots=True)
class Recounted:
    stage: int | None
    outcome: str
    opened_on: date | None
    closed_on: date | None
    entered_on: date | None
    path: tuple[tuple[datetime, date, int], ...]


def holding(facts: Sequence[Fact]) -> list[Fact]:
    """The facts that hold: found one by one, each by asking who replaced whom."""
    by_id = {f.id: f for f in facts}

    def replacements(of: int) -> list[int]:
        return [f.id for f in facts if f.replaces == of]

    def counts(fact: Fact) -> bool:
        """Is it an original, or the newest word on one that counts?"""
        if fact.replaces is None:
            return True
        return fact.id == max(replacements(fact.replaces)) and counts(by_id[fact.replaces])

    held = [f for f in facts if counts(f) and not replacements(f.id) and f.stage is not None]
    return sorted(held, key=lambda f: (f.at, f.id))


def recount(facts: Sequence[Fact], kinds: dict[int, str]) -> Recounted:
    held = holding(facts)
    if not held:
        return Recounted(None, "", None, None, None, ())
    last = held[-1]
    kind = kinds[last.stage]  # type: ignore[index]
    return Recounted(
        stage=last.stage,
        outcome=kind,
        opened_on=held[0].on,
        closed_on=last.on if kind in ("won", "lost") else None,
        entered_on=last.on,
        path=tuple((f.at, f.on, f.stage) for f in held),  # type: ignore[misc]
    )


def unpacked(path: bytes) -> tuple[tuple[datetime, date, int], ...]:
    """The packed path, read byte by byte."""
    rows = []
    for start in range(0, len(path), 16):
        micro = int.from_bytes(path[start : start + 8], "big", signed=True)
        day = int.from_bytes(path[start + 8 : start + 12], "big", signed=True)
        stage = int.from_bytes(path[start + 12 : start + 16], "big", signed=True)
        rows.append(
            (
                datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micro),
                date(1970, 1, 1) + timedelta(days=day),
                stage,
            )
        )
    return tuple(rows)


def quarter_views(
    facts: Sequence[Fact],
    attributes: Any,
    *,
    zone: str,
    settle_days: int,
    now: datetime,
) -> dict[date, Any]:
    """What each calendar quarter up to now sees of a deal, by the quarter's first day.

    Empty where it sees nothing. Its as_of is the local midnight that ends its settling days,
    or now while that lies ahead.
    """
    held = holding(facts)
    today = now.astimezone(ZoneInfo(zone)).date()
    views: dict[date, Any] = {}
    year, month = 2023, 1
    while date(year, month, 1) <= today:
        start = date(year, month, 1)
        year, month = (year, month + 3) if month < 10 else (year + 1, 1)
        final_on = date(year, month, 1) + timedelta(days=settle_days)
        midnight = datetime.combine(final_on, time(0), tzinfo=ZoneInfo(zone))
        as_of = min(midnight, now)
        seen = tuple((f.at, f.on, f.stage) for f in held if f.at < as_of)
        views[start] = (seen, attributes) if seen else None
    return views
