"""Invitations as pages show them."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from accounts.models import Invitation, User
from accounts.roles import Role
from accounts.tenancy.context import company_context


@dataclass(frozen=True, slots=True)
class Waiting:
    """An invitation that waits, or that ran out, in the list of members."""

    id: int
    email: str
    role: Role
    invited_by: str
    expires_at: datetime
    expired: bool


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation as the invited person sees it. `has_account`: the address signs in already."""

    company: str
    email: str
    role: Role
    invited_by: str
    has_account: bool


def company_of_invitation(*, token_hash: str) -> int | None:
    """The company behind the hash of a token, through a function that answers nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_invitation_company(%s)", [token_hash])
        row = cursor.fetchone()
    return None if row is None else row[0]


def invited(*, token_hash: str, now: datetime) -> Invited | None:
    """What the link of this token offers; None when it no longer works."""
    company_id = company_of_invitation(token_hash=token_hash)
    if company_id is None:
        return None
    with company_context(company_id), transaction.atomic():
        found = (
            Invitation.objects.select_related("company", "invited_by")
            .filter(token_hash=token_hash, accepted_at=None, revoked_at=None, expires_at__gt=now)
            .first()
        )
        if found is None:
            return None
        return Invited(
            company=found.company.name,
            email=found.email,
            role=Role(found.role),
            invited_by=str(found.invited_by),
            has_account=User.objects.filter(email__iexact=found.email).exists(),
        )


def waiting_invitations(*, now: datetime) -> tuple[Waiting, ...]:
    """The active company's invitations that nobody has accepted or withdrawn, newest first."""
    rows = (
        Invitation.objects.select_related("invited_by")
        .filter(accepted_at=None, revoked_at=None)
        .order_by("-id")[:500]
    )
    return tuple(
        Waiting(
            row.pk,
            row.email,
            Role(row.role),
            str(row.invited_by),
            row.expires_at,
            row.expires_at <= now,
        )
        for row in rows
    )
