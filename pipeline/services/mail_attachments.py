"""Attachments that are stored: only where a company allows it, only documents, within limits."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from accounts.actors import Actor
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline.importers.mail import Attachment
from pipeline.models import EmailMessage, MailSettings, StoredAttachment

BYTES = 5 * 1024 * 1024  # of one attachment
ROOM = 2 * 1024**3  # bytes of a company; what comes after is named only
# What people send each other to read. By the end of the name, since a computer opens files by it:
# the declared type is the sender's word. Nothing that runs or carries macros, no markup, no
# archives.
ENDINGS = frozenset(
    {"csv", "docx", "gif", "jpeg", "jpg", "odp", "ods", "odt", "pdf", "png", "pptx", "txt", "webp"}
    | {"xlsx"}
)


def keeps_attachments() -> bool:
    """Does the active company store attachments? Not unless somebody said so."""
    return bool(MailSettings.objects.filter(keep_attachments=True).exists())


def set_attachments_kept(*, by: Actor, keep: bool, now: datetime) -> None:
    """Store the attachments of mail that arrives from now on, or name them only.

    What is stored already stays, and mail that came before is not gone back to.
    """
    with transaction.atomic():
        _row, _new = MailSettings.objects.get_or_create()
        found = MailSettings.objects.select_for_update().get()
        if found.keep_attachments == keep:
            return
        found.keep_attachments = keep
        found.save(update_fields=["keep_attachments"])
        record_audit(
            by=by,
            at=now,
            action="mail.attachments_kept" if keep else "mail.attachments_named",
            object_type="company",
            object_id=require_company_id(),
        )


def store_attachments(*, email: EmailMessage, attachments: Sequence[Attachment]) -> int:
    """Store what may be stored of a message that was just kept; how many. In the caller's
    transaction, and nothing where the company does not allow it."""
    wanted = [(n, a) for n, a in enumerate(attachments) if storable(a)]
    if not wanted or not keeps_attachments():
        return 0
    room = ROOM - (StoredAttachment.objects.aggregate(all=Sum("size"))["all"] or 0)
    rows = []
    for number, attachment in wanted:
        room -= attachment.size
        if room < 0:
            break
        rows.append(
            StoredAttachment(
                email=email,
                number=number,
                size=attachment.size,
                content=attachment.content,
            )
        )
    StoredAttachment.objects.bulk_create(rows)
    return len(rows)


def storable(attachment: Attachment) -> bool:
    """Is it a document of a usual kind, and not too large?"""
    _name, dot, ending = attachment.name.rpartition(".")
    named = bool(dot) and ending.lower() in ENDINGS
    return named and 0 < len(attachment.content) <= BYTES
