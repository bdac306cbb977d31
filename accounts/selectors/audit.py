"""The audit trail as its page prints it: newest first, by pages, by kind and person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import AuditEntry

PAGE = 50
_RECENT = 10_000  # entries whose kinds and people are offered as filters
_LONGEST = 200
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_INTERNAL = frozenset({"version", "key"})  # say nothing to a reader
PRODUCT = "product"  # who did it, when nobody signed in did


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One entry: when (local time of the company), who, what, to which row, and what changed."""

    id: int
    at: datetime
    who: str
    what: str
    row: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Trail:
    """A page of the trail. `older`: the id to ask for what came before it; None at the end."""

    deeds: tuple[Deed, ...]
    older: int | None
    kinds: tuple[tuple[str, str], ...]
    people: tuple[tuple[str, str], ...]


def trail(*, zone: ZoneInfo, kind: str, person: str, before: int | None) -> Trail:
    """The active company's deeds before the id `before`, of one kind and person if asked.

    `kind` is an action; `person` a user's id or PRODUCT; "" asks for all. What is unknown finds
    nothing.
    """
    found = AuditEntry.objects.order_by("-id")
    if kind:
        found = found.filter(action=kind)
    if person == PRODUCT:
        found = found.filter(actor_id=None)
    elif person:
        found = found.filter(actor_id=int(person)) if _is_id(person) else found.none()
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    kinds, people = _offered()
    return Trail(
        tuple(_deed(row, zone) for row in rows[:PAGE]),
        rows[PAGE - 1].pk if len(rows) > PAGE else None,
        kinds,
        people,
    )


def in_words(action: str) -> str:
    """For example "Deal moved" for deal.moved."""
    return action.replace(".", " ").replace("_", " ").capitalize()


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _offered() -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """The kinds and people of the latest deeds, so that a long trail costs no more."""
    latest = AuditEntry.objects.order_by("-id").values("pk")[:_RECENT]
    rows = (
        AuditEntry.objects.filter(pk__in=latest)
        .order_by("actor_id", "action")
        .values_list("action", "actor_id", "actor_label")
        .distinct()
    )
    kinds, people = set(), {}
    for action, actor_id, label in rows:
        kinds.add(action)
        if actor_id is not None:
            people[str(actor_id)] = label
    named = sorted(people.items(), key=lambda pair: (pair[1], pair[0]))
    return tuple((kind, in_words(kind)) for kind in sorted(kinds)), tuple(named)


def _deed(row: AuditEntry, zone: ZoneInfo) -> Deed:
    thing = row.object_type.replace("_", " ")
    return Deed(
        id=row.pk,
        at=row.at.astimezone(zone),
        who=row.actor_label,
        what=in_words(row.action),
        row=thing if row.object_id is None else f"{thing} {row.object_id}",
        changes=_changes(row.before, row.after, zone),
    )


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any], zone: ZoneInfo
) -> tuple[Change, ...]:
    names = [*before, *(name for name in after if name not in before)]
    return tuple(
        Change(name.replace("_", " "), _text(before.get(name), zone), _text(after.get(name), zone))
        for name in names
        if before.get(name) != after.get(name) and name not in _INTERNAL
    )


def _text(value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return f"{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, dict):
        value = ", ".join(f"{key}: {part}" for key, part in value.items())
    elif isinstance(value, list):
        value = ", ".join(map(str, value))
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
