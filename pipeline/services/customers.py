"""Customers: recognised by their name, added when they are new."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.services.audit import record_audit
from pipeline import rules
from pipeline.models import Customer
from pipeline.services.refusals import refuse

_NAME_LENGTH = 250


def customer_named(*, by: Actor, name: str, now: datetime) -> Customer:
    """The customer of that name (letters' case aside), added if there is none.

    The exact spelling wins where several differ by case alone. Raises DomainError with a
    sentence for a name that cannot be kept.
    """
    name = " ".join(name.split())
    if not name:
        raise DomainError(_("A customer needs a name."))
    if len(name) > _NAME_LENGTH:
        raise DomainError(
            _("A customer's name has at most {most} characters.").format(most=_NAME_LENGTH)
        )
    refuse(rules.unkeepable(name))
    with transaction.atomic():
        known = sorted(
            Customer.objects.filter(name__iexact=name), key=lambda c: (c.name != name, c.pk)
        )
        if known:
            found: Customer = known[0]
            return found
        # Somebody else may add the same one at the same moment.
        Customer.objects.bulk_create([Customer(name=name)], ignore_conflicts=True)
        made: Customer = Customer.objects.get(name=name)
        record_audit(
            by=by,
            at=now,
            action="customer.added",
            object_type="customer",
            object_id=made.pk,
            after={"name": name},
        )
        return made
