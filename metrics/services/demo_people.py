"""The demo's people at its customers, and the messages that were written to them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils.text import slugify
from psycopg.types.json import Jsonb

from accounts import formats
from accounts.models import Company
from metrics.calc.simulate import words
from metrics.services.demo_texts import MESSAGES, SURNAMES, TITLES
from pipeline.models import Activity, Contact, Deal, EmailMessage
from pipeline.services import bulk


def _patterns() -> tuple[re.Pattern[str], ...]:
    """How a subject of the simulation names the person who was talked to."""
    named = [text for group in words.SUBJECTS.values() for text in group if "{who}" in text]
    return tuple(
        re.compile(re.escape(text).replace(re.escape("{who}"), "(?P<who>[A-Z][a-zé]+)"))
        for text in named
    )


def add_people(*, company: Company) -> dict[int, int]:
    """A contact for each customer whom a talk names; returns contact ids by customer.

    First names are those of the talks, so that a note and a contact tell of the same person.
    """
    patterns = _patterns()
    first: dict[tuple[int, str], int] = {}
    subjects = Activity.objects.filter(deal__customer__isnull=False).order_by("happened_at", "id")
    rows = subjects.values_list("deal__customer_id", "deal__customer__name", "subject")
    people: list[tuple[Any, ...]] = []
    for customer_id, customer, subject in rows:
        found = next((m for p in patterns if (m := p.fullmatch(subject))), None)
        if found is None or (customer_id, found["who"]) in first:
            continue
        number = len(people)
        first[customer_id, found["who"]] = number
        name = f"{found['who']} {SURNAMES[(number * 7 + number // 25) % len(SURNAMES)]}"
        address = f"{slugify(name).replace('-', '.')}@{slugify(customer)}.example"
        decides = (True, None, None, False, True)[number % 5]
        people.append(
            (customer_id, name, address, TITLES[number % len(TITLES)], decides, number % 40 == 7)
        )
    ids = bulk.insert_rows(
        Contact,
        company.pk,
        ["customer_id", "name", "email", "title", "decides", "do_not_track"],
        people,
    )
    contacts: dict[int, int] = {}
    for row, pk in zip(people, ids, strict=True):
        contacts.setdefault(row[0], pk)
    return contacts


def add_messages(
    *, company: Company, people: Mapping[int, int], activities: Iterable[Any]
) -> Sequence[int]:
    """The text of those e-mails that the texts know the subject of; the others were logged."""
    chosen = [row for row in activities if row.kind == "email" and row.subject in MESSAGES]
    deals = {
        deal.pk: deal
        for deal in Deal.objects.select_related("rep").filter(pk__in=[r.deal_id for r in chosen])
    }
    contacts = Contact.objects.in_bulk([people[d.customer_id] for d in deals.values()
                                        if d.customer_id in people])  # fmt: skip
    style = formats.style_for(
        language="en", company_locale=company.locale, currency=company.currency
    )
    rows = []
    for row in chosen:
        deal = deals[row.deal_id]
        contact = contacts.get(people.get(deal.customer_id or 0, 0))
        if contact is None or deal.rep is None:
            continue
        sender = deal.rep.email or f"{slugify(deal.rep.name).replace('-', '.')}@example.com"
        body = MESSAGES[row.subject].format(
            who=contact.name.split()[0],
            rep=deal.rep.name,
            amount=formats.money(float(deal.amount), style) if deal.amount else "the course",
        )
        rows.append(
            (
                f"<demo-{row.pk}@example.com>", EmailMessage.State.MATCHED.value, row.pk,
                deal.rep_id, sender, Jsonb([contact.email]), row.subject, body, row.happened_at,
                row.happened_at + timedelta(minutes=1),
            )
        )  # fmt: skip
    return bulk.insert_rows(
        EmailMessage,
        company.pk,
        ["message_id", "state", "activity_id", "rep_id", "sender", "recipients", "subject",
         "body", "sent_at", "received_at"],
        rows,
    )  # fmt: skip
