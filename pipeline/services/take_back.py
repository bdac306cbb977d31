"""Take back a call, meeting or e-mail that was logged a moment ago by mistake."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.services.audit import record_audit
from pipeline.models import Activity, EmailMessage, Note
from pipeline.services.history import NotFound

WITHIN = timedelta(minutes=15)


def take_back_activity(*, by: Actor, activity_id: int, now: datetime) -> int:
    """Remove what the actor logged within the last minutes; returns its deal's id.

    Its notes go with it; what was said stays in the audit entry. Nothing that arrived by mail,
    and nothing that somebody else wrote a note about, is removed.
    """
    with transaction.atomic():
        found = Activity.objects.select_for_update().filter(pk=activity_id).first()
        if found is None:
            raise NotFound(_("This is not there any more."))
        if found.recorded_by_id is None or found.recorded_by_id != by.user_id:
            raise NotAllowed(_("Somebody else logged this. Only who logged it can take it back."))
        if now - found.recorded_at > WITHIN:
            raise DomainError(
                _("This was logged too long ago to be taken back. Add a note instead.")
            )
        notes = list(Note.objects.filter(activity_id=activity_id).order_by("id"))
        theirs = any(note.author_id != by.user_id for note in notes)
        if theirs or EmailMessage.objects.filter(activity_id=activity_id).exists():
            raise DomainError(
                _("Somebody else has added to this, so it stays. Add a note instead.")
            )
        Note.objects.filter(activity_id=activity_id).delete()
        deal_id = int(found.deal_id)
        found.delete()
        record_audit(
            by=by,
            at=now,
            action=f"{found.kind}.taken_back",
            object_type="deal",
            object_id=deal_id,
            before={
                "happened_at": found.happened_at.isoformat(),
                "subject": found.subject,
                "notes": [note.body for note in notes],
            },
        )
        return deal_id
