"""The whole of a note or an e-mail, where the timeline shows its beginning."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.models import EmailMessage, Note


@dataclass(frozen=True, slots=True)
class WholeText:
    """Plain text, of which deal, by whom and when. `title` is an e-mail's subject."""

    deal_id: int
    deal_name: str
    title: str
    who: str
    at: datetime
    body: str


def whole_note(*, note_id: int) -> WholeText | None:
    """A note of this company, or None."""
    note = Note.objects.select_related("deal", "author").filter(pk=note_id).first()
    if note is None:
        return None
    who = str(note.author) if note.author else ""
    return WholeText(note.deal_id, note.deal.name, "", who, note.written_at, note.body)


def whole_email(*, email_id: int) -> WholeText | None:
    """An e-mail that was matched to a deal of this company, or None: the tray is another page."""
    mails = EmailMessage.objects.select_related("activity__deal")
    mail = mails.filter(pk=email_id, activity__isnull=False).first()
    if mail is None:
        return None
    deal = mail.activity.deal
    return WholeText(deal.pk, deal.name, mail.subject, mail.sender, mail.sent_at, mail.body)
