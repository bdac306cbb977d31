"""The tray: mail that waits for somebody to say where it belongs, and why it does."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, IntegerField, Value, When
from django.db.models.functions import Left, Lower
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from pipeline.models import Contact, Deal, EmailMessage
from pipeline.models.mail import Waiting

PAGE = 25
EXCERPT = 400  # letters
SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A deal of a customer whose contact is in the message: "Team plan · Acme"."""

    deal_id: int
    label: str
    note: str  # the stage


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """A message in the tray, ready to print: all of it plain text."""

    id: int
    subject: str
    sender: str
    people: str
    when: str
    rep: str
    why: str
    body: str
    cut: bool  # the body goes on
    attached: str
    suggested: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class Tray:
    """A page of the tray, newest first. Pages are counted from one; 0 is none."""

    rows: tuple[WaitingMail, ...]
    total: int
    older: int
    newer: int


def how_many_wait() -> int:
    """How many messages of the active company wait? Counted from an index."""
    waiting: int = EmailMessage.objects.filter(state=EmailMessage.State.WAITING).count()
    return waiting


def why_waiting(code: str) -> str:
    """Why a message waits, as a sentence for the reader."""
    sentences: dict[str, str] = {
        Waiting.STRANGER: _("Neither the sender nor a recipient is one of your reps."),
        Waiting.NO_CUSTOMER: _("No contact of a customer has one of these addresses."),
        Waiting.SEVERAL_CUSTOMERS: _("Contacts of several customers are in it."),
        Waiting.NO_OPEN_DEAL: _("The customer has no open deal."),
        Waiting.SEVERAL_DEALS: _("The customer has several open deals."),
        Waiting.AUTOMATIC: _("It was sent automatically: an absence, a notice or a mailing."),
        Waiting.FORGED: _("The sender's own domain says that it did not send this."),
        Waiting.PUT_BACK: _("Somebody took it out of the deal where it was filed."),
    }
    return sentences.get(code, code)


def mail_tray(*, page: int, zone: ZoneInfo, style: Style, now: datetime) -> Tray:
    """A page of the messages that wait. Four queries, however many there are."""
    waiting = EmailMessage.objects.filter(state=EmailMessage.State.WAITING)
    total = waiting.count()
    last = max(1, -(-total // PAGE))
    page = min(max(page, 1), last)
    shaped = waiting.select_related("rep").defer("body").annotate(start=Left("body", EXCERPT + 1))
    mails = list(shaped.order_by("-received_at", "-id")[(page - 1) * PAGE : page * PAGE])
    today = now.astimezone(zone).date()
    deals = _suggestions(mails)
    return Tray(
        rows=tuple(
            _row(mail, mail.start[:EXCERPT], len(mail.start) > EXCERPT, deals, zone, style, today)
            for mail in mails
        ),
        total=total,
        older=page + 1 if page < last else 0,
        newer=page - 1,
    )


def waiting_mail(
    *, email_id: int, zone: ZoneInfo, style: Style, now: datetime
) -> WaitingMail | None:
    """One message of the tray with the whole of its text; None where none of that id waits."""
    found = EmailMessage.objects.select_related("rep").filter(
        pk=email_id, state=EmailMessage.State.WAITING
    )
    for mail in found:
        today = now.astimezone(zone).date()
        return _row(mail, mail.body, False, _suggestions([mail]), zone, style, today)
    return None


def _row(
    mail: Any,
    body: str,
    cut: bool,
    deals: dict[int, tuple[Suggestion, ...]],
    zone: ZoneInfo,
    style: Style,
    today: date,
) -> WaitingMail:
    people = [str(address) for address in mail.recipients]
    more = len(people) - 5
    names = [str(a.get("name", "")) for a in mail.attachments if isinstance(a, dict)]
    return WaitingMail(
        id=mail.pk,
        subject=mail.subject or _("Without a subject"),
        sender=mail.sender or _("nobody"),
        people=", ".join(people[:5]) + (f" +{more}" if more > 0 else ""),
        when=formats.day(mail.sent_at.astimezone(zone), style, today=today),
        rep=mail.rep.name if mail.rep else "",
        why=why_waiting(mail.why_waiting),
        body=body,
        cut=cut,
        attached=", ".join(names[:10]),
        suggested=deals[mail.pk],
    )


def _addresses(mail: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(a) for a in (mail.sender, *mail.recipients)))


def _suggestions(mails: Sequence[Any]) -> dict[int, tuple[Suggestion, ...]]:
    """By message the deals of its customers: open ones first, then the newest. Two queries."""
    everybody = {address for mail in mails for address in _addresses(mail)}
    customers: dict[str, list[int]] = defaultdict(list)
    contacts = Contact.objects.filter(retired_at=None).annotate(address=Lower("email"))
    rows = contacts.filter(address__in=everybody).values_list("address", "customer_id")
    for address, customer_id in rows:
        customers[address].append(customer_id)
    deals = _deals_of({customer for found in customers.values() for customer in found})
    return {mail.pk: tuple(_of(mail, customers, deals))[:SUGGESTED] for mail in mails}


def _of(
    mail: Any, customers: dict[str, list[int]], deals: dict[int, list[Suggestion]]
) -> Iterable[Suggestion]:
    theirs = dict.fromkeys(c for address in _addresses(mail) for c in customers.get(address, ()))
    for customer in theirs:
        yield from deals.get(customer, ())


def _deals_of(customers: set[int]) -> dict[int, list[Suggestion]]:
    is_open = Case(
        When(outcome=Deal.Outcome.OPEN, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    rows = (
        Deal.objects.filter(customer_id__in=customers)
        .order_by("customer_id", is_open, "-opened_on", "-id")
        .values_list("id", "customer_id", "name", "customer__name", "stage__name")[: 40 * PAGE]
    )
    found: dict[int, list[Suggestion]] = defaultdict(list)
    for deal_id, customer_id, name, customer, stage in rows:
        if len(found[customer_id]) < SUGGESTED:
            label = f"{name} · {customer}" if customer != name else name
            found[customer_id].append(Suggestion(deal_id, label, stage))
    return found
