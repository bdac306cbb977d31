"""The facts behind a restatement: which moves and changes, of which deals, entered by whom, when.

Source: the cause that a restated snapshot keeps (services/causes.py), looked up in the facts so
that a move says from where to where and a change from what to what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel.dates import format_time
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company, Membership
from pipeline.models import Deal, StageTransition
from pipeline.selectors.timeline_edits import edits
from pipeline.selectors.timeline_entry import Reading


@dataclass(frozen=True, slots=True)
class FactLine:
    """One fact: what was recorded, about which deal, when it happened and when it was entered.

    `deal_id` is 0 where it concerns no single deal, or the deal is gone.
    """

    what: str
    deal: str
    deal_id: int
    happened: str  # empty where it happened when it was entered
    entered: str
    by: str


@dataclass(frozen=True, slots=True)
class CauseText:
    """Why a version was made: its facts, and how many there were beyond those kept.

    `early` says so where it is the closing of a quarter that had been closed before its time.
    """

    facts: tuple[FactLine, ...]
    more: str
    who: str  # the people in one line
    early: str = ""


def cause_texts(
    *, company: Company, causes: Mapping[int, Mapping[str, Any]], style: Style
) -> dict[int, CauseText]:
    """Version -> the facts that its cause names. A fixed number of queries for all of them."""
    kept = {number: list(cause.get("facts", ())) for number, cause in causes.items()}
    facts = [fact for of_version in kept.values() for fact in of_version]
    reader = _Reader(company, facts, style)
    found = {}
    for number, of_version in kept.items():
        more = max(0, int(causes[number].get("count", 0)) - len(of_version))
        # Changes of one moment are told together, so each of them says the same.
        lines = tuple(dict.fromkeys(reader.line(fact) for fact in of_version))
        found[number] = CauseText(
            lines,
            ngettext(
                "{n} more fact was recorded in between.",
                "{n} more facts were recorded in between.",
                more,
            ).format(n=formats.number(more, style))
            if more
            else "",
            ", ".join(dict.fromkeys(line.by for line in lines if line.by)),
            _("A clock that ran ahead had closed this quarter too early. It closed here.")
            if causes[number].get("reopened")
            else "",
        )
    return found


class _Reader:
    """Facts looked up together: moves, changes, deals and people in one query each."""

    def __init__(self, company: Company, facts: Sequence[Mapping[str, Any]], style: Style) -> None:
        self._zone, self._style = company.zone, style
        moves = [fact["id"] for fact in facts if fact["what"] == "move"]
        changes = [fact["id"] for fact in facts if fact["what"].startswith("change of ")]
        deals = {fact["deal_id"] for fact in facts if fact["deal_id"]}
        self._moves = {
            row.pk: row
            for row in StageTransition.objects.select_related(
                "from_stage", "to_stage", "replaces__to_stage"
            ).filter(pk__in=moves)
        }
        self._deals = dict(Deal.objects.filter(pk__in=deals).values_list("id", "name"))
        self._people = {
            email: name
            for email, name in Membership.objects.values_list("user__email", "user__name")
            if name
        }
        self._edits = {}
        if changes:
            today = company.local_day(max(_instant(fact["recorded_at"]) for fact in facts))
            reading = Reading(style, company.zone, today, None, False, "", None)
            self._edits = edits(changes, reading)

    def line(self, fact: Mapping[str, Any]) -> FactLine:
        deal_id = fact["deal_id"] or 0
        recorded, occurred = _instant(fact["recorded_at"]), _instant(fact["occurred_at"])
        return FactLine(
            what=self._what(fact),
            deal=self._deals.get(deal_id, fact["deal"] or ""),
            deal_id=deal_id if deal_id in self._deals else 0,
            happened=self._day(occurred) if fact["what"] == "move" else "",
            entered=self._time(recorded),
            by=_who(fact["by"], self._people),
        )

    def _what(self, fact: Mapping[str, Any]) -> str:
        what = str(fact["what"])
        if what == "move":
            row = self._moves.get(fact["id"])
            return self._move(row) if row else _("A move that is gone")
        entry = self._edits.get(("edits", fact["id"]))
        if entry is not None:
            return _of_field(entry.lines)
        if what.startswith("change of "):
            return _("A changed attribute: {field}").format(field=what.removeprefix("change of "))
        return _("A changed setting: {name}").format(name=what.replace(".", ", "))

    def _move(self, row: StageTransition) -> str:
        if row.to_stage is None:
            was = row.replaces.to_stage if row.replaces else None
            return _("Withdrawn: the move to {stage}").format(stage=was.name if was else "")
        if row.replaces is not None:
            return _("Corrected: the move to {stage}").format(stage=row.to_stage.name)
        if row.from_stage is None:
            return _("Opened in {stage}").format(stage=row.to_stage.name)
        return _("Moved from {before} to {after}").format(
            before=row.from_stage.name, after=row.to_stage.name
        )

    def _day(self, instant: datetime) -> str:
        return formats.day(instant.astimezone(self._zone), self._style)

    def _time(self, instant: datetime) -> str:
        return moment_text(instant.astimezone(self._zone), self._style)


def moment_text(local: datetime, style: Style) -> str:
    """A day with its time: 4 Oct 2026, 14:05."""
    time = format_time(local, "short", locale=style.babel)
    return _("{day}, {time}").format(day=formats.day(local, style), time=time)


def _of_field(lines: Sequence[str]) -> str:
    """The changes of one moment are told together; each fact tells all of them."""
    return "; ".join(lines)


def _who(by: str, people: Mapping[str, str]) -> str:
    """A person by name; what came by itself says how it came."""
    origins = {
        "opening": _("the product"),
        "move": _("the product"),
        "correction": _("the product"),
        "withdrawal": _("the product"),
        "import": _("an import"),
        "load": _("loaded"),
    }
    return people.get(by) or origins.get(by, by)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
