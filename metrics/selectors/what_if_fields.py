"""The levers of the simulator as fields: what to type and slide, with the usual range marked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.calc.whatif_ranking import Lever, RankedStep, UsualRange
from metrics.selectors import wording
from metrics.selectors.danger import stage_steps
from metrics.selectors.what_if_query import FACTORS, State, todays_texts, written
from metrics.selectors.wording import Reading

_STEPS = 100  # of a slider: one for an arrow, ten for Page Up and Page Down


@dataclass(frozen=True, slots=True)
class Field:
    """One lever. `value` is what its number field shows, the rest what is printed beside it.

    `low`, `width` and `today_at` place the usual range and today on the slider, 0 to 100; empty
    where there is none. `reason` stands in place of the controls where nothing can be changed.
    """

    name: str
    title: str
    anchor: str
    unit: str
    value: str
    slider: str
    least: str
    most: str
    step: str
    today: str
    usual: str
    worth: str
    low: str
    width: str
    today_at: str
    changed: bool
    error: str
    reason: str


def lever_title(lever: Lever, now: SegmentFigures, reading: Reading) -> str:
    """A lever for people: Open deals, Average deal, Sales cycle; Held and where it leads."""
    if lever.name == "stage":
        stage, following = stage_steps(now)[lever.position - 1]
        return f"{stage.name} \N{RIGHTWARDS ARROW} {following}"
    return {
        "number": wording.number_name(reading.number),
        "deal_size": _("Average deal"),
        "cycle": _("Sales cycle"),
    }[lever.name]


def parameter(lever: Lever) -> str:
    """The lever's name in an address."""
    if lever.name == "stage":
        return f"p{lever.position}"
    return FACTORS[("number", "deal_size", "cycle").index(lever.name)]


def value_text(lever: Lever, value: float | None, reading: Reading) -> str:
    """A lever's value as it is written elsewhere; a stage's share with one decimal."""
    style = reading.style
    if value is None:
        return ""
    if lever.name == "stage":
        return formats.percent(value, style, decimals=0 if value in (0, 1) else 1) or ""
    if lever.name == "deal_size":
        return formats.money(value, style) or ""
    if lever.name == "cycle":
        # A slider moves by days, but a saved 79.6 days is not 80.
        whole = abs(value - round(value)) < 0.05
        if whole:
            return formats.days(value, style) or ""
        return _("{n} days").format(n=formats.number(value, style, decimals=1))
    return formats.average(value, style) or ""


def fields_of(
    *,
    now: SegmentFigures,
    steps: Sequence[RankedStep],
    levers: Sequence[Lever],
    state: State,
    reading: Reading,
) -> tuple[Field, ...]:
    """Every lever as a field, the three factors first, then the stages in their order."""
    shown = todays_texts(now)
    worth = {(s.lever.name, s.lever.position): s for s in steps}
    return tuple(
        _field(lever, worth[lever.name, lever.position], now, shown, state, reading)
        for lever in levers
    )


def worth_text(value: float, style: Style) -> str:
    """Money per day that a step is worth; a little is not written as nothing."""
    if value and abs(value) < 0.5:
        return _("less than {money} a day").format(money=formats.money(1, style))
    return _("{money} a day").format(money=formats.money(value, style))


def step_text(lever: Lever, style: Style) -> str:
    """How small a step is meant."""
    if lever.name == "stage":
        return _("1 point more")
    if lever.name == "cycle":
        return _("1 day less")
    return _("{share} more").format(share=formats.percent(0.01, style))


def step_reason(step: RankedStep) -> str:
    """Why a step's worth cannot be told, as a sentence."""
    if step.empty == "no_velocity":
        return _("Not computable without a velocity.")
    if step.empty == "no_conversion":
        return _("Not computable: no deal got past this stage in the quarter.")
    if step.lever.name == "stage":
        return _("There is no point left: all but a few got past.")
    return _("The cycle is no longer than a day.")


def _field(
    lever: Lever,
    step: RankedStep,
    now: SegmentFigures,
    shown: Mapping[str, str],
    state: State,
    reading: Reading,
) -> Field:
    style = reading.style
    name = parameter(lever)
    today = shown.get(name, "")
    typed = state.typed.get(name, "")
    sent = dict(state.pairs).get(name, "")
    value = typed if name in state.errors else (sent or today)
    percent = lever.name == "stage"
    least, most, tick = _scale(lever)
    reason = "" if lever.today else _no_change(lever, now)
    low, width, today_at = _marks(lever, least, most)
    worth = (
        step_reason(step)
        if step.per_day is None
        else _("{step} here is worth {money}").format(
            step=step_text(lever, style), money=worth_text(step.per_day, style)
        )
    )
    return Field(
        name=name,
        title=lever_title(lever, now, reading),
        anchor={
            "number": "number-of-deals",
            "deal_size": "average-deal-size",
            "cycle": "cycle",
            "stage": "exit-conversion",
        }[lever.name],
        unit={
            "number": "",
            "deal_size": formats.currency_symbol(style),
            "cycle": _("days"),
            "stage": "%",
        }[lever.name],
        value=value,
        slider=today if name in state.errors else value,
        least="0" if percent else written(least),
        most="100" if percent else written(most),
        step="1" if percent else written(tick),
        today=_("today {value}").format(value=value_text(lever, lever.today, reading))
        if lever.today is not None
        else "",
        usual=usual_text(lever, reading),
        worth="" if reason else worth,
        low=low,
        width=width,
        today_at=today_at,
        changed=bool(sent),
        error=state.errors.get(name, ""),
        reason=reason,
    )


def usual_text(lever: Lever, reading: Reading) -> str:
    """The usual range in words, with how many quarters it comes from."""
    usual = lever.usual
    if usual is None:
        return _("no usual yet")
    low, high = (value_text(lever, value, reading) for value in (usual.low, usual.high))
    if low == high:
        return ngettext(
            "usual {low} ({n} quarter)", "usual {low} ({n} quarters)", usual.quarters
        ).format(low=low, n=usual.quarters)
    return _("usual {low} to {high} ({n} quarters)").format(low=low, high=high, n=usual.quarters)


def _no_change(lever: Lever, now: SegmentFigures) -> str:
    if lever.name != "stage":
        return _("Not computable in this quarter, so it cannot be changed.")
    stage = now.stages[lever.position - 1]
    if stage.lost_at:
        return _("No deal got past this stage in the quarter, so its conversion cannot be changed.")
    return _("No deal left this stage in the quarter, so there is no conversion to change.")


def _scale(lever: Lever) -> tuple[float, float, float]:
    """(least, most, step) of a slider: twice what is usual and today fit into 100 round steps."""
    if lever.name == "stage":
        return 0.0, 1.0, 0.01
    usual = lever.usual or UsualRange(0.0, 0.0, 0)
    size = 2 * max(lever.today or 0.0, usual.high) / _STEPS
    tick = _round_up(size)
    return (tick if lever.name == "cycle" else 0.0), tick * _STEPS, tick


def _round_up(size: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if size <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(size))
    nice = next(m for m in (1, 2, 5, 10) if size <= m * power * (1 + 1e-9))
    return round(nice * power, 12)


def _marks(lever: Lever, least: float, most: float) -> tuple[str, str, str]:
    """Where the usual range begins, how wide it is, and where today stands, in hundredths."""

    def at(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - least) / (most - least)))

    today = f"{at(lever.today):.2f}" if lever.today is not None else ""
    if lever.usual is None:
        return "", "", today
    low, high = at(lever.usual.low), at(lever.usual.high)
    return f"{low:.2f}", f"{max(1.0, high - low):.2f}", today
