"""The address that a company's reps copy in: made, made anew, and recognised."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.actors import Actor
from accounts.models import Company
from accounts.selectors.companies import company_id_of_mail
from accounts.services.audit import record_audit

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that is taken for another
_SECRET = 20  # letters: a hundred bits
_TOKEN = re.compile(r"[a-z0-9-]{20,40}")
_COMPANIES = 5  # of one message


def new_mail_address(*, by: Actor, company: Company, now: datetime) -> str:
    """Give the company a new name before the @; the old one is nobody's from now on."""
    secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET))
    token = f"{company.slug[:18].strip('-')}-{secret}"
    with transaction.atomic():
        replaced = bool(Company.objects.select_for_update().get(pk=company.pk).mail_token)
        Company.objects.filter(pk=company.pk).update(mail_token=token)
        record_audit(
            by=by,
            at=now,
            action="mail.address_replaced" if replaced else "mail.address_made",
            object_type="company",
            object_id=company.pk,  # the address itself is a secret
        )
    return token


def is_address_of(company: Company, address: str) -> bool:
    """Is this the company's own address?"""
    return bool(company.mail_token) and _token(address) == company.mail_token


def companies_addressed(addresses: Iterable[str]) -> tuple[int, ...]:
    """The companies that these addresses are of. Whoever knows an address may write to it."""
    tokens = dict.fromkeys(token for token in map(_token, addresses) if token)
    found = (company_id_of_mail(token) for token in list(tokens)[:50])
    return tuple(dict.fromkeys(company for company in found if company))[:_COMPANIES]


def _token(address: str) -> str:
    """The name in an address, without what follows a plus; "" where it can be no company's."""
    name = address.lower().partition("@")[0].partition("+")[0]
    return name if _TOKEN.fullmatch(name) else ""
