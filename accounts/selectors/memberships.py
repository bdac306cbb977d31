"""Which companies a user belongs to."""

from dataclasses import dataclass

from django.db import transaction

from accounts.models import Company, Membership
from accounts.roles import Role
from accounts.tenancy.context import user_context


@dataclass(frozen=True, slots=True)
class Workspace:
    """A company that the user may enter, and as what."""

    company_id: int
    membership_id: int
    slug: str
    name: str
    role: Role


def workspaces_of(*, user_id: int) -> tuple[Workspace, ...]:
    """All companies of a user, by name. Row security shows a user only their own memberships."""
    with user_context(user_id), transaction.atomic():
        rows = (
            Membership._base_manager.filter(user_id=user_id)
            .order_by("company__name", "company_id")
            .values_list("company_id", "id", "company__slug", "company__name", "role")
        )
        return tuple(
            Workspace(company_id, membership_id, slug, name, Role(role))
            for company_id, membership_id, slug, name, role in rows
        )


def membership_for(*, user_id: int, slug: str) -> tuple[Company, Membership] | None:
    """The company of this slug and the user's membership in it; None for a stranger.

    A company that does not exist and one that the user does not belong to look the same.
    """
    with user_context(user_id), transaction.atomic():
        membership = (
            Membership._base_manager.select_related("company")
            .filter(user_id=user_id, company__slug=slug)
            .first()
        )
    return None if membership is None else (membership.company, membership)


def asked_of(*, user_id: int) -> tuple[str, ...]:
    """The names of this user's companies that ask their members for a second factor."""
    with user_context(user_id), transaction.atomic():
        names = (
            Membership._base_manager.filter(user_id=user_id, company__require_mfa=True)
            .order_by("company__name", "company_id")
            .values_list("company__name", flat=True)
        )
        return tuple(names)
