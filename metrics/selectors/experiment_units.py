"""How an experiment's measure is written: levels, effects, intervals, ticks.

Effects are shown as changes from nothing: points, days, or a share of the baseline. So every
effect is written on a scale whose zero means that nothing changed.
"""

import math
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.experiments.kinds import NO_EFFECT, SCALE, Measure
from metrics.calc.experiments.result import Reading, SideFigures
from metrics.calc.types import Interval
from metrics.selectors.experiment_words import effect_text

CONVERSIONS: tuple[Measure, ...] = ("won_within", "passed_within")
_FEW_DAYS = 10  # under so many days a tenth of one tells something


@dataclass(frozen=True, slots=True)
class Units:
    """A measure, and how its reader writes numbers."""

    measure: Measure
    style: Style

    @property
    def ratio(self) -> bool:
        """Whether sides are compared by ratio: effects are then shares of the baseline."""
        return SCALE[self.measure] == "ratio"

    def shown(self, effect: float) -> float:
        """An effect as a change from nothing: 1.2 is +0.2 for a ratio."""
        return effect - NO_EFFECT[SCALE[self.measure]]

    def value(self, value: float | None) -> str:
        """A level: 39.0%, 4.2 a week, 31 days, €4,800; empty for none."""
        if value is None:
            return ""
        if self.measure in CONVERSIONS:
            return formats.percent(value, self.style, decimals=1) or ""
        if self.measure == "opened_per_week":
            number = formats.average(round(value, 1), self.style) or ""
            return _("{number} a week").format(number=number)
        if self.measure == "cycle_days":
            return self._days(value)
        return formats.money(value, self.style) or ""

    def side(self, side: SideFigures) -> str:
        """A side's level by the rule of its n: under ten cases a share is written as a count."""
        if side.value is None:
            return ""
        if side.k is not None:
            return formats.rate(side.k, side.n, self.style)
        return self.value(side.value)

    def n(self, side: SideFigures) -> str:
        """What a level rests on: "14 of 86" for a conversion, else the number of cases."""
        if side.k is not None:
            return formats.k_of_n(side.k, side.n, self.style)
        return _("n = {n}").format(n=formats.number(side.n, self.style))

    def effect(self, effect: float | None) -> str:
        """A change with its sign and unit: +9.8 pts, −3.0 days, +12.0%; empty for none."""
        return effect_text(self.measure, effect, self.style)

    def bare(self, effect: float) -> str:
        """A change with its sign and without its unit, for a drawing."""
        if not math.isfinite(effect):
            return "\N{INFINITY}" if effect > 0 else f"{formats.MINUS}\N{INFINITY}"
        change = self.shown(effect)
        if self.measure == "cycle_days":
            return formats.signed_number(change, self.style, decimals=1) or ""
        if self.ratio:
            return self.effect(effect)
        return formats.signed_number(change * 100, self.style, decimals=1) or ""

    def span(self, interval: Interval | None) -> str:
        """An interval of the change: −2.7 to +22.1 pts; where an end is lacking, so it says."""
        if interval is None:
            return ""
        low, high = interval
        bounded = math.isfinite(low), math.isfinite(high)
        match bounded:
            case (True, True):
                return _("{low} to {high}").format(low=self.bare(low), high=self.effect(high))
            case (True, False):
                return _("from {low}, no upper end yet").format(low=self.effect(low))
            case (False, True):
                return _("up to {high}, no lower end yet").format(high=self.effect(high))
        return _("no ends yet")

    def tick(self, change: float) -> str:
        """A change on the axis of a drawing."""
        if self.measure == "cycle_days":
            decimals = 0 if float(change).is_integer() else 1
            return formats.signed_number(change, self.style, decimals=decimals) or ""
        hundredths = change * 100
        decimals = 0 if abs(hundredths - round(hundredths)) < 1e-6 else 1
        if self.ratio:
            text = formats.percent(change, self.style, decimals=decimals) or ""
            return self._signed(text, change)
        return formats.signed_number(hundredths, self.style, decimals=decimals) or ""

    def level_tick(self, value: float) -> str:
        """A level on the axis of the line over time."""
        if self.measure in CONVERSIONS:
            whole = abs(value * 100 - round(value * 100)) < 1e-6
            return formats.percent(value, self.style, decimals=0 if whole else 1) or ""
        if self.measure == "deal_size":
            return formats.money_short(value, self.style)
        decimals = 0 if float(value).is_integer() else 1
        return formats.number(value, self.style, decimals=decimals) or ""

    def unit(self) -> str:
        """What the axis of a change counts, as a sentence."""
        if self.measure in CONVERSIONS:
            return _("Change in percentage points.")
        if self.measure == "cycle_days":
            return _("Change in days.")
        if self.measure == "deal_size":
            return _(
                "Change of the typical deal in per cent of the other side: a ratio of geometric"
                " means, which one very large deal does not decide."
            )
        return _("Change in per cent of the other side.")

    def _days(self, value: float) -> str:
        if abs(value) >= _FEW_DAYS or float(value).is_integer():
            return formats.days(value, self.style) or ""
        number = formats.number(value, self.style, decimals=1) or ""
        return _("{number} days").format(number=number)

    @staticmethod
    def _signed(text: str, value: float) -> str:
        if not any(c.isdigit() and c != "0" for c in text):
            return text.replace(formats.MINUS, "")
        return f"+{text}" if value > 0 else text


def measured_text(measure: Measure, *, stage: str = "", days: int | None, style: Style) -> str:
    """A measure's name as the page prints it, with D where it has one."""
    within = ""
    if days is not None and measure != "opened_per_week":
        within = formats.days(days, style) or ""
    if measure == "opened_per_week":
        return _("Deals opened per week")
    if measure == "won_within":
        return _("Win rate within {days}").format(days=within) if within else _("Win rate")
    if measure == "passed_within":
        if not stage:
            return _("A stage's conversion")
        if not within:
            return _("Share that gets past {stage}").format(stage=stage)
        return _("Share that gets past {stage} within {days}").format(stage=stage, days=within)
    if measure == "cycle_days":
        if not within:
            return _("Cycle of won deals")
        return _("Cycle of deals won within {days}").format(days=within)
    return _("Size of won deals")


def apart_text(reading: Reading) -> str:
    """Why the means of the deal size go one way and their effect the other; empty otherwise.

    Sides are told by their mean amount, the effect is a ratio of geometric means (METRICS: Welch on
    the logarithms).
    """
    before, after, effect = reading.baseline.value, reading.test.value, reading.effect
    if reading.measure != "deal_size" or before is None or after is None or effect is None:
        return ""
    if after < before and effect > 1:
        return _(
            "The mean amount is lower and the typical deal larger: a few very large deals lifted"
            " the mean of the side to compare with. The change is that of the typical deal."
        )
    if after > before and effect < 1:
        return _(
            "The mean amount is higher and the typical deal smaller: a few very large deals lifted"
            " the mean. The change is that of the typical deal."
        )
    return ""


def short_measure(measure: Measure) -> str:
    """The same for the middle of a sentence's start: "Win rate went from ..."."""
    return {
        "opened_per_week": _("Deals opened"),
        "won_within": _("Win rate"),
        "passed_within": _("Conversion"),
        "cycle_days": _("Mean cycle"),
        "deal_size": _("Mean deal size"),
    }[measure]
