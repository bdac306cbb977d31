"""Material that was sent in a deal: recorded by hand, or with a tracked link that goes along."""

from dataclasses import dataclass
from datetime import date, datetime, time

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline.models import Deal, MaterialUse, TrackedLink
from pipeline.services.history import KeyReused, NotFound, wait_for_key
from pipeline.services.own_deals import check_own_deal
from pipeline.services.tracked_links import check_contact, make_link, sendable

EARLIEST = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class SentMaterial:
    """A recorded sending; `link` where one goes along."""

    use: MaterialUse
    link: TrackedLink | None


def send_material(
    *,
    by: Actor,
    material_id: int,
    deal_id: int,
    now: datetime,
    sent_on: date | None = None,
    contact_id: int | None = None,
    tracked: bool = False,
    key: str | None = None,
) -> SentMaterial:
    """Record that material was sent in a deal, by hand or with a tracked link (`tracked`).

    `sent_on` is the company's local day, today by default. The same key again records nothing
    and gives what it recorded. A rep sends in own deals only.
    """
    with transaction.atomic():
        if key:
            wait_for_key(key)
            sent = MaterialUse.objects.select_related("link").filter(idempotency_key=key).first()
            if sent is not None:
                if (sent.deal_id, sent.material_id) != (deal_id, material_id):
                    raise KeyReused(
                        _("This form was sent before with other values. Reload the page.")
                    )
                return SentMaterial(sent, sent.link)
        deal: Deal | None = Deal.objects.select_for_update().filter(pk=deal_id).first()
        if deal is None:
            raise NotFound(_("This deal does not exist."))
        check_own_deal(by, deal)
        material = sendable(material_id)
        check_contact(deal, contact_id)
        company = Company.objects.get(pk=require_company_id())
        today = company.local_day(now)
        day = sent_on or today
        if day > today:
            raise DomainError(_("This lies in the future. Choose a day that has come."))
        if day < EARLIEST:
            raise DomainError(_("This is too long ago. Choose a day after 1970."))
        # Of an earlier day only the day is known: its noon stands for it.
        noon = datetime.combine(day, time(12), tzinfo=company.zone)
        link = (
            make_link(
                by=by, material_id=material_id, deal_id=deal_id, now=now, contact_id=contact_id
            )
            if tracked
            else None
        )
        use: MaterialUse = MaterialUse.objects.create(
            material=material,
            deal=deal,
            link=link,
            contact_id=contact_id,
            kind=MaterialUse.Kind.SENT,
            edition=material.edition,
            happened_at=now if day == today else noon,
            happened_on=day,
            recorded_at=now,
            recorded_by_id=by.user_id,
            idempotency_key=key or None,
        )
        record_audit(
            by=by,
            at=now,
            action="material.sent",
            object_type="deal",
            object_id=deal_id,
            after={"material": material.title, "day": day.isoformat(), "contact": contact_id},
        )
    return SentMaterial(use, link)
