"""Members of a company: their roles, and the end of their access."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, Missing, NotAllowed
from accounts.models import Company, Membership
from accounts.permissions import MEMBER_MANAGE, allows
from accounts.retries import retry_deadlocks
from accounts.roles import Role
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id


def lock_members(*, by: Actor) -> Company:
    """Let changes of the active company's members wait for each other; check the actor's right.

    The right is read again behind the lock: whoever was demoted a moment ago has lost it.
    """
    company = Company.objects.select_for_update().get(pk=require_company_id())
    if by.user_id is not None:
        own = Membership.objects.filter(user_id=by.user_id).first()
        if own is None or not allows(Role(own.role), MEMBER_MANAGE):
            raise NotAllowed(_("Only an owner changes who belongs to this workspace."))
    return company


@retry_deadlocks
def change_role(*, by: Actor, membership_id: int, role: Role, now: datetime) -> Membership:
    """Give a member another role. The last owner stays one."""
    with transaction.atomic():
        lock_members(by=by)
        member = _member(membership_id)
        before = Role(member.role)
        if before is role:
            return member
        if before is Role.OWNER:
            _refuse_without_owner(member)
        member.role = role.value
        member.save(update_fields=["role"])
        record_audit(
            by=by,
            at=now,
            action="member.role_changed",
            object_type="membership",
            object_id=member.pk,
            before={"role": before.value},
            after={"email": member.user.email, "role": role.value},
        )
    return member


@retry_deadlocks
def remove_member(*, by: Actor, membership_id: int, now: datetime) -> str:
    """End a member's access at once; returns who it was.

    What they did keeps their name. Their rep stays, without a sign-in; their saved filters go.
    """
    with transaction.atomic():
        lock_members(by=by)
        member = _member(membership_id)
        if Role(member.role) is Role.OWNER:
            _refuse_without_owner(member)
        name = str(member.user)
        record_audit(
            by=by,
            at=now,
            action="member.removed",
            object_type="membership",
            object_id=member.pk,
            before={"email": member.user.email, "role": member.role},
        )
        member.delete()
    return name


def _member(membership_id: int) -> Membership:
    found = Membership.objects.select_related("user").filter(pk=membership_id).first()
    if found is None:
        raise Missing(_("This member does not exist."))
    member: Membership = found
    return member


def _refuse_without_owner(member: Membership) -> None:
    others = Membership.objects.filter(role=Role.OWNER.value).exclude(pk=member.pk)
    if not others.exists():
        raise DomainError(_("A workspace needs an owner. Make somebody else an owner first."))
