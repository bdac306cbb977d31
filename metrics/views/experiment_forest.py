"""The effects of decided experiments on one axis per measure."""

import math
from collections.abc import Callable

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.experiments.kinds import NO_EFFECT, SCALE, Measure
from metrics.charts import Chart, Estimate, Table
from metrics.charts.forest import Line, forest
from metrics.selectors.experiment_comparison import Comparison, Group
from metrics.selectors.experiment_rows import ExperimentRow
from metrics.selectors.experiment_words import effect_interval_text, effect_text


def forests(comparison: Comparison, *, style: Style) -> dict[Measure, Chart]:
    """By measure: a chart where at least one experiment has an effect."""
    return {group.kind: _forest(group, style) for group in comparison.groups if group.rows}


def _forest(group: Group, style: Style) -> Chart:
    best = group.rows[0]
    return forest(
        name=f"forest-{group.kind}".replace("_", "-"),
        title=group.title,
        reading=_("Largest: {title}, {effect}.").format(title=best.title, effect=best.effect),
        lines=tuple(_line(row, style) for row in group.rows),
        tick=_tick(group.kind, style),
        centre=NO_EFFECT[SCALE[group.kind]],
        table=_table(group, style),
    )


def _line(row: ExperimentRow, style: Style) -> Line:
    reading = row.reading
    if reading is None or reading.effect is None:
        raise ValueError("a row without an effect has no line")
    outer = reading.always_valid or (-math.inf, math.inf)
    return Line(
        label=row.title,
        estimate=Estimate(
            value=reading.effect,
            low=outer[0],
            high=outer[1],
            inner=reading.interval,
            text=row.effect,
            low_text=effect_interval_text(reading.measure, outer, style),
        ),
        target=row.smallest,
        conclusive=row.settled,
    )


def _tick(kind: Measure, style: Style) -> Callable[[float], str]:
    """A tick without its unit, which stands over the chart."""

    def tick(value: float) -> str:
        scaled = {"difference": value, "ratio": value - 1}[SCALE[kind]]
        if kind != "cycle_days":
            scaled *= 100
        decimals = 0 if abs(scaled - round(scaled)) < 1e-6 else 1
        if abs(scaled) < 1e-9:
            return formats.number(0, style) or "0"
        return formats.signed_number(scaled, style, decimals=decimals) or ""

    return tick


def _table(group: Group, style: Style) -> Table:
    readings = [(row, row.reading) for row in group.rows if row.reading is not None]
    return Table(
        head=(_("Experiment"), _("Effect"), _("One look"), _("Always valid"), _("Hoped for")),
        rows=tuple(
            (
                row.title,
                row.effect,
                effect_interval_text(one.measure, one.interval, style),
                effect_interval_text(one.measure, one.always_valid, style),
                effect_text(one.measure, row.smallest, style),
            )
            for row, one in readings
        ),
        raw_head=(
            "experiment", "effect", "interval_low", "interval_high", "always_valid_low",
            "always_valid_high", "smallest_effect",
        ),
        raw=tuple(
            (
                row.title,
                one.effect,
                *(one.interval or (None, None)),
                *(one.always_valid or (None, None)),
                row.smallest,
            )
            for row, one in readings
        ),
    )  # fmt: skip
