"""Companies, users and memberships come into being here."""

from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company, Membership, User
from accounts.roles import Role
from accounts.services.audit import record_audit
from accounts.tenancy.context import company_context


def create_company(*, slug: str, name: str, by: Actor, now: datetime, **settings: Any) -> Company:
    """Make a company and return it. The slug must be free; the time zone must exist."""
    if settings.get("timezone", "UTC") not in available_timezones():
        raise DomainError(
            _("There is no time zone called {timezone}.").format(timezone=settings["timezone"])
        )
    with transaction.atomic():
        with connection.cursor() as cursor:
            # The id comes first: row security only lets a company insert itself.
            cursor.execute("SELECT nextval(pg_get_serial_sequence('accounts_company', 'id'))")
            (company_id,) = cursor.fetchone()
        with company_context(company_id):
            company = Company(id=company_id, slug=slug, name=name, **settings)
            try:
                company.full_clean(validate_unique=False, validate_constraints=False)
            except ValidationError as error:
                raise DomainError(" ".join(_sentences(error))) from error
            _insert(company)
            record_audit(
                by=by,
                at=now,
                action="company.created",
                object_type="company",
                object_id=company_id,
                after={"slug": slug, "name": name},
            )
    return company


def change_settings(*, by: Actor, company: Company, values: dict[str, Any], now: datetime) -> None:
    """Save other settings of a company that the caller has locked; the trail keeps both values.

    What figures and days follow from it is the caller's (pipeline.services.company_settings).
    """
    before = {field: getattr(company, field) for field in values}
    changed = {field: value for field, value in values.items() if before[field] != value}
    if not changed:
        return
    for field, value in changed.items():
        setattr(company, field, value)
    if company.timezone not in available_timezones():
        raise DomainError(
            _("There is no time zone called {timezone}.").format(timezone=company.timezone)
        )
    try:
        company.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise DomainError(" ".join(_sentences(error))) from error
    company.save(update_fields=list(changed))
    record_audit(
        by=by,
        at=now,
        action="company.changed",
        object_type="company",
        object_id=company.pk,
        before={field: before[field] for field in changed},
        after=changed,
    )


def _sentences(error: ValidationError) -> list[str]:
    return [
        f"{field.replace('_', ' ').capitalize()}: {message}"
        for field, messages in error.message_dict.items()
        for message in messages
    ]


def _insert(company: Company) -> None:
    """Save a new company. Only the database knows every slug: row security hides the others."""
    try:
        with transaction.atomic():
            company.save(force_insert=True)
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
        if "slug" not in constraint:
            raise
        raise DomainError(
            _("The address {slug} is taken. Choose another.").format(slug=company.slug)
        ) from error


def create_user(*, email: str, name: str, password: str | None) -> User:
    """Make a user with a confirmed address, or return the one who has it."""
    from allauth.account.models import EmailAddress

    existing = User.objects.filter(email__iexact=email.strip()).first()
    if existing is not None:
        return existing
    with transaction.atomic():
        user = User.objects.create_user(email=email, password=password, name=name)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def add_member(*, company: Company, user: User, role: Role, by: Actor, now: datetime) -> Membership:
    """Give a user a role in a company; one who has another role there gets the new one."""
    with transaction.atomic(), company_context(company.pk):
        membership: Membership
        membership, created = Membership.objects.get_or_create(
            company=company, user=user, defaults={"role": role.value}
        )
        before = {} if created else {"role": membership.role}
        if membership.role != role.value:
            membership.role = role.value
            membership.save(update_fields=["role"])
        if created or before["role"] != role.value:
            record_audit(
                by=by,
                at=now,
                action="member.added" if created else "member.role_changed",
                object_type="membership",
                object_id=membership.pk,
                before=before,
                after={"email": user.email, "role": role.value},
            )
    return membership
