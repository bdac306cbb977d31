"""One person at a customer, as the form that changes them shows it."""

import json
from dataclasses import dataclass
from typing import Any

from pipeline.models import Contact, Customer


@dataclass(frozen=True, slots=True)
class ContactPage:
    """A contact and the customer; `id` is 0 for one who is to be added."""

    customer_id: int
    customer: str
    id: int = 0
    name: str = ""
    title: str = ""
    email: str = ""
    phone: str = ""
    decides: bool | None = None
    do_not_track: bool = False

    def seen(self) -> dict[str, Any]:
        """What the form shows, to be sent back with it."""
        return {
            "name": self.name,
            "title": self.title,
            "email": self.email,
            "phone": self.phone,
            "decides": self.decides,
            "do_not_track": self.do_not_track,
        }

    def seen_text(self) -> str:
        """The same as the hidden field carries it."""
        return json.dumps(self.seen())


def new_contact_page(*, customer_id: int) -> ContactPage | None:
    """The customer whom somebody is to be added to; None where there is none."""
    customer = Customer.objects.filter(pk=customer_id).first()
    return None if customer is None else ContactPage(customer.pk, customer.name)


def contact_page(*, customer_id: int, contact_id: int) -> ContactPage | None:
    """A contact in use of this customer; None where there is none."""
    found = (
        Contact.objects.select_related("customer")
        .filter(pk=contact_id, customer_id=customer_id, retired_at=None)
        .first()
    )
    if found is None:
        return None
    return ContactPage(
        found.customer_id,
        found.customer.name,
        found.pk,
        found.name,
        found.title,
        found.email,
        found.phone,
        found.decides,
        found.do_not_track,
    )
