"""A message that arrived: once per message, into a deal's timeline or into the tray."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Lower, NullIf

from accounts.actors import Actor
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.tenancy.context import company_context
from pipeline import rules
from pipeline.importers.mail import ParsedMail
from pipeline.models import Activity, Contact, Deal, EmailMessage, Rep
from pipeline.models.mail import Waiting
from pipeline.services.history import wait_for_key
from pipeline.services.mail_address import is_address_of
from pipeline.services.mail_attachments import store_attachments
from pipeline.services.notes import record_activity

BY = Actor.product("mail")


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a message. `repeated`: it had arrived before, and nothing was done."""

    email_id: int
    state: str
    deal_id: int | None
    why: str = ""
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class _Match:
    reps: tuple[Rep, ...]
    deal: Deal | None
    why: str


def receive_mail(*, company: Company, parsed: ParsedMail, now: datetime) -> Received:
    """Keep a message of this company and file it where there is exactly one place for it.

    The rep is found by sender or recipients, by a rep's own address only. The deal is the one
    open deal of the one customer whose contacts wrote it or were written to; where the customer
    has several, the one that is the rep's. Anything else waits in the tray and says why. A rep
    whose mail arrives has a linked mailbox.
    """
    with company_context(company.pk), transaction.atomic():
        # Twice at the same time: the second waits here, and then finds what the first did.
        wait_for_key(f"mail:{sha256(parsed.message_id.encode()).hexdigest()}")
        before = EmailMessage.objects.select_related("activity").filter(
            message_id=parsed.message_id
        )
        for known in before:
            deal_id = known.activity.deal_id if known.activity else None
            return Received(known.pk, known.state, deal_id, known.why_waiting, repeated=True)
        # A clock that runs ahead must not put a message into tomorrow.
        sent_at = parsed.sent_at if parsed.sent_at <= now + rules.CLOCKS_DIFFER else now
        match = _match(company, parsed)
        rep = _rep_of(match)
        activity = None
        if match.deal is not None:
            activity = record_activity(
                by=BY,
                deal_id=match.deal.pk,
                kind=Activity.Kind.EMAIL,
                happened_at=sent_at,
                now=now,
                subject=parsed.subject,
                rep_id=rep.pk if rep else None,
            )
        if rep is not None and not parsed.forged and (activity or _wrote(rep, parsed)):
            _link(rep, now)
        kept = _keep(parsed, activity=activity, rep=rep, why=match.why, sent_at=sent_at, now=now)
        # Of a rep's own correspondence only: whoever knows the address can write to it.
        if match.reps and not parsed.automatic:
            store_attachments(email=kept, attachments=parsed.attachments)
        record_audit(
            by=BY,
            at=now,
            action="mail.received",
            object_type="email",
            object_id=kept.pk,
            after={
                "state": kept.state,
                "why": match.why,
                "rep": rep.pk if rep else None,
                "deal": match.deal.pk if match.deal else None,
            },
        )
    return Received(kept.pk, kept.state, match.deal.pk if match.deal else None, match.why)


def _keep(
    parsed: ParsedMail,
    *,
    activity: Activity | None,
    rep: Rep | None,
    why: str,
    sent_at: datetime,
    now: datetime,
) -> EmailMessage:
    states = EmailMessage.State
    kept: EmailMessage = EmailMessage.objects.create(
        message_id=parsed.message_id,
        state=states.MATCHED if activity else states.WAITING,
        activity=activity,
        rep=rep,
        sender=parsed.sender,
        recipients=list(parsed.recipients),
        subject=parsed.subject,
        body=parsed.body,
        attachments=[{"name": a.name, "type": a.type, "size": a.size} for a in parsed.attachments],
        sent_at=sent_at,
        received_at=now,
        why_waiting=why,
    )
    return kept


def reps_by_address(addresses: Sequence[str]) -> dict[str, list[Rep]]:
    """The reps in use with one of these addresses: their own, else the one they sign in with."""
    own = Lower(Coalesce(NullIf("email", Value("")), "membership__user__email"))
    found: dict[str, list[Any]] = defaultdict(list)
    reps = Rep.objects.filter(retired_at=None).annotate(address=own)
    for rep in reps.filter(address__in=addresses):
        found[rep.address].append(rep)
    return found


def _match(company: Company, parsed: ParsedMail) -> _Match:
    everybody = tuple(dict.fromkeys((parsed.sender, *parsed.recipients)))
    theirs = reps_by_address([a for a in everybody if a])
    # The writer counts first; of those written to, all.
    writers = theirs.get(parsed.sender, [])
    addressed = [rep for address in parsed.recipients for rep in theirs.get(address, [])]
    reps = tuple(writers if writers else dict.fromkeys(addressed))
    if parsed.forged:
        return _Match((), None, Waiting.FORGED)
    if parsed.automatic:
        return _Match(reps, None, Waiting.AUTOMATIC)
    if not reps:
        return _Match((), None, Waiting.STRANGER)
    others = [a for a in everybody if a and a not in theirs and not is_address_of(company, a)]
    deal, why = _deal_of(others, reps)
    return _Match(reps, deal, why)


def customers_of(addresses: Sequence[str]) -> set[int]:
    """The customers whose contacts have one of these addresses."""
    contacts = Contact.objects.filter(retired_at=None).alias(address=Lower("email"))
    return set(contacts.filter(address__in=addresses).values_list("customer_id", flat=True))


def _deal_of(addresses: Sequence[str], reps: Sequence[Rep]) -> tuple[Deal | None, str]:
    """The one open deal of the one customer of these addresses, or why there is none.

    Of several it is the only one that is in the hands of these reps, the message's own.
    """
    customers = customers_of(addresses)
    if not customers:
        return None, Waiting.NO_CUSTOMER
    if len(customers) > 1:
        return None, Waiting.SEVERAL_CUSTOMERS
    deals = Deal.objects.filter(customer_id__in=customers, outcome=Deal.Outcome.OPEN)
    found = list(deals.order_by("id")[:2])
    if len(found) > 1:
        found = list(deals.filter(rep__in=reps).order_by("id")[:2])
        if len(found) != 1:
            return None, Waiting.SEVERAL_DEALS
    return (found[0], "") if found else (None, Waiting.NO_OPEN_DEAL)


def _rep_of(match: _Match) -> Rep | None:
    """Of several reps the deal's own; two who share one address are nobody in particular."""
    own = [rep for rep in match.reps if match.deal and rep.pk == match.deal.rep_id]
    if own or len(match.reps) == 1:
        return (own or list(match.reps))[0]
    return None


def _wrote(rep: Rep, parsed: ParsedMail) -> bool:
    return bool(getattr(rep, "address", "") == parsed.sender)


def _link(rep: Rep, now: datetime) -> None:
    earlier = Q(mailbox_linked_at=None) | Q(mailbox_linked_at__lt=now)
    Rep.objects.filter(earlier, pk=rep.pk).update(mailbox_linked_at=now)
