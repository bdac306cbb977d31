"""The words of an experiment: levers, designs, states, effects, verdicts, and what was changed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.experiments.kinds import SCALE
from metrics.calc.experiments.kinds import Measure as Kind
from metrics.calc.experiments.result import Reading
from metrics.calc.types import Interval
from metrics.models import Experiment, Measure
from metrics.selectors.filters import segment_text

# The model's measures as the arithmetic names them.
KINDS: Mapping[str, Kind] = {
    "number": "opened_per_week",
    "win_rate": "won_within",
    "conversion": "passed_within",
    "cycle": "cycle_days",
    "deal_size": "deal_size",
}
MEASURES = {kind: measure for measure, kind in KINDS.items()}
SHARES = ("win_rate", "conversion")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as a tag prints it: `tone` of the tag, `icon` beside it."""

    value: str
    word: str
    icon: str
    tone: str


def measure_text(measure: str, stage: str = "") -> str:
    """A lever: Win rate; Conversion out of Proposal; Stage conversion where the stage is gone."""
    if measure == "conversion":
        return (
            _("Conversion out of {stage}").format(stage=stage)
            if stage
            else _("A stage's conversion")
        )
    return str(Measure(measure).label) if measure in Measure.values else measure


def design_text(design: str) -> str:
    """How the two sides came about."""
    return str(Experiment.Design(design).label) if design in Experiment.Design.values else design


def state_text(state: str) -> Word:
    """A state in words."""
    words = {
        "draft": (_("Draft"), "pencil", ""),
        "running": (_("Running"), "activity", "accent"),
        "stopped": (_("Stopped"), "ban", "watch"),
        "decided": (_("Decided"), "check", ""),
    }
    return Word(state, *words.get(state, (state, "info", "")))


def decision_text(decision: str) -> Word:
    """What was decided; "" is nothing yet."""
    words = {
        "adopt": (_("Adopted"), "check", "healthy"),
        "extend": (_("Extended"), "calendar", "accent"),
        "stop": (_("Dropped"), "ban", ""),
    }
    return Word(decision, *words.get(decision, ("", "minus", "")))


def verdict_text(words: str) -> Word:
    """How certain it is, in words: only `better` and `worse` are conclusive."""
    told = {
        "better": (_("Better"), "check", "healthy"),
        "likely_better": (_("Likely better"), "equal", "watch"),
        "no_visible_change": (_("No visible change"), "equal", ""),
        "likely_worse": (_("Likely worse"), "equal", "watch"),
        "worse": (_("Worse"), "circle-alert", "danger"),
        "too_early": (_("Too early to tell"), "clock", ""),
    }
    return Word(words, *told.get(words, ("", "minus", "")))


def effect_text(measure: Kind, effect: float | None, style: Style) -> str:
    """An effect on its scale: +7.7 pts, −3.2 days, +12.4%; empty where there is none."""
    if effect is None:
        return ""
    if measure in ("won_within", "passed_within"):
        return formats.pts(effect, style) or ""
    if measure == "cycle_days":
        text = formats.signed_number(effect, style, decimals=1) or ""
        return _("{days} days").format(days=text)
    return _share_change(effect, style)


def _share_change(ratio: float, style: Style) -> str:
    return formats.change(1.0, ratio, style) or ""


def effect_interval_text(measure: Kind, pair: Interval | None, style: Style) -> str:
    """An interval of an effect: 95% −4.8 to +20.4 pts. An infinite end is "no bound yet"."""
    if pair is None:
        return ""
    low, high = pair
    if math.isinf(low) and math.isinf(high):
        return _("95%: no bound yet")
    if math.isinf(high):
        return _("95%: at least {low}").format(low=effect_text(measure, low, style))
    if math.isinf(low):
        return _("95%: at most {high}").format(high=effect_text(measure, high, style))
    return _("95% {low} to {high}").format(
        low=_bare(measure, low, style), high=effect_text(measure, high, style)
    )


def _bare(measure: Kind, value: float, style: Style) -> str:
    """The lower end without its unit, which stands after the upper one."""
    if SCALE[measure] == "ratio":
        return effect_text(measure, value, style)
    scaled = value * 100 if measure != "cycle_days" else value
    return formats.signed_number(scaled, style, decimals=1) or ""


