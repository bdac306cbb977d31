"""The kinds of news: what each is called, how its sentence reads, who may hear of it.

Apps above this one register their kinds when they start; a new kind is one entry. A sentence is
made from the values that were kept, when it is read, so that it is in its reader's language.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.functional import Promise

from accounts.models import Mailing, Notification, NotificationChoice
from accounts.permissions import allows, roles_with
from accounts.roles import Role

Values = Mapping[str, Any]
PAGE = 30  # rows of the list


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of news. `permission` guards what it leads to: who lacks it hears nothing.

    `shown` and `mailing` hold for members who made no choice of their own.
    """

    name: str
    title: str | Promise
    about: str | Promise
    sentence: Callable[[Values], str]
    permission: str
    icon: str = "bell"
    shown: bool = True
    mailing: str = Mailing.OFF


_KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Add a kind; the same name twice, or an unknown permission, is a mistake."""
    if kind.name in _KINDS:
        raise ValueError(f"news of kind {kind.name} is registered twice")
    roles_with(kind.permission)
    _KINDS[kind.name] = kind
    return kind


def kind_of(name: str) -> Kind:
    """The kind of this name; KeyError where there is none."""
    return _KINDS[name]


def kinds_for(role: Role) -> tuple[Kind, ...]:
    """The kinds that this role may hear of, in the order of their registration."""
    return tuple(kind for kind in _KINDS.values() if allows(role, kind.permission))


@dataclass(frozen=True, slots=True)
class NewsRow:
    """One piece of news in the list. `path` is within the workspace; empty leads nowhere."""

    id: int
    title: str
    sentence: str
    icon: str
    path: str
    at: datetime  # on the company's clocks
    unread: bool


@dataclass(frozen=True, slots=True)
class NewsPage:
    """A page of the list. `older` is the id to go on from; None at the end."""

    rows: tuple[NewsRow, ...]
    unread: int
    older: int | None


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """What a member hears of one kind, as the form of choices shows it."""

    kind: str
    title: str | Promise
    about: str | Promise
    icon: str
    shown: bool
    mailing: str


def _listed(user_id: int, role: Role) -> QuerySet[Notification]:
    """What this member may read: of a kind that was withdrawn there is no sentence."""
    kinds = [kind.name for kind in kinds_for(role)]
    rows: QuerySet[Notification] = Notification.objects.filter(
        user_id=user_id, shown=True, kind__in=kinds
    )
    return rows


def unread_count(*, user_id: int, role: Role) -> int:
    """How many pieces of news this member has not read yet. One query."""
    return _listed(user_id, role).filter(read_at__isnull=True).count()


def news_page(
    *, user_id: int, role: Role, zone: ZoneInfo, before: int | None = None, unread_only: bool = False
) -> NewsPage:
    """The member's news, newest first, from `before` (an id) on."""
    rows = _listed(user_id, role)
    if unread_only:
        rows = rows.filter(read_at__isnull=True)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    return NewsPage(
        rows=tuple(_row(row, zone) for row in found[:PAGE]),
        unread=unread_count(user_id=user_id, role=role),
        older=found[PAGE - 1].pk if len(found) > PAGE else None,
    )


def one_news(*, news_id: int, user_id: int, role: Role) -> Notification | None:
    """One piece of this member's own news; None where there is none of that id."""
    return _listed(user_id, role).filter(pk=news_id).first()


def sentence_of(row: Notification) -> str:
    """What happened, in the language that is active."""
    return kind_of(row.kind).sentence(row.values)


def _row(row: Notification, zone: ZoneInfo) -> NewsRow:
    kind = kind_of(row.kind)
    return NewsRow(
        id=row.pk,
        title=str(kind.title),
        sentence=kind.sentence(row.values),
        icon=kind.icon,
        path=row.path,
        at=row.created_at.astimezone(zone),
        unread=row.read_at is None,
    )


def choices_of(*, membership_id: int, role: Role) -> tuple[ChoiceRow, ...]:
    """What the member hears of each kind: as chosen, else as the kind has it."""
    chosen = {
        row.kind: row for row in NotificationChoice.objects.filter(membership_id=membership_id)
    }
    return tuple(
        ChoiceRow(
            kind=kind.name,
            title=kind.title,
            about=kind.about,
            icon=kind.icon,
            shown=chosen[kind.name].shown if kind.name in chosen else kind.shown,
            mailing=chosen[kind.name].mailing if kind.name in chosen else kind.mailing,
        )
        for kind in kinds_for(role)
    )
