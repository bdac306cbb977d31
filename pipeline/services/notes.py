"""Record a call, meeting or e-mail, and the note about it."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline import rules
from pipeline.models import Activity, Deal, Note, Rep
from pipeline.services.history import KeyReused, NotFound, wait_for_key
from pipeline.services.refusals import refuse


def _check_text(text: str) -> None:
    refuse(rules.unkeepable(text))


def _check_rows(*, deal_id: int, rep_id: int | None) -> None:
    """The deal and the rep are this company's."""
    if not Deal.objects.filter(pk=deal_id).exists():
        raise NotFound(_("This deal does not exist."))
    if rep_id is not None and not Rep.objects.filter(pk=rep_id).exists():
        raise NotFound(_("This rep does not exist."))


def _recorded(model: type[Activity] | type[Note], *, deal_id: int, key: str | None) -> Any:
    """What this key has recorded already, if anything; for another deal it is refused."""
    if not key:
        return None
    wait_for_key(key)
    found = model.objects.filter(idempotency_key=key).first()
    if found is not None and found.deal_id != deal_id:
        raise KeyReused(_("This form was sent before with other values. Reload the page."))
    return found


def record_activity(
    *,
    by: Actor,
    deal_id: int,
    kind: str,
    happened_at: datetime,
    now: datetime,
    subject: str = "",
    rep_id: int | None = None,
    note: str = "",
    key: str | None = None,
) -> Activity:
    """Record that a call, meeting or e-mail happened, with its note if there is one.

    key: made with the form; the same one again records nothing and gives what it recorded.
    """
    if kind not in Activity.Kind.values:
        raise DomainError(_("Choose call, meeting or e-mail."))
    if happened_at > now + rules.CLOCKS_DIFFER:
        raise DomainError(_("This lies in the future. Choose a time that has passed."))
    _check_text(subject)
    with transaction.atomic():
        found: Activity | None = _recorded(Activity, deal_id=deal_id, key=key)
        if found is not None:
            return found
        _check_rows(deal_id=deal_id, rep_id=rep_id)
        company = Company.objects.get(pk=require_company_id())
        activity: Activity = Activity.objects.create(
            deal_id=deal_id,
            rep_id=rep_id,
            kind=kind,
            happened_at=happened_at,
            happened_on=company.local_day(happened_at),
            subject=subject.strip()[:250],
            recorded_at=now,
            recorded_by_id=by.user_id,
            idempotency_key=key,
        )
        record_audit(
            by=by,
            at=now,
            action=f"{kind}.recorded",
            object_type="deal",
            object_id=deal_id,
            after={"happened_at": happened_at.isoformat(), "subject": activity.subject},
        )
        if note.strip():
            add_note(
                by=by, deal_id=deal_id, body=note, now=now, activity_id=activity.pk, rep_id=rep_id
            )
    return activity


def add_note(
    *,
    by: Actor,
    deal_id: int,
    body: str,
    now: datetime,
    activity_id: int | None = None,
    rep_id: int | None = None,
    key: str | None = None,
) -> Note:
    """Add a note to a deal, or to one of its activities; the same key again adds none."""
    if not body.strip():
        raise DomainError(_("Write something first."))
    if len(body) > 20_000:
        raise DomainError(_("A note has at most 20,000 characters. Split it into two."))
    _check_text(body)
    with transaction.atomic():
        found: Note | None = _recorded(Note, deal_id=deal_id, key=key)
        if found is not None:
            return found
        _check_rows(deal_id=deal_id, rep_id=rep_id)
        if activity_id and not Activity.objects.filter(pk=activity_id, deal_id=deal_id).exists():
            raise DomainError(_("This call, meeting or e-mail belongs to another deal."))
        created: Note = Note.objects.create(
            deal_id=deal_id,
            activity_id=activity_id,
            rep_id=rep_id,
            body=body.strip(),
            written_at=now,
            author_id=by.user_id,
            idempotency_key=key,
        )
        record_audit(
            by=by,
            at=now,
            action="note.added",
            object_type="deal",
            object_id=deal_id,
            after={"note": created.pk},
        )
    return created