def smallest_text(measure: str, smallest: float | None, rising: bool, style: Style) -> str:
    """The smallest effect worth having, with its direction: +5.0 pts, −4.0 days, +10.0%."""
    if smallest is None or measure not in KINDS:
        return ""
    return effect_text(KINDS[measure], smallest_effect(measure, smallest, rising), style)


def smallest_effect(measure: str, smallest: float, rising: bool) -> float:
    """The same on the scale of effects: a difference, or a ratio (1.1)."""
    signed = smallest if rising else -smallest
    return 1.0 + signed if SCALE[KINDS[measure]] == "ratio" else signed


def value_of_side(reading: Reading, side: str, style: Style, *, currency: bool = True) -> str:
    """A side's value with its counts: 16.3% (14 of 86); 3.2 a week; 41 days; €9,400."""
    told = reading.baseline if side == "baseline" else reading.test
    if told.value is None:
        return ""
    if told.k is not None and reading.measure in ("won_within", "passed_within"):
        return formats.rate_of(told.k, told.n, style)
    if reading.measure == "opened_per_week":
        number = formats.number(told.value, style, decimals=1)
        return _("{number} a week").format(number=number)
    if reading.measure == "cycle_days":
        return formats.days(told.value, style) or ""
    return (formats.money(told.value, style) if currency else None) or ""


# What was changed ------------------------------------------------------------------------------


def field_text(field: str) -> str:
    """A field of an experiment, within a sentence."""
    words = {
        "title": _("name"),
        "if_we": _("if"),
        "then": _("then"),
        "because": _("because"),
        "pipeline": _("pipeline"),
        "segment": _("segment"),
        "measure": _("measure"),
        "stage": _("stage"),
        "rising": _("direction"),
        "smallest_effect": _("smallest effect worth having"),
        "design": _("design"),
        "baseline_start": _("first day of the window before"),
        "baseline_end": _("last day of the window before"),
        "starts_on": _("first day"),
        "ends_on": _("last day"),
        "follow_up_days": _("days of follow-up"),
        "decision_rule": _("decision rule"),
        "guardrails": _("guardrails"),
        "owner": _("owner"),
        "state": _("state"),
        "decision": _("decision"),
        "withdrawn": _("withdrawn"),
    }
    return words.get(field, field)


def value_text(field: str, value: Any, *, measure: str, style: Style) -> str:
    """A value as the log keeps it, in words. Ends are kept as the first day after."""
    if value in (None, "", []):
        return ""
    if field in ("baseline_end", "ends_on"):
        return formats.day(_last_day(value), style)
    if field in ("baseline_start", "starts_on"):
        return formats.day(date.fromisoformat(value), style)
    if field == "segment":
        return segment_text(value)
    if field == "measure":
        return measure_text(value)
    if field == "design":
        return design_text(value)
    if field == "state":
        return state_text(value).word
    if field == "decision":
        return decision_text(value).word
    if field == "rising":
        return _("more is better") if value else _("less is better")
    if field == "smallest_effect":
        return smallest_size(measure, value, style)
    if field == "follow_up_days":
        return formats.days(value, style) or ""
    if field == "guardrails":
        return ", ".join(measure_text(row["measure"], row.get("name", "")) for row in value)
    return str(value)


def _last_day(value: str) -> date:
    return date.fromordinal(date.fromisoformat(value).toordinal() - 1)


def smallest_size(measure: str, smallest: float, style: Style) -> str:
    """The smallest effect as a size, without direction: 5 points, 4 days, 10%."""
    if measure in SHARES:
        points = formats.number(smallest * 100, style, decimals=1)
        return _("{points} points").format(points=points)
    if measure == "cycle":
        number = formats.number(smallest, style, decimals=1)
        return _("{days} days").format(days=number)
    return formats.percent(smallest, style, decimals=1) or ""


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One changed field of a log entry: what it was and what it is."""

    field: str
    before: str
    after: str


def entry_lines(
    before: Mapping[str, Any], after: Mapping[str, Any], *, measure: str, style: Style
) -> tuple[EntryLine, ...]:
    """What an entry of the log changed, field by field, in the order of the form."""
    shown = [name for name in after if name not in ("figures", "version")]
    return tuple(
        EntryLine(
            field_text(name),
            value_text(name, before.get(name), measure=measure, style=style) or _("empty"),
            value_text(name, after.get(name), measure=measure, style=style) or _("empty"),
        )
        for name in shown
    )
