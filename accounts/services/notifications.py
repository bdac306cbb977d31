"""Tell people what happened: once each, as they chose, and nobody who has left."""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actors import Actor
from accounts.models import Company, Mailing, Membership, Notification, NotificationChoice
from accounts.roles import Role
from accounts.selectors.news import KINDS, workspace_of
from accounts.selectors.notifications import wanted


def tell(
    *,
    company: Company,
    kind: str,
    key: str,
    user_ids: Iterable[int],
    values: Mapping[str, Any],
    path: str,
    now: datetime,
) -> int:
    """Tell these members, in the caller's transaction; how many were not told before.

    `key` names what it is about: the same kind and key is never told to anybody twice, whoever
    asks and however often. Who is no member, or whose role is not told of the kind, hears
    nothing; who wants to hear nothing of it is remembered as told. `path` is the page that it
    leads to, an address in the company's workspace.
    """
    of_kind = KINDS[kind]
    members = [
        member
        for member in Membership.objects.filter(
            user_id__in=set(user_ids), user__is_active=True
        ).order_by("pk")
        if Role(member.role) in of_kind.roles
    ]
    known = set(Notification.objects.filter(kind=kind, key=key).values_list("user_id", flat=True))
    new = [member for member in members if member.user_id not in known]
    if not new:
        return 0
    chosen: dict[int, dict[str, NotificationChoice]] = {}
    for choice in NotificationChoice.objects.filter(kind=kind):
        chosen.setdefault(choice.membership_id, {})[kind] = choice
    rows = []
    for member in new:
        shown, mailing = wanted(of_kind, chosen.get(member.pk, {}))
        rows.append(
            Notification(
                user_id=member.user_id,
                kind=kind,
                key=key,
                values=dict(values),
                path=path.removeprefix(workspace_of(company.slug)),
                created_at=now,
                shown=shown,
                mailing=mailing,
            )
        )
    # Two who tell the same at once: the constraint keeps one row.
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def tell_once(
    *,
    company: Company,
    kind: str,
    key: str,
    roles: Iterable[Role],
    values: Mapping[str, Any],
    path: str,
    now: datetime,
    but_not: Container[int] = (),
) -> int:
    """Tell everybody in these roles, unless anybody was told already.

    So that who joins later does not hear of what was news before. `but_not` are users who hear of
    the same thing by a kind of their own.
    """
    if Notification.objects.filter(kind=kind, key=key).exists():
        return 0
    members = Membership.objects.filter(role__in=list(roles)).values_list("user_id", flat=True)
    users = [user_id for user_id in members if user_id not in but_not]
    return tell(
        company=company, kind=kind, key=key, user_ids=users, values=values, path=path, now=now
    )


def mark_read(*, user_id: int, now: datetime, notification_id: int | None = None) -> int:
    """Mark one piece of a person's own news as read, or all of them; how many were not."""
    rows = Notification.objects.filter(user_id=user_id, read_at=None, shown=True)
    if notification_id is not None:
        rows = rows.filter(pk=notification_id)
    return int(rows.update(read_at=now))


def choose(*, by: Actor, membership: Membership, kind: str, shown: bool, mailing: str) -> None:
    """What a member wants to hear of a kind from now on; a letter of its own comes at once."""
    if kind not in KINDS or Role(membership.role) not in KINDS[kind].roles:
        return
    if KINDS[kind].wish:
        shown, mailing = False, Mailing.OFF if mailing == Mailing.OFF else Mailing.AT_ONCE
    with transaction.atomic():
        NotificationChoice.objects.update_or_create(
            membership=membership,
            kind=kind,
            defaults={"shown": shown, "mailing": Mailing(mailing)},
        )
