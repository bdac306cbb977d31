"""Everything that happened to a deal, as one list: newest first, by whole days, a page at a time.

One query finds which entries stand on the page, whatever their kind; one more a kind reads them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Case, CharField, F, Q, Value, When
from django.utils.translation import gettext as _

from accounts import formats
from pipeline.models import Activity, Deal, DealChange, Note, StageTransition
from pipeline.selectors.timeline_edits import edits
from pipeline.selectors.timeline_entry import Entry, Reading
from pipeline.selectors.timeline_moves import Moves
from pipeline.selectors.timeline_talks import notes, talks

PAGE = 30
_ORIGINS = StageTransition.Origin


@dataclass(frozen=True, slots=True)
class Kind:
    """A choice of the filter, as the address and the page say it."""

    value: str
    text: str
    current: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A whole day in the company's zone, as a heading over its entries."""

    iso: str
    text: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """One page of it. `older` and `newer` are page numbers, None at the ends."""

    days: tuple[Day, ...]
    kinds: tuple[Kind, ...]
    kind: str
    page: int
    older: int | None
    newer: int | None

    @property
    def further(self) -> bool:
        """Is this a page beyond the first?"""
        return self.page > 1


_WHAT = {
    "": ("moves", "notes", "talks", "emails", "edits"),
    "moves": ("moves",),
    "notes": ("notes", "about"),
    "talks": ("talks",),
    "emails": ("emails",),
    "edits": ("edits",),
}


def kind_of(asked: str) -> str:
    """The kind that an address asks for; what is not understood is everything."""
    return asked if asked in _WHAT else ""


def page_of(asked: str) -> int:
    """The page that an address asks for, from 1 on."""
    readable = asked.isascii() and asked.isdecimal() and len(asked) < 7
    return max(1, int(asked)) if readable else 1


def timeline(*, deal_id: int, kind: str, page: int, reading: Reading) -> Timeline:
    """One page of a deal's timeline. The deal is the company's own: its page has seen to that."""
    found = list(_places(deal_id, kind)[(page - 1) * PAGE : page * PAGE + 1])
    shown, more = found[:PAGE], len(found) > PAGE
    deal = Deal.objects.only("id", "pipeline_id").get(pk=deal_id)
    entries = _entries(
        deal=deal,
        places=[(what, pk) for what, pk, _at in shown],
        reading=reading,
    )
    return Timeline(
        days=tuple(_days(entries, shown, reading)),
        kinds=_kinds(kind),
        kind=kind,
        page=page,
        older=page + 1 if more else None,
        newer=page - 1 if page > 1 else None,
    )


def _places(deal_id: int, kind: str) -> Any:
    """(what, id, instant) of the deal's entries of a kind, newest first."""
    parts = [_part(what, deal_id) for what in _WHAT[kind]]
    rows = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
    return rows.order_by("-at", "what", "-id")


def _part(what: str, deal_id: int) -> Any:
    if what == "moves":
        # A withdrawal happened when somebody said it; a correction when the move really did.
        at: Any = Case(
            When(origin=_ORIGINS.WITHDRAWAL, then=F("recorded_at")), default="occurred_at"
        )
        rows = StageTransition.objects.filter(deal_id=deal_id)
    elif what == "edits":
        at, rows = F("changed_at"), DealChange.objects.filter(deal_id=deal_id)
    elif what in ("notes", "about"):
        at = F("written_at")
        rows = Note.objects.filter(deal_id=deal_id, activity__isnull=what == "notes")
    else:
        mail = Q(kind=Activity.Kind.EMAIL)
        at = F("happened_at")
        rows = Activity.objects.filter(mail if what == "emails" else ~mail, deal_id=deal_id)
    name = {"about": "notes", "emails": "talks"}.get(what, what)
    shaped = rows.annotate(what=Value(name, output_field=CharField()), at=at)
    return shaped.order_by().values_list("what", "id", "at")


def _entries(
    *, deal: Deal, places: Sequence[tuple[str, int]], reading: Reading
) -> dict[tuple[str, int], Entry]:
    """The entries at these places: (moves | notes | talks | edits, id) -> entry."""
    ids: dict[str, list[int]] = defaultdict(list)
    for what, pk in places:
        ids[what].append(pk)
    found: dict[tuple[str, int], Entry] = {}
    if ids["moves"]:
        found |= Moves(deal, reading).entries(ids["moves"])
    if ids["notes"]:
        found |= notes(ids["notes"], reading)
    if ids["talks"]:
        found |= talks(ids["talks"], reading)
    if ids["edits"]:
        found |= edits(ids["edits"], reading)
    return found


def _days(
    entries: dict[tuple[str, int], Entry],
    shown: Sequence[tuple[str, int, datetime]],
    reading: Reading,
) -> Iterable[Day]:
    by_day: dict[date, list[Entry]] = {}
    seen: set[str] = set()
    for what, pk, at in shown:
        entry = entries[(what, pk)]
        if entry.anchor in seen:  # several facts of one edit are one entry
            continue
        seen.add(entry.anchor)
        by_day.setdefault(at.astimezone(reading.zone).date(), []).append(entry)
    for day, its in by_day.items():
        text = formats.day(day, reading.style, today=reading.today)
        if day == reading.today:
            text = _("Today, {day}").format(day=text)
        yield Day(day.isoformat(), text, tuple(its))


def _kinds(current: str) -> tuple[Kind, ...]:
    texts = {
        "": _("Everything"),
        "moves": _("Moves"),
        "notes": _("Notes"),
        "talks": _("Calls and meetings"),
        "emails": _("E-mails"),
        "edits": _("Edits"),
    }
    return tuple(Kind(value, text, value == current) for value, text in texts.items())
