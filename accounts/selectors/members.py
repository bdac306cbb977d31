"""Who belongs to the active company."""

from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef

from accounts.models import Membership
from accounts.roles import Role
from accounts.selectors.second_factor import FACTORS


@dataclass(frozen=True, slots=True)
class Member:
    """A member in the list. `last_in`: when they last signed in anywhere."""

    id: int
    name: str
    email: str
    role: Role
    you: bool
    last_in: datetime | None
    second_factor: bool


def members(*, user_id: int) -> tuple[Member, ...]:
    """All members, owners first, then by name. `user_id` is who asks."""
    return tuple(_rows(user_id))


def member(*, membership_id: int, user_id: int) -> Member | None:
    """One member of the active company; None where there is none of that id."""
    return next(iter(_rows(user_id, pk=membership_id)), None)


def _rows(user_id: int, **only: int) -> list[Member]:
    factors = Authenticator.objects.filter(user_id=OuterRef("user_id"), type__in=FACTORS)
    found = (
        Membership.objects.select_related("user")
        .filter(**only)
        .annotate(second_factor=Exists(factors))
    )
    rows = [
        Member(
            row.pk,
            row.user.name,
            row.user.email,
            Role(row.role),
            row.user_id == user_id,
            row.user.last_login,
            row.second_factor,
        )
        for row in found
    ]
    return sorted(rows, key=lambda m: (m.role is not Role.OWNER, (m.name or m.email).lower(), m.id))
