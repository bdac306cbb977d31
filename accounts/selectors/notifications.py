"""What a member has been told, and what they want to hear."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_time
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Company, Mailing, Membership, Notification, NotificationChoice
from accounts.roles import Role
from accounts.selectors.news import KINDS, NewsKind, sentence_of, workspace_of

PAGE = 50


@dataclass(frozen=True, slots=True)
class NewsRow:
    """One piece of news, ready to print. `path` is the address of its page, or empty."""

    id: int
    text: str
    icon: str
    when: str
    path: str
    unread: bool


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """One kind of news with what the member wants of it.

    `wish` is what stands beside the one box of a letter that is sent or not; else empty.
    """

    kind: str
    title: str
    shown: bool
    mailing: str
    wish: str = ""


def unread_count(*, user_id: int) -> int:
    """How many pieces of news the person has not read in the active company."""
    return Notification.objects.filter(user_id=user_id, shown=True, read_at=None).count()


def news_of(
    *, company: Company, user_id: int, now: datetime, style: Style, page: int = 1
) -> tuple[tuple[NewsRow, ...], bool]:
    """The newest news of a person, fifty a page, and whether there are older ones."""
    first = (max(1, page) - 1) * PAGE
    rows = list(
        Notification.objects.filter(user_id=user_id, shown=True).order_by("-created_at", "-pk")[
            first : first + PAGE + 1
        ]
    )
    today = company.local_day(now)
    return tuple(_row(row, company, style, today) for row in rows[:PAGE]), len(rows) > PAGE


def _row(row: Notification, company: Company, style: Style, today: object) -> NewsRow:
    kind = KINDS.get(row.kind)
    local = row.created_at.astimezone(company.zone)
    return NewsRow(
        id=row.pk,
        text=sentence_of(row.kind, row.values),
        icon=kind.icon if kind else "bell",
        when=_("{day}, {time}").format(
            day=_("Today") if local.date() == today else formats.day(local, style),
            time=format_time(local, "short", locale=style.babel),
        ),
        path=workspace_of(company.slug) + row.path if row.path else "",
        unread=row.read_at is None,
    )


def kinds_for(role: Role) -> tuple[NewsKind, ...]:
    """The kinds that somebody in this role may be told of."""
    return tuple(kind for kind in KINDS.values() if role in kind.roles)


def choices_of(*, membership: Membership) -> tuple[ChoiceRow, ...]:
    """What a member wants to hear, kind by kind."""
    kept = {c.kind: c for c in NotificationChoice.objects.filter(membership_id=membership.pk)}
    return tuple(
        ChoiceRow(kind.key, str(kind.title), *wanted(kind, kept), wish=str(kind.wish))
        for kind in kinds_for(Role(membership.role))
    )


def wanted(kind: NewsKind, kept: Mapping[str, NotificationChoice]) -> tuple[bool, str]:
    """(shown, mailing): what was chosen, else the kind's default."""
    chosen = kept.get(kind.key)
    if chosen is None:
        return kind.shown, str(kind.mailing)
    return chosen.shown, str(Mailing(chosen.mailing))
