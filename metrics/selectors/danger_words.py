"""The words of a danger point that is worked on: its state, its title, its owner, its due day."""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Membership
from accounts.roles import WRITERS

OWNER_ROLES = tuple(sorted(role.value for role in WRITERS))


@dataclass(frozen=True, slots=True)
class StateText:
    """A state as it is printed: `tone` of the tag, `icon` beside the word."""

    value: str
    word: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class DueText:
    """A due day as it is printed; `iso` fills the form's field."""

    text: str
    day: str
    iso: str
    overdue: bool


def state_text(state: str) -> StateText:
    """A state in words."""
    words = {
        "watching": (_("Watching"), "eye", ""),
        "working": (_("Working on it"), "activity", "accent"),
        "resolved": (_("Resolved"), "check", "healthy"),
        "dismissed": (_("Dismissed"), "ban", ""),
    }
    word, icon, tone = words[state]
    return StateText(state, word, icon, tone)


def due_text(due_on: date | None, *, ended: bool, today: date, style: Style) -> DueText | None:
    """The due day; None without one. What has ended is never overdue."""
    if due_on is None:
        return None
    day = formats.day(due_on, style, today=today)
    overdue = due_on < today and not ended
    said = _("Overdue since {day}") if overdue else _("Due {day}")
    return DueText(said.format(day=day), day, due_on.isoformat(), overdue)


def possible_owners() -> tuple[tuple[int, str], ...]:
    """(user id, name) of every member who may write, by name."""
    found = Membership.objects.select_related("user").filter(role__in=OWNER_ROLES)
    named = [(row.user_id, row.user.name or row.user.email) for row in found]
    return tuple(sorted(named, key=lambda pair: (pair[1].casefold(), pair[0])))
