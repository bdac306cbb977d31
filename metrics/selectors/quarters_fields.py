"""The stored figures by name: what a restatement says has changed, and from what to what.

Paths are those of `metrics.calc.stored.changed_fields`: `won`, `stages.2.lost_at`,
`stages.1.value_lost_by_reason.unknown.3`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style

# What the interval of velocity is made of; nobody looks for it by its name.
_MOMENTS = ("amount_variance", "cycle_variance", "amount_cycle_covariance")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One figure of a segment before and after a restatement; `difference` where it has one."""

    name: str
    before: str
    after: str
    difference: str


def field_changes(
    fields: Mapping[str, Sequence[Any]], stages: Sequence[str], style: Style
) -> tuple[FieldChange, ...]:
    """The changed figures as rows: those of the whole quarter first, then stage by stage.

    `fields` is path -> [before, after], as a snapshot's cause holds it; `stages` the names of
    the quarter's own stages by position.
    """
    rows = sorted(fields.items(), key=lambda pair: _order(pair[0]))
    return tuple(_change(path, tuple(pair), stages, style) for path, pair in rows)


def _order(path: str) -> tuple[int, int, int]:
    parts = path.split(".")
    if parts[0] == "stages" and len(parts) > 2:
        return int(parts[1]), _place(list(_stage_names()), parts[2]), 0
    return 0, _place(list(_names()), parts[0]), 1 if parts[0] in _MOMENTS else 0


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


def _change(path: str, pair: Sequence[Any], stages: Sequence[str], style: Style) -> FieldChange:
    before, after = pair if len(pair) == 2 else (None, None)
    kind = _kind(path)
    difference = None
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in (before, after)):
        difference = _signed(kind, after - before, style)
    return FieldChange(
        field_name(path, stages),
        _value(kind, before, style),
        _value(kind, after, style),
        difference or "",
    )


def field_name(path: str, stages: Sequence[str]) -> str:
    """A stored figure for people: Deals lost; Proposal: lost here."""
    parts = path.split(".")
    if parts[0] != "stages" or len(parts) < 3:
        return _names().get(parts[0], path)
    place = int(parts[1])
    stage = stages[place - 1] if place <= len(stages) else _("stage {n}").format(n=place)
    name = _stage_names().get(parts[2], parts[2])
    if parts[2] == "value_lost_by_reason" and len(parts) > 3:
        name = _("lost because of {reason}").format(reason=_reason(parts[3]))
        if len(parts) > 4:
            name = f"{name}, {_reason_part(parts[4])}"
    return _("{stage}: {figure}").format(stage=stage, figure=name)


def _names() -> dict[str, str]:
    return {
        "opened": _("Deals opened"),
        "won": _("Deals won"),
        "lost": _("Deals lost"),
        "open_at_start": _("Open at the start"),
        "open_at_end": _("Open at the end"),
        "in_play": _("Deals in play"),
        "revenue_won": _("Revenue won"),
        "amount_lost": _("Amount lost"),
        "amount_open_at_end": _("Amount open at the end"),
        "won_with_amount": _("Won deals with an amount"),
        "lost_with_amount": _("Lost deals with an amount"),
        "open_with_amount": _("Open deals with an amount"),
        "cohort_won": _("Won, of the deals opened in the quarter"),
        "open_days": _("Days that deals were open, added up"),
        "days": _("Days of the quarter"),
        "cycle_won_days": _("Cycle of won deals, added up"),
        "cycle_won_median": _("Cycle of won deals, median"),
        "cycle_won_p90": _("Cycle of won deals, 90th percentile"),
        "cycle_closed_days": _("Cycle of closed deals, added up"),
        "cycle_closed_median": _("Cycle of closed deals, median"),
        "cycle_closed_p90": _("Cycle of closed deals, 90th percentile"),
        "path_unknown": _("Deals without their path"),
        "rate_missing": _("Deals without an exchange rate"),
        "amount_variance": _("Spread of the amounts of won deals"),
        "cycle_variance": _("Spread of the cycles of won deals"),
        "amount_cycle_covariance": _("How amount and cycle of won deals go together"),
        "definitions": _("Definitions"),
    }


def _stage_names() -> dict[str, str]:
    return {
        "name": _("name"),
        "cohort_reached": _("reached by the deals opened in the quarter"),
        "cohort_lost": _("lost, of the deals opened in the quarter"),
        "cohort_pending": _("still open, of the deals opened in the quarter"),
        "advanced": _("went on"),
        "lost_at": _("lost here"),
        "value_lost": _("value lost"),
        "value_lost_with_amount": _("lost with an amount"),
        "value_lost_by_reason": _("why lost"),
        "days_count": _("exits with a time in stage"),
        "days_median": _("time in stage, median"),
        "days_p90": _("time in stage, 90th percentile"),
        "days_median_km": _("half have left after"),
        "open_deals": _("open at the end"),
        "open_with_amount": _("open at the end with an amount"),
        "open_amount": _("amount open at the end"),
    }


def _reason(level: str) -> str:
    return {
        "competitor": _("a competitor"),
        "no_decision": _("no decision"),
        "other": _("something else"),
        "unknown": _("an unknown reason"),
    }.get(level, level)


def _reason_part(place: str) -> str:
    return {"1": _("deals"), "2": _("deals with an amount"), "3": _("amount")}.get(place, place)


def _kind(path: str) -> str:
    parts = path.split(".")
    last = parts[-1] if not parts[-1].isdecimal() else parts[-2]
    if last in _MOMENTS:
        return "moment"
    if "value_lost_by_reason" in parts:
        if len(parts) == 4:
            return "reason"
        return "money" if parts[-1] == "3" else "count"
    if last in {"revenue_won", "amount_lost", "amount_open_at_end", "value_lost", "open_amount"}:
        return "money"
    days = {"open_days", "days", "cycle_won_days", "cycle_closed_days"}
    if last in days or "median" in last or "p90" in last:
        return "days"
    return "count"


def _value(kind: str, value: Any, style: Style) -> str:
    if value is None:
        return _("none")
    if kind == "reason" and isinstance(value, list | tuple) and len(value) == 3:
        deals = formats.number(value[0], style) or ""
        money = formats.money(value[2], style)
        return f"{deals}, {money}" if money else deals
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    match kind:
        case "money":
            return formats.money(value, style) or ""
        case "days":
            return _days(value, style)
        case "moment":
            return formats.number(value, style, decimals=0 if abs(value) >= 100 else 2) or ""
    return formats.number(value, style) or ""


def _days(value: float, style: Style) -> str:
    if value == round(value):
        return formats.days(value, style) or ""
    return _("{n} days").format(n=formats.number(value, style, decimals=1))


def _signed(kind: str, change: float, style: Style) -> str | None:
    match kind:
        case "money":
            return formats.signed_money(change, style)
        case "moment":
            decimals = 0 if abs(change) >= 100 else 2
            return formats.signed_number(change, style, decimals=decimals)
        case "days" if change != round(change):
            return formats.signed_number(change, style, decimals=1)
        case _:
            return formats.signed_number(change, style)
