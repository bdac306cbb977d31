"""Invitations: asked for by an owner, sent by e-mail, accepted once by whom they are for."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, Missing
from accounts.models import Invitation, Membership, User
from accounts.permissions import MEMBER_MANAGE, allows
from accounts.retries import retry_deadlocks
from accounts.roles import Role
from accounts.selectors.invitations import company_of_invitation
from accounts.services.audit import record_audit
from accounts.services.companies import add_member, create_user
from accounts.services.members import lock_members
from accounts.tenancy.context import company_context

VALID_FOR = timedelta(days=7)
MOST_WAITING = 200  # invitations of one company that wait at a time


class NoLonger(Missing):
    """The invitation was used, withdrawn, replaced, is too old, or never was."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This invitation no longer works: it was used or withdrawn, or it is older than"
                " seven days. Ask for a new one."
            )
        )


class SignInFirst(DomainError):
    """The address has an account: its owner signs in before accepting."""

    status = 403


@dataclass(frozen=True, slots=True)
class Sent:
    """An invitation and its token, which is told once: only its hash is kept."""

    invitation: Invitation
    token: str


def hash_of(token: str) -> str:
    """What is kept of a token. It has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def waiting(invitation: Invitation, now: datetime) -> bool:
    """Can it still be accepted, as far as it knows itself?"""
    return (
        invitation.accepted_at is None
        and invitation.revoked_at is None
        and now < invitation.expires_at
    )


@retry_deadlocks
def invite(*, by: Actor, email: str, role: Role, now: datetime) -> Sent:
    """Invite an address into the active company. An earlier invitation of it stops working."""
    inviter = _inviter(by)
    email = email.strip().lower()
    with transaction.atomic():
        lock_members(by=by)
        _refuse_above(by.role, role)
        if Membership.objects.filter(user__email__iexact=email).exists():
            raise DomainError(
                _("{email} is a member already. Change the role in the list.").format(email=email)
            )
        open_ones = Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=now)
        if open_ones.count() >= MOST_WAITING:
            raise DomainError(
                _("{most} invitations are waiting. Withdraw some first.").format(most=MOST_WAITING)
            )
        open_ones.filter(email=email).update(revoked_at=now)
        token = secrets.token_urlsafe(32)
        invitation = Invitation.objects.create(
            email=email,
            role=role.value,
            token_hash=hash_of(token),
            invited_by_id=inviter,
            created_at=now,
            expires_at=now + VALID_FOR,
        )
        _audit(by, now, "invitation.sent", invitation)
    return Sent(invitation, token)


@retry_deadlocks
def resend(*, by: Actor, invitation_id: int, now: datetime) -> Sent:
    """Send an invitation anew, for another seven days. The link that was sent before dies."""
    inviter = _inviter(by)
    with transaction.atomic():
        lock_members(by=by)
        invitation = _open(invitation_id)
        _refuse_above(by.role, Role(invitation.role))
        token = secrets.token_urlsafe(32)
        invitation.token_hash = hash_of(token)
        invitation.expires_at = now + VALID_FOR
        invitation.invited_by = User.objects.get(pk=inviter)
        invitation.save(update_fields=["token_hash", "expires_at", "invited_by"])
        _audit(by, now, "invitation.sent_again", invitation)
    return Sent(invitation, token)


@retry_deadlocks
def revoke(*, by: Actor, invitation_id: int, now: datetime) -> Invitation:
    """Withdraw an invitation: its link stops working."""
    with transaction.atomic():
        lock_members(by=by)
        invitation = _open(invitation_id)
        invitation.revoked_at = now
        invitation.save(update_fields=["revoked_at"])
        _audit(by, now, "invitation.withdrawn", invitation)
    return invitation


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who came in, where, and whether the account is new."""

    user: User
    slug: str
    new: bool


@retry_deadlocks
def accept(*, token: str, user: User | None, name: str, password: str, now: datetime) -> Accepted:
    """Let the invited person in: the one signed in, or a new one with this name and password.

    The right of whoever invited is read again: an owner who is none any more invites nobody.
    """
    digest = hash_of(token)
    company_id = company_of_invitation(token_hash=digest)
    if company_id is None:
        raise NoLonger
    with company_context(company_id), transaction.atomic():
        # Through the invitation, and only once: a second request waits here and finds it used.
        found = (
            Invitation.objects.select_for_update(of=("self",))
            .select_related("company", "invited_by")
            .filter(token_hash=digest)
            .first()
        )
        if found is None or not waiting(found, now):
            raise NoLonger
        role = Role(found.role)
        _refuse_lost_right(found, role)
        holder = User.objects.filter(email__iexact=found.email).first()
        if user is not None and user != holder:
            raise DomainError(
                _("This invitation is for {email}. Sign out first.").format(email=found.email)
            )
        if user is None and holder is not None:
            raise SignInFirst(
                _("{email} has an account already. Sign in first.").format(email=found.email)
            )
        person = holder or create_user(email=found.email, name=name, password=password)
        by = Actor(person.pk, person.email, role)
        if not Membership.objects.filter(user=person).exists():
            add_member(company=found.company, user=person, role=role, by=by, now=now)
        found.accepted_at, found.accepted_by = now, person
        found.save(update_fields=["accepted_at", "accepted_by"])
        _audit(by, now, "invitation.accepted", found)
        return Accepted(person, found.company.slug, new=holder is None)


def _inviter(by: Actor) -> int:
    if by.user_id is None:
        raise DomainError(_("An invitation needs somebody who invites."))
    return by.user_id


def _refuse_above(own: Role | None, role: Role) -> None:
    if own is not None and role.rank > own.rank:
        raise DomainError(_("Nobody invites into a role above their own."))


def _refuse_lost_right(invitation: Invitation, role: Role) -> None:
    inviter = Membership.objects.filter(user_id=invitation.invited_by_id).first()
    own = Role(inviter.role) if inviter is not None else None
    if own is None or not allows(own, MEMBER_MANAGE) or role.rank > own.rank:
        raise DomainError(
            _(
                "{invited_by} may no longer invite into this workspace. Ask an owner for a new"
                " invitation."
            ).format(invited_by=invitation.invited_by)
        )


def _open(invitation_id: int) -> Invitation:
    found = Invitation.objects.filter(pk=invitation_id, accepted_at=None, revoked_at=None).first()
    if found is None:
        raise Missing(_("This invitation does not exist, or it was used."))
    invitation: Invitation = found
    return invitation


def _audit(by: Actor, now: datetime, action: str, invitation: Invitation) -> None:
    record_audit(
        by=by,
        at=now,
        action=action,
        object_type="invitation",
        object_id=invitation.pk,
        after={"email": invitation.email, "role": invitation.role},
    )
