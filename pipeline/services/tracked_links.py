"""Tracked links: our own address for one material in one deal. Made, shown again, revoked.

Their tokens are selectors/link_tokens.py's; what was opened by whom is openings.py's.
"""

import secrets
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.services.audit import record_audit
from pipeline.models import Contact, Deal, Material, TrackedLink
from pipeline.selectors.link_tokens import NONCE_BYTES, hash_of, token_of, tokens_of
from pipeline.services.history import NotFound
from pipeline.services.link_address import kept_address
from pipeline.services.own_deals import check_own_deal


def make_link(
    *, by: Actor, material_id: int, deal_id: int, now: datetime, contact_id: int | None = None
) -> TrackedLink:
    """A link to this material for this deal, and for one person there if one is named.

    One that stands already for the same is given again, so a form sent twice makes one. A rep
    makes links for own deals only.
    """
    with transaction.atomic():
        # Two requests for one deal wait for each other here.
        deal: Deal | None = Deal.objects.select_for_update().filter(pk=deal_id).first()
        if deal is None:
            raise NotFound(_("This deal does not exist."))
        check_own_deal(by, deal)
        material = sendable(material_id)
        if not material.address:
            raise DomainError(
                _("{title} has no address to lead to. Send it yourself and record that.").format(
                    title=material.title
                )
            )
        check_contact(deal, contact_id)
        standing = TrackedLink.objects.filter(
            material=material, deal=deal, contact_id=contact_id, revoked_at=None
        )
        address = kept_address(material.address)
        for link in standing.filter(address=address).order_by("-pk"):
            if token_of(link) is not None:
                found: TrackedLink = link
                return found
        nonce = secrets.token_bytes(NONCE_BYTES)
        made: TrackedLink = TrackedLink.objects.create(
            material=material,
            deal=deal,
            contact_id=contact_id,
            address=address,
            nonce=nonce,
            token_hash=hash_of(next(tokens_of(nonce))),
            created_at=now,
            created_by_id=by.user_id,
        )
        _audit(by, now, "tracked_link.made", made, title=material.title)
    return made


def revoke_link(*, by: Actor, link_id: int, now: datetime) -> TrackedLink:
    """Make a link lead nowhere from now on; what was counted stays. A rep on own deals only."""
    with transaction.atomic():
        link: TrackedLink | None = (
            TrackedLink.objects.select_for_update(of=("self",))
            .select_related("deal", "material")
            .filter(pk=link_id)
            .first()
        )
        if link is None:
            raise NotFound(_("This link does not exist."))
        check_own_deal(by, link.deal)
        if link.revoked_at is None:
            link.revoked_at = now
            link.save(update_fields=["revoked_at"])
            _audit(by, now, "tracked_link.revoked", link, title=link.material.title)
    return link


def sendable(material_id: int) -> Material:
    """The material, which is in use; a retired one is refused in words."""
    found: Material | None = Material.objects.filter(pk=material_id).first()
    if found is None:
        raise NotFound(_("This material does not exist."))
    if found.retired_at is not None:
        raise DomainError(_("{title} is retired. Choose another.").format(title=found.title))
    return found


def check_contact(deal: Deal, contact_id: int | None) -> None:
    """The person is in use and belongs to the deal's customer."""
    if contact_id is None:
        return
    known = Contact.objects.filter(pk=contact_id, retired_at=None, customer_id=deal.customer_id)
    if deal.customer_id is None or not known.exists():
        raise NotFound(_("This contact does not exist."))


def _audit(by: Actor, now: datetime, action: str, link: TrackedLink, *, title: str) -> None:
    record_audit(
        by=by,
        at=now,
        action=action,
        object_type="deal",
        object_id=link.deal_id,
        after={"link": link.pk, "material": title, "contact": link.contact_id},
    )
