"""Openings of tracked links: where a token leads, and whether a reader is counted.

Counted are people who are not ours and did not ask to be left alone. Nothing is kept that says
who they are: one reader is told from another by a keyed hash of address and browser, made for
each link anew, so that nobody can be followed from one link to the next.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.crypto import salted_hmac

from accounts.errors import DomainError
from accounts.models import Company, Membership
from accounts.tenancy.context import company_context
from pipeline.models import MaterialUse, TrackedLink
from pipeline.selectors.link_tokens import company_of_link, hash_of, readable
from pipeline.services.link_address import kept_address

# Who opens a page again within this time is still reading it.
AGAIN_AFTER = timedelta(minutes=30)
# More openings of one link than a buyer's whole company would make: no longer people.
MOST_OPENINGS = 1_000
_SALT = "pipeline.openings.reader"
_READER_LENGTH = 32  # hex digits: 128 bits


@dataclass(frozen=True, slots=True)
class Reader:
    """Who follows a link. `user_id` of one who is signed in; `leave_alone`: not to be counted."""

    address: str
    agent: str
    user_id: int | None
    leave_alone: bool


def follow_link(*, token: str, reader: Reader, now: datetime) -> str | None:
    """The address that a token leads to, its opening counted where it counts.

    None for a token that is unknown, malformed or revoked, all alike.
    """
    if not readable(token):
        return None
    digest = hash_of(token)
    company_id = company_of_link(token_hash=digest)
    if company_id is None:
        return None
    with company_context(company_id), transaction.atomic():
        # Requests of one link wait for each other: one reader is counted once.
        link: TrackedLink | None = (
            TrackedLink.objects.select_for_update(of=("self",))
            .select_related("contact", "material")
            .filter(token_hash=digest, revoked_at=None)
            .first()
        )
        if link is None:
            return None
        try:
            # Checked when it was written; what came into the table otherwise leads nowhere.
            address = kept_address(link.address)
        except DomainError:
            return None
        if address and _counts(link, reader):
            _count(link, _reader_of(link, reader), now)
    return address or None


def _counts(link: TrackedLink, reader: Reader) -> bool:
    if reader.leave_alone or (link.contact is not None and link.contact.do_not_track):
        return False
    if reader.user_id is None:
        return True
    return not Membership.objects.filter(user_id=reader.user_id).exists()


def _reader_of(link: TrackedLink, reader: Reader) -> str:
    text = "\x00".join((str(link.pk), reader.address, reader.agent))
    return salted_hmac(_SALT, text, algorithm="sha256").hexdigest()[:_READER_LENGTH]


def _count(link: TrackedLink, reader: str, now: datetime) -> None:
    opened = MaterialUse.objects.filter(link=link, kind=MaterialUse.Kind.OPENED)
    if opened.filter(reader=reader, happened_at__gt=now - AGAIN_AFTER).exists():
        return
    if opened.count() >= MOST_OPENINGS:
        return
    company = Company.objects.get(pk=link.company_id)
    MaterialUse.objects.create(
        material_id=link.material_id,
        deal_id=link.deal_id,
        link=link,
        contact_id=link.contact_id,
        kind=MaterialUse.Kind.OPENED,
        edition=link.material.edition,
        happened_at=now,
        happened_on=company.local_day(now),
        recorded_at=now,
        reader=reader,
    )
