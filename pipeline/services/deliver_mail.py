"""From the bytes of a message to the companies that it is for: what every way in shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction

from accounts.models import Company
from accounts.tenancy.context import company_context
from pipeline.importers.mail import MailRefused, ParsedMail, parse_mail
from pipeline.services.mail_address import companies_addressed
from pipeline.services.receive_mail import Received, receive_mail

log = structlog.get_logger(__name__)


class TooMuchMail(Exception):
    """A company gets more messages than it may in a minute: the sender shall try again later."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the bytes: a message for each company, or none and why."""

    received: tuple[Received, ...] = ()
    refused: str = ""


def deliver_mail(
    *,
    data: bytes,
    now: datetime,
    also_to: Sequence[str] = (),
    company_id: int | None = None,
    allowed: Callable[[int], bool] = lambda company_id: True,
) -> Delivery:
    """Read a message and give it to the companies whose address it carries.

    also_to: addresses that the server knows and the message does not, such as a blind copy's.
    company_id: for this company, whatever the addresses say. allowed: may this company get one
    more now? Nothing is kept of a message for nobody; the log counts it.
    """
    try:
        parsed = parse_mail(data, received_at=now)
    except MailRefused as refusal:
        log.warning("mail_refused", reason=str(refusal), size=len(data))
        return Delivery(refused=str(refusal))
    if parsed.circling:
        log.warning("mail_refused", reason="circling", size=len(data))
        return Delivery(refused="This message goes in circles.")
    with transaction.atomic():
        addressed = companies_addressed((*parsed.delivered_to, *(a.lower() for a in also_to)))
    companies = (company_id,) if company_id is not None else addressed
    if not companies:
        # To the sender it looks as if it had arrived: nobody learns which addresses there are.
        log.info("mail_for_nobody", size=len(data))
        return Delivery(refused="This message carries no address of a workspace.")
    if not all(allowed(company) for company in companies):
        log.warning("mail_limited", companies=list(companies))
        raise TooMuchMail
    return Delivery(tuple(_received(company, parsed, now) for company in companies))


def _received(company_id: int, parsed: ParsedMail, now: datetime) -> Received:
    with company_context(company_id), transaction.atomic():
        company = Company.objects.get(pk=company_id)
    found = receive_mail(company=company, parsed=parsed, now=now)
    log.info("mail_received", state=found.state, why=found.why, repeated=found.repeated)
    return found
