"""Tell members what happened: once each, as each of them chose, and never who has left."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Company, Mailing, Membership, Notification, NotificationChoice
from accounts.permissions import roles_with
from accounts.roles import Role
from accounts.selectors.news import kind_of, kinds_for
from accounts.tenancy.context import company_context


def tell(
    *,
    company: Company,
    kind: str,
    key: str,
    user_ids: Collection[int] | None,
    values: Mapping[str, Any],
    path: str,
    now: datetime,
    always: Collection[int] = (),
) -> int:
    """Tell these users (None: every member who may know) of something; how many are told anew.

    Once per user, kind and key, however often it is called and by how many at once: so callers
    tell in the transaction of the fact itself, or derive it again from the rows. Who is not an
    active member with the kind's permission gets nothing. `always` are members who are told in
    the product whatever they chose. `values` make the sentence when it is read; `path` is
    within the workspace ("quarters/2026-Q1/").
    """
    one = kind_of(kind)
    with company_context(company.pk), transaction.atomic():
        members = Membership.objects.filter(
            user__is_active=True, role__in=[role.value for role in roles_with(one.permission)]
        )
        if user_ids is not None:
            members = members.filter(user_id__in={*user_ids, *always})
        people = dict(members.values_list("pk", "user_id"))
        if not people:
            return 0
        chosen = {
            row.membership_id: (row.shown, row.mailing)
            for row in NotificationChoice.objects.filter(kind=kind, membership_id__in=people)
        }
        rows = []
        for member_id, user_id in sorted(people.items(), key=lambda pair: pair[1]):
            shown, mailing = chosen.get(member_id, (one.shown, one.mailing))
            shown = shown or user_id in always
            if shown or mailing != Mailing.OFF:
                rows.append((user_id, shown, mailing))
        known = set(
            Notification.objects.filter(
                kind=kind, key=key, user_id__in=[row[0] for row in rows]
            ).values_list("user_id", flat=True)
        )
        new = [
            Notification(
                company_id=company.pk,
                user_id=user_id,
                kind=kind,
                key=key,
                values=dict(values),
                path=path,
                created_at=now,
                shown=shown,
                mailing=mailing,
            )
            for user_id, shown, mailing in rows
            if user_id not in known
        ]
        # Somebody else may be telling the same: the constraint decides, nobody fails.
        Notification.objects.bulk_create(new, ignore_conflicts=True)
        return len(new)


def mark_read(*, user_id: int, news_id: int, now: datetime) -> None:
    """One piece of the user's own news is read; again changes nothing."""
    Notification.objects.filter(pk=news_id, user_id=user_id, read_at__isnull=True).update(
        read_at=now
    )


def mark_all_read(*, user_id: int, upto: int, now: datetime) -> int:
    """All of the user's news up to the one of this id are read: what came since stays unread."""
    unread = Notification.objects.filter(user_id=user_id, read_at__isnull=True, pk__lte=upto)
    return unread.update(read_at=now)


def choose_news(*, membership: Membership, wanted: Mapping[str, tuple[bool, str]]) -> None:
    """Keep what the member wants to hear: kind -> (in the product, mailing).

    Kinds that the role may not hear of are left alone.
    """
    allowed = {kind.name for kind in kinds_for(Role(membership.role))}
    with transaction.atomic():
        for kind, (shown, mailing) in wanted.items():
            if kind in allowed:
                NotificationChoice.objects.update_or_create(
                    membership=membership,
                    kind=kind,
                    defaults={"shown": shown, "mailing": Mailing(mailing).value},
                )


