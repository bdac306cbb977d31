"""What people do with mail that waits: file it under a deal, dismiss it, put it back."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.services.audit import record_audit
from pipeline.models import Activity, Deal, EmailMessage, Note
from pipeline.models.mail import Waiting
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.notes import record_activity

_FILED = gettext_lazy(
    "Somebody has filed this e-mail meanwhile. It stands in the timeline of its deal."
)
_DISMISSED = gettext_lazy("Somebody has dismissed this e-mail meanwhile.")


def assign_mail(*, by: Actor, email_id: int, deal_id: int, now: datetime) -> Activity:
    """File a waiting message under a deal; again under the same deal changes nothing."""
    with transaction.atomic():
        mail = _locked(email_id)
        if mail.state == EmailMessage.State.DISMISSED:
            raise StaleVersion(str(_DISMISSED))
        if mail.activity_id is not None:
            filed: Activity = mail.activity
            if filed.deal_id != deal_id:
                raise StaleVersion(str(_FILED))
            return filed
        if not Deal.objects.filter(pk=deal_id).exists():
            raise NotFound(_("This deal does not exist."))
        activity = record_activity(
            by=by,
            deal_id=deal_id,
            kind=Activity.Kind.EMAIL,
            happened_at=min(mail.sent_at, now),
            now=now,
            subject=mail.subject,
            rep_id=mail.rep_id,
        )
        _turn(mail, EmailMessage.State.MATCHED, activity=activity)
        _audit(by, now, mail, "mail.assigned", deal=deal_id)
    return activity


def dismiss_mail(*, by: Actor, email_id: int, now: datetime) -> None:
    """Take a waiting message out of the tray; it belongs to no deal."""
    with transaction.atomic():
        mail = _locked(email_id)
        if mail.state == EmailMessage.State.MATCHED:
            raise StaleVersion(str(_FILED))
        if mail.state == EmailMessage.State.WAITING:
            _turn(mail, EmailMessage.State.DISMISSED)
            _audit(by, now, mail, "mail.dismissed")


def put_back_mail(*, by: Actor, email_id: int, now: datetime) -> None:
    """Let a message wait again: it was dismissed, or filed under the wrong deal.

    Out of a timeline it goes only as long as nobody has written a note about it there.
    """
    with transaction.atomic():
        mail = _locked(email_id)
        if mail.state == EmailMessage.State.WAITING:
            return
        activity, deal_id = mail.activity, None
        if activity is not None:
            if Note.objects.filter(activity_id=activity.pk).exists():
                raise DomainError(_("Somebody has written a note about this e-mail, so it stays."))
            deal_id = activity.deal_id
            mail.why_waiting = Waiting.PUT_BACK
        _turn(mail, EmailMessage.State.WAITING)
        if activity is not None:
            activity.delete()
        _audit(by, now, mail, "mail.put_back", deal=deal_id)


def _locked(email_id: int) -> EmailMessage:
    mail: EmailMessage | None = EmailMessage.objects.select_for_update().filter(pk=email_id).first()
    if mail is None:
        raise NotFound(_("This e-mail does not exist."))
    return mail


def _turn(mail: EmailMessage, state: str, *, activity: Activity | None = None) -> None:
    mail.state = state
    mail.activity = activity
    mail.save(update_fields=["state", "activity", "why_waiting"])


def _audit(
    by: Actor, now: datetime, mail: EmailMessage, action: str, deal: int | None = None
) -> None:
    record_audit(
        by=by,
        at=now,
        action=action,
        object_type="email",
        object_id=mail.pk,
        after={"deal": deal} if deal is not None else {},
    )
