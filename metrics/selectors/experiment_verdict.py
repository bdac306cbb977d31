"""What may be said of an experiment today: the verdict in words, with all that it rests on.

Everything comes from stored figures; nothing is computed here. The suggested verdict is that of
the interval which is always valid, so that looking every day does no harm.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.experiments.result import ExperimentFigures, Reading
from metrics.calc.types import Interval
from metrics.selectors.experiment_sentences import (
    certainty_text,
    empty_text,
    method_text,
    settle_text,
    side_empty_text,
    side_words,
    worth_empty_text,
)
from metrics.selectors.experiment_units import Units, apart_text, measured_text, short_measure
from metrics.selectors.experiment_words import verdict_text

_WATCHED = 14  # days of mature cases under which no pace is read from them
_FAR = 730


@dataclass(frozen=True, slots=True)
class Consequence:
    """A line under the bar: its term, the anchor of its definition, figure and note."""

    term: str
    anchor: str
    figure: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """The change with its intervals, on a scale whose zero means that nothing changed.

    An end of `always` may be infinite: there is no bound yet. `target` is the wished change.
    """

    value: float
    low: float
    high: float
    half: tuple[float, float] | None
    always: tuple[float, float] | None
    target: float | None
    text: str
    low_text: str
    high_text: str
    target_text: str


@dataclass(frozen=True, slots=True)
class VerdictCard:
    """The card, ready to print. Without `bar` there is `reason`, a sentence."""

    tag: str
    tone: str
    icon: str
    headline: str
    sentence: str
    reason: str
    bar: Bar | None
    unit: str
    consequences: tuple[Consequence, ...]
    peeking: str
    day: str  # as of the end of which day
    thin: str
    apart: str  # why means and change go different ways


@dataclass(frozen=True, slots=True)
class GuardrailRow:
    """A measure that must not get worse."""

    name: str
    before: str
    before_n: str
    after: str
    after_n: str
    effect: str
    always: str
    tag: str
    tone: str
    icon: str
    reason: str  # why there is no effect, or why it is not what the sides look like
    worse: bool


def verdict_card(
    figures: ExperimentFigures, *, smallest: float | None, style: Style
) -> VerdictCard:
    """The verdict of an experiment's newest figures."""
    primary = figures.primary
    units = Units(primary.measure, style)
    tag, tone, icon = certainty_text(primary.words)
    return VerdictCard(
        tag=tag,
        tone=tone,
        icon=icon,
        headline=verdict_text(primary.words).word,
        sentence=_sentence(figures, units),
        reason=empty_text(primary.reason, figures.design) if primary.reason else "",
        bar=_bar(primary, units, smallest),
        unit=units.unit(),
        consequences=_consequences(figures, units, style),
        peeking=_peeking(primary),
        day=formats.day(figures.last_day, style),
        thin=_thin(primary),
        apart=apart_text(primary),
    )


def _sentence(figures: ExperimentFigures, units: Units) -> str:
    """Both sides with their n; empty where neither has a value."""
    primary = figures.primary
    before, after = primary.baseline, primary.test
    if before.value is None and after.value is None:
        return ""
    parts = {
        "measure": short_measure(primary.measure),
        "before": units.side(before) or side_empty_text(before.reason),
        "before_n": units.n(before),
        "after": units.side(after) or side_empty_text(after.reason),
        "after_n": units.n(after),
    }
    if before.value is None:
        told = _("{measure}: {after} after ({after_n}); before: {before}.")
        if figures.design != "before_after":
            told = _("{measure}: {after} in the test arm ({after_n}); control: {before}.")
        return told.format(**parts)
    if after.value is None:
        told = _("{measure}: {before} before ({before_n}); after: {after}.")
        if figures.design != "before_after":
            told = _("{measure}: {before} in the control arm ({before_n}); test: {after}.")
        return told.format(**parts)
    if figures.design == "before_after":
        return _("{measure} went from {before} ({before_n}) to {after} ({after_n}).").format(
            **parts
        )
    return _(
        "{measure}: {before} in the control arm ({before_n}), {after} in the test arm ({after_n})."
    ).format(**parts)


def _bar(reading: Reading, units: Units, smallest: float | None) -> Bar | None:
    if reading.effect is None or reading.interval is None:
        return None
    if not all(map(math.isfinite, reading.interval)):
        return None
    low, high = reading.interval
    target = None
    if smallest is not None:
        target = smallest if reading.direction == "up" else -smallest
    return Bar(
        value=units.shown(reading.effect),
        low=units.shown(low),
        high=units.shown(high),
        half=_shown(reading.half, units),
        always=_shown(reading.always_valid, units),
        target=target,
        text=units.bare(reading.effect),
        low_text=units.bare(low),
        high_text=units.bare(high),
        target_text=_("Target {change}").format(change=units.tick(target))
        if target is not None
        else "",
    )


def _shown(pair: Interval | None, units: Units) -> tuple[float, float] | None:
    return None if pair is None else (units.shown(pair[0]), units.shown(pair[1]))


