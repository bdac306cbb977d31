"""What a quarter was computed with, in words, and in what two quarters differ.

Quarters of different definitions are never compared without saying so (docs/metrics.md,
"Snapshots"). Source: `definitions` of a snapshot, as services/recompute.py writes it.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.dates import MONTHS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.calendar import Quarter
from metrics.selectors import wording

# In another of these, N, C, A or the definitions themselves mean something else: V is no longer
# the same figure. Another calendar or other stages leave V as it is.
VELOCITY = frozenset({"definitions", "velocity_number", "velocity_cycle", "currency"})
_ORDER = (
    "definitions",
    "velocity_number",
    "velocity_cycle",
    "currency",
    "timezone",
    "fiscal_year_start_month",
    "settle_days",
    "stages",
)


@dataclass(frozen=True, slots=True)
class Term:
    """One setting of a quarter: its name and its value, for people."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting in which two quarters differ, with both values."""

    key: str
    name: str
    first: str
    second: str

    @property
    def sentence(self) -> str:
        """Number of deals: Open deals, then Deals in play."""
        return _("{name}: {first}, then {second}.").format(
            name=self.name, first=self.first, second=self.second
        )


def terms_of(definitions: Mapping[str, Any], style: Style) -> tuple[Term, ...]:
    """Everything that a quarter was computed with, in a fixed order."""
    rows = [
        Term(_name(key), _value(key, definitions.get(key), style))
        for key in _ORDER
        if key in definitions
    ]
    if code := definitions.get("code"):
        rows.append(Term(_("Program version"), str(code)))
    return tuple(rows)


def differences(
    first: Mapping[str, Any], second: Mapping[str, Any], style: Style
) -> tuple[Difference, ...]:
    """In what two quarters differ that figures rest on; empty where they may be compared."""
    return tuple(
        Difference(
            key,
            _name(key),
            _value(key, first.get(key), style),
            _value(key, second.get(key), style),
        )
        for key in _ORDER
        if first.get(key) != second.get(key)
    )


def same_stages(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether both quarters have the same open stages in the same order, whatever their names."""
    return bool(first.get("stage_ids") == second.get("stage_ids"))


def stage_places(newest: Mapping[str, Any], other: Mapping[str, Any]) -> dict[int, int]:
    """Position in the `newest` list of stages -> position of the same stage in the `other`.

    By id, since a stage may have been renamed or moved; a stage that is not in both is left out.
    """
    there = {stage_id: place for place, stage_id in enumerate(other.get("stage_ids", ()), start=1)}
    return {
        place: there[stage_id]
        for place, stage_id in enumerate(newest.get("stage_ids", ()), start=1)
        if stage_id in there
    }


def velocity_differs(found: Sequence[Difference]) -> bool:
    """Whether V, or one of its factors, means something else in the two."""
    return any(one.key in VELOCITY for one in found)


def changes_over_time(
    quarters: Sequence[Quarter], definitions: Mapping[Any, Mapping[str, Any]], style: Style
) -> tuple[str, ...]:
    """A sentence for each quarter from which on something is counted otherwise, newest first."""
    said = []
    known = [(q, definitions[q.start]) for q in quarters if q.start in definitions]
    for (_earlier, before), (quarter, after) in itertools.pairwise(known):
        if found := differences(before, after, style):
            told = " ".join(one.sentence for one in found)
            said.append(
                _(
                    "From {quarter} on figures rest on other settings, so they are not the same"
                    " figures as before. {differences}"
                ).format(quarter=formats.quarter(quarter.label), differences=told)
            )
    return tuple(reversed(said))


def _name(key: str) -> str:
    return {
        "definitions": _("Definitions"),
        "velocity_number": _("Number of deals"),
        "velocity_cycle": _("Cycle"),
        "currency": _("Currency"),
        "timezone": _("Time zone"),
        "fiscal_year_start_month": _("Fiscal year starts in"),
        "settle_days": _("Days to settle"),
        "stages": _("Stages"),
    }[key]


def _value(key: str, value: Any, style: Style) -> str:
    match key:
        case "velocity_number" if value:
            option = str(value)
            return f"{wording.number_name(option)}, {wording.number_note(option)}"
        case "velocity_cycle":
            return _("of deals won") if value == "won" else _("of all deals closed")
        case "fiscal_year_start_month" if value in MONTHS:
            return str(MONTHS[value])
        case "settle_days" if isinstance(value, int):
            n = formats.number(value, style)
            return ngettext("{n} day", "{n} days", value).format(n=n)
        case "stages" if isinstance(value, list):
            return ", ".join(str(name) for name in value) or _("none")
        case "definitions" if value:
            return _("version {n}").format(n=value)
    return str(value) if value else _("not recorded")
