"""The people at a customer: add, change, and take out of use."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.services.audit import record_audit
from pipeline import rules
from pipeline.models import Contact, Customer
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.refusals import both_values, refuse


@dataclass(frozen=True, slots=True)
class Person:
    """What is known about a contact. `decides` None: nobody asked yet. `do_not_track`: what they
    open is not counted."""

    name: str
    title: str = ""
    email: str = ""
    phone: str = ""
    decides: bool | None = None
    do_not_track: bool = False


FIELDS = ("name", "title", "email", "phone", "decides", "do_not_track")


def person_of(contact: Contact) -> Person:
    """What is kept about a contact, to compare it with what somebody saw."""
    return Person(**{field: getattr(contact, field) for field in FIELDS})


def add_contact(*, by: Actor, customer_id: int, person: Person, now: datetime) -> Contact:
    """Add a person to a customer. Exactly the same person again adds nobody."""
    person = _kept(person)
    with transaction.atomic():
        # Two requests for one customer wait for each other: a form sent twice adds one person.
        customer = Customer.objects.select_for_update().filter(pk=customer_id).first()
        if customer is None:
            raise NotFound(_("This customer does not exist."))
        same = Contact.objects.filter(
            customer_id=customer_id, name=person.name, email=person.email, retired_at=None
        ).first()
        if same is not None and person_of(same) == person:
            found: Contact = same
            return found
        _refuse_double(customer_id, person, but=None)
        contact = Contact(customer_id=customer_id, **asdict(person))
        contact.refuse_other_company()
        _check(contact)
        contact.save()
        _audit(by, now, "contact.added", contact, before={}, after=asdict(person))
    return contact


def change_contact(
    *, by: Actor, contact_id: int, person: Person, now: datetime, seen: Person | None = None
) -> Contact:
    """Change what is known about a contact; unchanged values write nothing.

    seen: what the screen showed. If it is something else by now, nothing is overwritten.
    """
    person = _kept(person)
    with transaction.atomic():
        contact = _locked(contact_id)
        before = person_of(contact)
        if before == person:
            return contact
        if seen is not None and seen != before:
            raise StaleVersion(_both_values(before, person))
        _refuse_double(contact.customer_id, person, but=contact_id)
        for field, value in asdict(person).items():
            setattr(contact, field, value)
        _check(contact)
        contact.save()
        changed = [f for f in FIELDS if getattr(before, f) != getattr(person, f)]
        _audit(
            by,
            now,
            "contact.changed",
            contact,
            before={f: getattr(before, f) for f in changed},
            after={f: getattr(person, f) for f in changed},
        )
    return contact


def retire_contact(*, by: Actor, contact_id: int, now: datetime) -> Contact:
    """Take a contact out of use: they left. What was said with them stays."""
    with transaction.atomic():
        contact = _locked(contact_id)
        if contact.retired_at is None:
            contact.retired_at = now
            contact.save(update_fields=["retired_at"])
            _audit(by, now, "contact.retired", contact, before={}, after={"name": contact.name})
    return contact


def _kept(person: Person) -> Person:
    """The values as they are kept: trimmed, an e-mail address in small letters."""
    refuse(rules.unkeepable(person.name, person.title, person.email, person.phone))
    kept = Person(
        name=" ".join(person.name.split()),
        title=" ".join(person.title.split()),
        email=person.email.strip().lower(),
        phone=" ".join(person.phone.split()),
        decides=person.decides,
        do_not_track=person.do_not_track,
    )
    if not kept.name:
        raise DomainError(_("A contact needs a name."))
    return kept


def _refuse_double(customer_id: int, person: Person, *, but: int | None) -> None:
    """One e-mail address is one person; a name may be shared by two who have addresses."""
    others = Contact.objects.filter(customer_id=customer_id, retired_at=None).exclude(pk=but)
    twin = None
    if person.email:
        twin = others.filter(email__iexact=person.email).first()
    else:
        twin = others.filter(name__iexact=person.name, email="").first()
    if twin is not None:
        raise DomainError(
            _("{twin} is a contact of this customer already. Change that one.").format(
                twin=twin.name
            )
        )


def _check(contact: Contact) -> None:
    try:
        contact.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        sentences = [
            _("The {fact}: {sentence}").format(
                fact=_word(name), sentence=" ".join(m for e in errors for m in e.messages)
            )
            for name, errors in error.error_dict.items()
        ]
        raise DomainError(" ".join(sentences)) from error


def _locked(contact_id: int) -> Contact:
    contact: Contact | None = Contact.objects.select_for_update().filter(pk=contact_id).first()
    if contact is None:
        raise NotFound(_("This contact does not exist."))
    return contact


def _shown(field: str, value: Any) -> str:
    if field == "do_not_track":
        return _("not counted") if value else _("counted")
    if value is None or isinstance(value, bool):
        return {True: _("decides"), False: _("does not decide"), None: _("not asked")}[value]
    return str(value)


def _word(field: str) -> str:
    """What a field is called within a sentence."""
    return {
        "name": _("name"),
        "title": _("title"),
        "email": _("e-mail"),
        "phone": _("phone"),
        "decides": _("the role in the decision"),
        "do_not_track": _("what they open"),
    }.get(field, field)


def _both_values(theirs: Person, yours: Person) -> str:
    told = both_values(
        (_word(f), _shown(f, getattr(theirs, f)), _shown(f, getattr(yours, f)))
        for f in FIELDS
        if getattr(theirs, f) != getattr(yours, f)
    )
    return _(
        "This contact changed while you were looking: {told}."
        " Nothing was changed; look at it and decide again."
    ).format(told=told)


def _audit(
    by: Actor,
    now: datetime,
    action: str,
    contact: Contact,
    *,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    record_audit(
        by=by,
        at=now,
        action=action,
        object_type="contact",
        object_id=contact.pk,
        before=before,
        after=after,
    )