def _consequences(
    figures: ExperimentFigures, units: Units, style: Style
) -> tuple[Consequence, ...]:
    primary = figures.primary
    rows = []
    if primary.effect is not None:
        rows.append(
            Consequence(
                _("Change"),
                "experiments",
                units.effect(primary.effect),
                # xgettext:no-python-format
                _("for one look, 95%: {span}").format(span=units.span(primary.interval)),
            )
        )
    if primary.always_valid is not None:
        rows.append(
            Consequence(
                _("Always valid"),
                "experiments-always-valid",
                units.span(primary.always_valid),
                # xgettext:no-python-format
                _("95%, {method}").format(method=method_text(primary.method)),
            )
        )
    if primary.chance_better is not None:
        chance = formats.chance(primary.chance_better, style) or ""
        rows.append(Consequence(_("Chance it is better"), "experiments-chance", chance))
    if primary.chance_target is not None:
        chance = formats.chance(primary.chance_target, style) or ""
        rows.append(Consequence(_("Chance it reaches the target"), "experiments-chance", chance))
    if primary.p_value is not None:
        rows.append(
            Consequence(
                _("Mann-Whitney"), "experiments", formats.p_value(primary.p_value, style) or ""
            )
        )
    rows.append(_worth(figures, style))
    told = settle_text(figures.settle, primary.measure, figures.design, style)
    rows.append(Consequence(_("To settle it"), "experiments-settle", told, _near(figures, style)))
    return tuple(rows)


def _near(figures: ExperimentFigures, style: Style) -> str:
    """When it would be settled, if cases of the test go on maturing as they did so far."""
    settle, test = figures.settle, figures.primary.test
    watched = test.days - (figures.follow_up or 0)
    if settle.state != "more" or not settle.more_test or not test.n or watched < _WATCHED:
        return ""
    days = math.ceil(settle.more_test / test.n * watched)
    if days > _FAR:
        return _("more than two years at this pace")
    return _("near {day}").format(
        day=formats.day(figures.last_day + timedelta(days=days), style, today=figures.last_day)
    )


def _worth(figures: ExperimentFigures, style: Style) -> Consequence:
    worth = figures.worth

    def money(value: float) -> str:
        # No line ends between a sign and its currency.
        text = formats.signed_money(value, style) or ""
        return text.replace("+", "+\N{WORD JOINER}").replace(
            formats.MINUS, f"{formats.MINUS}\N{WORD JOINER}"
        )

    if worth is None:
        told = worth_empty_text(figures.worth_reason) if figures.worth_reason else ""
        return Consequence(_("Worth, if it holds"), "experiments-worth", "", told)
    figure = _("{money} per day").format(money=money(worth.per_day))
    quarter = formats.quarter(worth.quarter)
    if worth.low is not None and worth.high is not None:
        note = _("({low} to {high}), at the pace of {quarter}").format(
            low=money(worth.low),
            high=money(worth.high),
            quarter=quarter,
        )
    elif worth.low is not None:
        note = _("(at least {low}), at the pace of {quarter}").format(
            low=money(worth.low), quarter=quarter
        )
    elif worth.high is not None:
        note = _("(at most {high}), at the pace of {quarter}").format(
            high=money(worth.high), quarter=quarter
        )
    else:
        note = _("(no bound yet), at the pace of {quarter}").format(quarter=quarter)
    return Consequence(_("Worth, if it holds"), "experiments-worth", figure, note)


def _peeking(primary: Reading) -> str:
    if primary.held == "reps":
        return _(
            "The interval that is always valid leaves out no change, but it takes deals of one rep"
            " as independent: the verdict waits until the reps themselves are clearly apart."
        )
    if primary.held == "quick_first":
        return _(
            "The interval that is always valid leaves out no change, but quick deals come first:"
            " the verdict waits until deals of equal age say the same."
        )
    if primary.verdict == "no_evidence_yet":
        return _(
            "Look as often as you like: the verdict waits for the interval that is always valid,"
            " so looking early does no harm."
        )
    return _(
        "The interval that is always valid leaves out no change, so this holds however often and"
        " whenever anybody looked."
    )


def _thin(primary: Reading) -> str:
    """A warning for few cases, in words; empty otherwise."""
    least = min(primary.baseline.n, primary.test.n)
    if primary.effect is None or least >= 20:
        return ""
    return ngettext(
        "Thin: one side rests on {n} case.", "Thin: one side rests on {n} cases.", least
    ).format(n=least)


def guardrail_rows(
    figures: ExperimentFigures, *, stages: tuple[str, ...], style: Style
) -> tuple[GuardrailRow, ...]:
    """The guardrails in their order; `stages` are the names of their stages, "" without one."""
    rows = []
    for place, reading in enumerate(figures.guardrails):
        units = Units(reading.measure, style)
        worse = reading.verdict == "worse"
        word = verdict_text(reading.words)
        rows.append(
            GuardrailRow(
                name=measured_text(
                    reading.measure,
                    stage=stages[place] if place < len(stages) else "",
                    days=figures.follow_up,
                    style=style,
                ),
                before=units.side(reading.baseline) or side_empty_text(reading.baseline.reason),
                before_n=units.n(reading.baseline) if reading.baseline.n else "",
                after=units.side(reading.test) or side_empty_text(reading.test.reason),
                after_n=units.n(reading.test) if reading.test.n else "",
                effect=units.effect(reading.effect),
                always=units.span(reading.always_valid),
                tag=word.word,
                tone=word.tone,
                icon=word.icon,
                reason=(
                    empty_text(reading.reason, figures.design)
                    if reading.reason
                    else apart_text(reading)
                ),
                worse=worse,
            )
        )
    return tuple(rows)


def sides(figures: ExperimentFigures) -> tuple[str, str]:
    """What the two sides are called on the page."""
    return side_words(figures.design)
