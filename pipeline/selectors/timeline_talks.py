"""What was said, in a timeline: notes, calls, meetings and e-mails."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models.functions import Left
from django.utils.translation import gettext as _

from pipeline.models import Activity, EmailMessage, Note
from pipeline.selectors.mail_attachments import Attached, attached, stored_numbers
from pipeline.selectors.timeline_entry import Entry, Reading, Text, recorded_later, said_by, time_of

EXCERPT = 1_000  # letters of a note or e-mail that stand in the timeline
_NAMED = 10  # attachments of an e-mail


def _note_rows(**which: Any) -> Any:
    return (
        Note.objects.filter(**which)
        .select_related("author", "activity", "rep")
        .defer("body")
        .annotate(start=Left("body", EXCERPT + 1))
        .order_by("written_at", "id")
    )


def _writer(note: Any) -> str:
    """Who wrote it: the member, or the rep that another system named."""
    return str(note.rep) if note.author is None and note.rep else said_by(note.author)


def _note_text(note: Any, *, who: str = "") -> Text:
    cut = len(note.start) > EXCERPT
    return Text(note.start[:EXCERPT], cut, note_id=note.pk, who=who)


def notes(ids: Sequence[int], reading: Reading) -> dict[tuple[str, int], Entry]:
    kinds = {"call": _("Note about a call"), "meeting": _("Note about a meeting")}
    found = {}
    for note in _note_rows(pk__in=ids):
        about = kinds.get(note.activity.kind, _("Note about an e-mail")) if note.activity else ""
        found[("notes", note.pk)] = Entry(
            anchor=f"note-{note.pk}",
            icon="file-text",
            title=about or _("Note"),
            time=time_of(note.written_at, reading),
            who=_writer(note),
            texts=(_note_text(note),),
            evidence=f"note={note.pk}",
        )
    return found


_ICONS = {"call": "phone", "meeting": "users", "email": "mail"}


def talks(ids: Sequence[int], reading: Reading) -> dict[tuple[str, int], Entry]:
    talks = list(Activity.objects.select_related("recorded_by", "rep").filter(pk__in=ids))
    notes: dict[int, list[Any]] = defaultdict(list)
    for note in _note_rows(activity_id__in=ids):
        notes[note.activity_id].append(note)
    mails: dict[int, Any] = {}
    shaped = EmailMessage.objects.filter(activity_id__in=ids).defer("body")
    shaped = shaped.annotate(start=Left("body", EXCERPT + 1), stored_ids=stored_numbers())
    for mail in shaped.order_by("-id"):
        mails[mail.activity_id] = mail
    return {
        ("talks", talk.pk): _talk(talk, notes[talk.pk], mails.get(talk.pk), reading)
        for talk in talks
    }


def _talk(talk: Activity, notes: Sequence[Any], mail: Any, reading: Reading) -> Entry:
    names = {"call": _("Call"), "meeting": _("Meeting"), "email": _("E-mail")}
    subject = talk.subject or (mail.subject if mail else "")
    title = f"{names[talk.kind]}: {subject}" if subject else names[talk.kind]
    who = said_by(talk.recorded_by) if talk.recorded_by_id or not talk.rep else str(talk.rep)
    texts = [_note_text(note, who="" if _writer(note) == who else _writer(note)) for note in notes]
    lines: list[str] = []
    files: tuple[Attached, ...] = ()
    if mail is not None:
        texts.insert(0, Text(mail.start[:EXCERPT], len(mail.start) > EXCERPT, email_id=mail.pk))
        files = attached(mail)[:_NAMED]
        lines = _mail_lines(mail, files)
    return Entry(
        anchor=f"talk-{talk.pk}",
        icon=_ICONS[talk.kind],
        title=title,
        time=time_of(talk.happened_at, reading),
        who=who,
        recorded=""
        if mail is not None
        else recorded_later(talk.happened_at, talk.happened_on, talk.recorded_at, reading),
        lines=tuple(lines),
        texts=tuple(texts),
        files=files if any(file.id for file in files) else (),
        note_for=0 if texts else talk.pk,
        evidence=f"activity={talk.pk}",
        put_back_id=mail.pk if mail is not None and not notes else 0,
    )


def _mail_lines(mail: Any, files: Sequence[Attached]) -> list[str]:
    """From whom to whom, and what was attached where nothing of it can be downloaded."""
    people = ", ".join(str(r) for r in mail.recipients[:5]) if mail.recipients else ""
    lines = [_("From {sender} to {people}").format(sender=mail.sender, people=people or "…")]
    if files and not any(file.id for file in files):
        names = ", ".join(file.name for file in files)
        lines.append(_("Attached: {names}").format(names=names))
    return lines
