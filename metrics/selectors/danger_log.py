"""What happened to a danger point, and what was learned at its stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Company, User
from metrics.models import DangerPoint, DangerPointEntry, Finding
from metrics.selectors.danger_words import state_text

_FINDINGS = 5


@dataclass(frozen=True, slots=True)
class LogRow:
    """One thing that happened to it."""

    at: str
    who: str
    what: str
    icon: str
    remark: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A finding in short."""

    id: int
    statement: str
    day: str
    severity: str
    tone: str


def person(user: User | None) -> str:
    """Somebody by name, or by address; empty for nobody."""
    return "" if user is None else str(user.name or user.email)


def learned_at(
    *, stage_ids: Sequence[int], today: date, style: Style
) -> tuple[tuple[Learned, ...], int]:
    """The newest findings at these stages, and how many more there are."""
    words = {"low": _("Low"), "medium": _("Medium"), "high": _("High")}
    found = Finding.objects.filter(stage_id__in=stage_ids, withdrawn_at=None)
    rows = tuple(
        Learned(
            row.pk,
            row.statement,
            formats.day(row.learned_on, style, today=today),
            words[row.severity],
            "watch" if row.severity == "high" else "",
        )
        for row in found.order_by("-learned_on", "-id")[:_FINDINGS]
    )
    return rows, max(0, found.count() - len(rows)) if len(rows) == _FINDINGS else 0


def log_of(
    point: DangerPoint, *, company: Company, today: date, style: Style
) -> tuple[LogRow, ...]:
    """Its log, newest first."""
    found = point.entries.select_related("by").order_by("-at", "-id")
    return tuple(
        LogRow(
            at=formats.day(company.local_day(entry.at), style, today=today),
            who=person(entry.by) or _("The product"),
            what=_what(entry, today, style),
            icon=_ICONS.get(entry.field, "info"),
            remark=entry.remark,
        )
        for entry in found
    )


_ICONS = {
    "opened": "flag",
    "state": "activity",
    "owner": "user",
    "due_on": "calendar",
    "remark": "message-circle",
}


def _what(entry: DangerPointEntry, today: date, style: Style) -> str:
    before, after = entry.before, entry.after
    match entry.field:
        case "opened":
            return _("Opened, seen in {quarter}").format(quarter=formats.quarter(after))
        case "state":
            return _("{before} became {after}").format(
                before=state_text(before).word, after=state_text(after).word
            )
        case "owner":
            if not after:
                return _("{before} is the owner no more").format(before=before)
            return _("{after} became the owner").format(after=after)
        case "due_on":
            if not after:
                return _("The due day was removed")
            day = formats.day(date.fromisoformat(after), style, today=today)
            return _("Due {day}").format(day=day)
    return _("Remark")
