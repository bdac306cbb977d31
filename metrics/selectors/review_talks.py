"""The calls, meetings and e-mails of a deal: to choose one for a review, and to read it beside."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.models import Review
from metrics.selectors.review_words import TALKS
from pipeline.models import Activity, EmailMessage, Note

LATEST = 20
EXCERPT = 160
_ICONS = {"call": "phone", "meeting": "users", "email": "mail"}


@dataclass(frozen=True, slots=True)
class TalkRow:
    """One call, meeting or e-mail to choose. `reviewed` is the id of its newest review."""

    id: int
    icon: str
    title: str
    day: str
    who: str
    excerpt: str
    reviewed: int | None


@dataclass(frozen=True, slots=True)
class TalkText:
    """What was noted or written, whole."""

    head: str
    body: str


@dataclass(frozen=True, slots=True)
class Talk:
    """The call, meeting or e-mail under review, with everything that is known of it."""

    id: int
    icon: str
    title: str
    day: str
    happened_on: date
    who: str
    texts: tuple[TalkText, ...]


def talk_rows(
    *, deal_id: int, kind: str, style: Style, also: int | None = None
) -> tuple[TalkRow, ...]:
    """The latest calls and meetings (or e-mails) of a deal that a kind of review can be of.

    Newest first; `also` is one that is listed however old it is. Four queries at most.
    """
    kinds = TALKS.get(kind)
    if kinds is None:
        return ()
    found = Activity.objects.filter(deal_id=deal_id, kind__in=kinds).select_related(
        "rep", "recorded_by"
    )
    rows = list(found.order_by("-happened_at", "-id")[:LATEST])
    if also is not None and all(row.pk != also for row in rows):
        rows += list(found.filter(pk=also))
    ids = [row.pk for row in rows]
    said = _texts(ids)
    reviews = Review.objects.filter(activity_id__in=ids, kind=kind).exclude(
        state=Review.State.WITHDRAWN
    )
    reviewed = dict(reviews.order_by("pk").values_list("activity_id", "pk"))
    return tuple(
        TalkRow(
            id=row.pk,
            icon=_ICONS[row.kind],
            title=_title(row, said[1].get(row.pk)),
            day=formats.day(row.happened_on, style),
            who=_who(row),
            excerpt=_cut(said[0].get(row.pk, ())),
            reviewed=reviewed.get(row.pk),
        )
        for row in rows
    )


def talk_of(*, activity_id: int | None, style: Style) -> Talk | None:
    """One talk with its notes and its message in full; None for none."""
    if activity_id is None:
        return None
    row = Activity.objects.select_related("rep", "recorded_by").filter(pk=activity_id).first()
    if row is None:
        return None
    texts, subjects = _texts([row.pk])
    return Talk(
        id=row.pk,
        icon=_ICONS[row.kind],
        title=_title(row, subjects.get(row.pk)),
        day=formats.day(row.happened_on, style),
        happened_on=row.happened_on,
        who=_who(row),
        texts=tuple(texts.get(row.pk, ())),
    )


def _texts(ids: list[int]) -> tuple[dict[int, list[TalkText]], dict[int, str]]:
    """By activity: its message and notes, and the subject of its message."""
    texts: dict[int, list[TalkText]] = {}
    subjects: dict[int, str] = {}
    for mail in EmailMessage.objects.filter(activity_id__in=ids).order_by("id"):
        people = ", ".join(str(r) for r in mail.recipients[:5]) if mail.recipients else "…"
        head = _("From {sender} to {people}").format(sender=mail.sender, people=people)
        texts.setdefault(mail.activity_id, []).append(TalkText(head, mail.body))
        subjects[mail.activity_id] = mail.subject
    notes = Note.objects.filter(activity_id__in=ids).select_related("author", "rep")
    for note in notes.order_by("written_at", "id"):
        writer = str(note.author or note.rep or "")
        head = _("Note by {who}").format(who=writer) if writer else _("Note")
        texts.setdefault(note.activity_id, []).append(TalkText(head, note.body))
    return texts, subjects


def _title(row: Activity, subject: str | None) -> str:
    words = {"call": _("Call"), "meeting": _("Meeting"), "email": _("E-mail")}
    said = row.subject or subject or ""
    return f"{words[row.kind]}: {said}" if said else words[row.kind]


def _who(row: Any) -> str:
    return str(row.rep or row.recorded_by or "")


def _cut(texts: Iterable[TalkText]) -> str:
    body = next((" ".join(text.body.split()) for text in texts if text.body.strip()), "")
    return body if len(body) <= EXCERPT else f"{body[:EXCERPT].rstrip()}…"


def silent_text(kind: str) -> str:
    """What to do where a deal has nothing that this kind of review can be of."""
    if kind in TALKS and "email" in TALKS[kind]:
        return _(
            "No e-mail of this deal is on record. Copy the company's mail address into a message,"
            " or log it on the deal's page."
        )
    return _("No call or meeting of this deal is on record. Log it on the deal's page first.")
