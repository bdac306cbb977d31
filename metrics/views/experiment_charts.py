"""From the stored figures of an experiment to its charts, and from a plan to its picture."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypedDict

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.experiments.result import ExperimentFigures, TimePoint
from metrics.charts import Chart, Estimate, Event, Level, Mark, Point, Table, interval, line
from metrics.selectors.experiment_page import ExperimentPage, drawn_points
from metrics.selectors.experiment_planning import PlanningHelp
from metrics.selectors.experiment_units import CONVERSIONS, Units
from metrics.selectors.experiment_verdict import Bar

_WEEK = timedelta(weeks=1)


class _Told(TypedDict):
    year: date
    drawn: frozenset[TimePoint]


def experiment_charts(page: ExperimentPage, *, style: Style) -> dict[str, Chart]:
    """The charts by the name of their permalink; none before there are figures."""
    if page.figures is None or page.card is None:
        return {}
    charts = {"time": over_time(page, page.figures, style=style)}
    if page.card.bar is not None:
        charts["change"] = change(page, page.figures, page.card.bar, style=style)
    return charts


def change(page: ExperimentPage, figures: ExperimentFigures, bar: Bar, *, style: Style) -> Chart:
    """The change with its intervals, no change as the zero line, and the target."""
    primary = figures.primary
    units = Units(primary.measure, style)
    marks = () if bar.target is None else (Mark(bar.target, bar.target_text, target=True),)
    rows = [
        (_("Change"), units.effect(primary.effect), ""),
        # xgettext:no-python-format
        (_("50% interval"), "", units.span(primary.half)),
        # xgettext:no-python-format
        (_("95% interval, one look"), "", units.span(primary.interval)),
        # xgettext:no-python-format
        (_("95% interval, always valid"), "", units.span(primary.always_valid)),
    ]  # fmt: skip
    return interval(
        name="change",
        title=_("Change of {measure}").format(measure=page.measured),
        # xgettext:no-python-format
        reading=_("{effect}, 95% for one look {span}, always valid {always}.").format(
            effect=units.effect(primary.effect),
            span=units.span(primary.interval),
            always=units.span(primary.always_valid),
        ),
        estimate=Estimate(
            value=bar.value,
            low=bar.low,
            high=bar.high,
            inner=bar.half,
            text=bar.text,
            low_text=bar.low_text,
            high_text=bar.high_text,
            outer=bar.always,
        ),
        tick=units.tick,
        marks=marks,
        zero=True,
        table=Table(
            head=(_("What"), _("Change"), _("Interval")),
            rows=tuple(rows),
            raw_head=("what", "effect", "low", "high"),
            raw=(
                ("effect", primary.effect, None, None),
                ("interval_50", None, *(primary.half or (None, None))),
                ("interval_95", None, *(primary.interval or (None, None))),
                ("always_valid_95", None, *_ends(primary.always_valid)),
            ),
        ),
    )


def _ends(pair: tuple[float, float] | None) -> tuple[float | None, float | None]:
    """An interval for a file: an end that is not there yet is an empty cell."""
    low, high = pair or (float("-inf"), float("inf"))
    return (None if low == float("-inf") else low, None if high == float("inf") else high)


def over_time(page: ExperimentPage, figures: ExperimentFigures, *, style: Style) -> Chart:
    """The measure week by week, with its interval; the start marked, or both arms."""
    if figures.design == "before_after":
        return _before_and_after(page, figures, style)
    return _arms(page, figures, style)


def _grid(points: Sequence[TimePoint]) -> list[tuple[date, TimePoint | None]]:
    """Every week of one side from its first to its last point: one without deals is a gap."""
    known = {point.upto: point for point in points}
    if not known:
        return []
    first, last = min(known), max(known)
    weeks = (last - first).days // 7
    return [(first + n * _WEEK, known.get(first + n * _WEEK)) for n in range(weeks + 1)]


def _point(
    upto: date,
    point: TimePoint | None,
    units: Units,
    style: Style,
    *,
    year: date,
    drawn: frozenset[TimePoint],
) -> Point:
    label = formats.day(upto, style, today=year)
    if point is None:
        return Point(label, _("{day}: no mature deal").format(day=label), None)
    low, high = point.interval or (None, None)
    tip = _("{first} to {last}: {value}, {n}").format(
        first=formats.day(point.since, style, today=year),
        last=label,
        value=_value(point, units),
        n=_n(point, style),
    )
    if point not in drawn:
        return Point(label, tip, None)
    return Point(label, tip, point.value, low, high)


def _value(point: TimePoint, units: Units) -> str:
    if point.k is not None and units.measure in CONVERSIONS:
        return formats.rate(point.k, point.n, units.style)
    return units.value(point.value)


def _n(point: TimePoint, style: Style) -> str:
    if point.k is not None:
        return formats.k_of_n(point.k, point.n, style)
    return _("n = {n}").format(n=formats.number(point.n, style))


def _before_and_after(page: ExperimentPage, figures: ExperimentFigures, style: Style) -> Chart:
    units = Units(figures.primary.measure, style)
    before = _grid([p for p in figures.points if p.side == "baseline"])
    after = _grid([p for p in figures.points if p.side == "test"])
    told: _Told = {"year": figures.last_day, "drawn": drawn_points(figures)}
    points = [_point(day, point, units, style, **told) for day, point in before]
    start = len(points)
    # The line is broken at the start: no window reaches over it.
    points.append(Point("", _("Start {day}").format(day=page.starts), None))
    points += [_point(day, point, units, style, **told) for day, point in after]
    level, target = figures.primary.baseline.value, figures.target
    levels = []
    if level is not None and start:
        text = _("Before {value}").format(value=units.side(figures.primary.baseline))
        levels.append(Level(level, text, first=0, last=start))
    if target is not None and after:
        text = _("Target {value}").format(value=units.value(target))
        levels.append(Level(target, text, first=start, target=True))
    return line(
        name="time",
        title=page.measured,
        reading=_reading(figures, units),
        points=points,
        tick=units.level_tick,
        height=260,
        from_zero=True,
        events=(Event(start, _("Start {day}").format(day=page.starts)),),
        levels=levels,
        table=_table(figures.points, page, units, style),
    )


def _arms(page: ExperimentPage, figures: ExperimentFigures, style: Style) -> Chart:
    """The test arm with its interval, the control arm in grey beside it."""
    units = Units(figures.primary.measure, style)
    control = {p.upto: p for p in figures.points if p.side == "baseline"}
    test = {p.upto: p for p in figures.points if p.side == "test"}
    grid = _grid([*control.values(), *test.values()])
    days = [day for day, _point_there in grid]
    told: _Told = {"year": figures.last_day, "drawn": drawn_points(figures)}
    levels = []
    if figures.target is not None and grid:
        text = _("Target {value}").format(value=units.value(figures.target))
        levels.append(Level(figures.target, text, target=True))
    return line(
        name="time",
        title=page.measured,
        reading=_reading(figures, units),
        points=[_point(day, test.get(day), units, style, **told) for day in days],
        beside=[
            point.value if (point := control.get(day)) in told["drawn"] and point else None
            for day in days
        ],
        tick=units.level_tick,
        height=260,
        from_zero=True,
        levels=levels,
        table=_table(figures.points, page, units, style),
    )


def _reading(figures: ExperimentFigures, units: Units) -> str:
    before, after = figures.primary.baseline, figures.primary.test
    told = _("{before} before, {after} after.")
    if figures.design != "before_after":
        told = _("{before} in control, {after} in the test.")
    return told.format(
        before=units.side(before) or _("Nothing"), after=units.side(after) or _("nothing yet")
    )


def _table(points: Sequence[TimePoint], page: ExperimentPage, units: Units, style: Style) -> Table:
    names = dict(zip(("baseline", "test"), page.sides, strict=True))
    return Table(
        head=(_("Deals opened until"), _("Side"), page.lever, _("Of")),
        rows=tuple(
            (
                formats.day(p.upto, style),
                names[p.side],
                _value(p, units),
                _n(p, style),
            )
            for p in points
        ),
        raw_head=(
            "side", "opened_from", "opened_until", "value", "interval_low", "interval_high",
            "n", "k",
        ),
        raw=tuple(
            (
                "control" if p.side == "baseline" and page.figures and page.figures.arms
                else {"baseline": "before"}.get(p.side, p.side),
                p.since.isoformat(), p.upto.isoformat(), p.value,
                *(p.interval or (None, None)), p.n, p.k,
            )
            for p in points
        ),
    )  # fmt: skip


def chart_of_plan(help_: PlanningHelp, *, style: Style) -> Chart | None:
    """The picture of planning help; None where there is no help to draw."""
    return plan_chart(help_, style=style) if help_.curve else None


def plan_chart(help_: PlanningHelp, *, style: Style) -> Chart:
    """The smallest change that could be seen by each week, and the wished one as a level."""
    units = Units(help_.measure, style)

    def tick(change: float) -> str:
        return units.tick(change * help_.sign)

    # The first weeks show only what nobody hopes for: they would press the rest to the floor.
    planned = min(help_.planned_weeks, len(help_.curve)) - 1
    most = max(3 * (help_.wished or 0.0), 1.5 * (help_.curve[planned].smallest or 0.0))
    points = [
        Point(
            label=row.week_short,
            tip=row.tip,
            value=row.smallest if row.smallest is not None and row.smallest <= most else None,
        )
        for row in help_.curve
    ]
    levels = []
    if help_.wished is not None:
        levels.append(Level(help_.wished, help_.wished_text, target=True))
    return line(
        name="plan",
        title=_("Smallest change that can be seen"),
        reading=help_.headline,
        points=points,
        tick=tick,
        height=200,
        from_zero=True,
        events=(Event(planned, _("Planned end")),),
        levels=levels,
        table=Table(
            head=(_("Weeks"), _("Smallest change"), _("Chance to see the wished one")),
            rows=tuple((row.week, row.smallest_text, row.power_text) for row in help_.curve),
            raw_head=("week", "smallest", "power", "cases_before", "cases_test"),
            raw=tuple(
                (row.number, row.smallest, row.power, row.cases_before, row.cases_test)
                for row in help_.curve
            ),
        ),
    )
