"""What planning help says: whether a team can see what it hopes for, in words and as a curve."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.experiments.kinds import NO_EFFECT, SCALE, Goal, Measure
from metrics.calc.experiments.power import Ground, Plan, Point
from metrics.selectors.experiment_units import Units

_CAPPED = 20.0  # an effect of twenty times is no effect that anybody hopes for


@dataclass(frozen=True, slots=True)
class Week:
    """A week of the curve: the smallest change that could be seen by then, without sign."""

    number: int
    week: str
    week_short: str
    smallest: float | None
    smallest_text: str
    power: float | None
    power_text: str
    cases_before: float
    cases_test: float
    tip: str


@dataclass(frozen=True, slots=True)
class PlanFact:
    """A line of the help."""

    term: str
    anchor: str
    figure: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PlanningHelp:
    """The help, ready to print. `reason` says why there is none; then the rest is empty."""

    headline: str
    tone: str  # better, watch, danger
    icon: str
    warning: str
    advice: tuple[str, ...]
    facts: tuple[PlanFact, ...]
    ground: str
    curve: tuple[Week, ...]
    planned_weeks: int
    wished: float | None
    wished_text: str
    measure: Measure
    sign: int
    taken: tuple[str, ...] = ()
    reason: str = ""


def nothing(reason: str, measure: Measure) -> PlanningHelp:
    """No help, and why."""
    return PlanningHelp("", "", "info", "", (), (), "", (), 0, None, "", measure, 1, (), reason)


def planning_words(
    ground: Ground,
    goal: Goal,
    plan: Plan,
    *,
    wished: bool,
    stage: str,
    taken: tuple[str, ...] = (),
    style: Style,
) -> PlanningHelp:
    """The help in words. `wished`: an effect was asked for; `stage`: the name of `plan.stage`.

    `taken` says what was put in place of what the plan leaves open.
    """
    units = Units(ground.measure, style)
    weeks = weeks_text(plan.planned_weeks, style)
    headline, tone, icon = _headline(plan, goal, units, weeks, wished)
    return PlanningHelp(
        headline=headline,
        tone=tone,
        icon=icon,
        warning=_warning(plan, goal, units, weeks) if wished else "",
        advice=_advice(plan, stage, style) if wished else (),
        facts=(_inflow(ground, style), *_facts(plan, goal, units, wished, style)),
        ground=_ground(ground, units, style),
        curve=tuple(_week(row, goal, units, wished, style) for row in plan.curve),
        planned_weeks=plan.planned_weeks,
        wished=goal.smallest if wished else None,
        wished_text=_("Wished {change}").format(change=_signed(goal.smallest, goal, units))
        if wished
        else "",
        measure=ground.measure,
        sign=goal.sign,
        taken=taken,
    )


def weeks_text(n: int, style: Style) -> str:
    """So many weeks, in words."""
    return ngettext("{n} week", "{n} weeks", n).format(n=formats.number(n, style))


def _signed(size: float, goal: Goal, units: Units) -> str:
    return units.effect(NO_EFFECT[SCALE[units.measure]] + goal.sign * size)


def _headline(
    plan: Plan, goal: Goal, units: Units, weeks: str, wished: bool
) -> tuple[str, str, str]:
    smallest = plan.smallest
    if smallest is None or smallest >= _CAPPED:
        told = _("In {weeks} no change of any size can be seen.").format(weeks=weeks)
        return told, "danger", "triangle-alert"
    change = _signed(smallest, goal, units)
    told = _("In {weeks} the smallest change that can be seen is {change}.").format(
        weeks=weeks, change=change
    )
    if not wished:
        return told, "", "info"
    if smallest <= goal.smallest:
        return told, "better", "check"
    return (told, "danger", "triangle-alert") if plan.hopeless else (told, "watch", "flag")


def _warning(plan: Plan, goal: Goal, units: Units, weeks: str) -> str:
    """Plain words where the wished effect would probably be missed."""
    change = _signed(goal.smallest, goal, units)
    if plan.hopeless:
        return _(
            "Hopeless as planned: even if {change} is true, {weeks} would more likely miss it than"
            " show it. Do not start it like this."
        ).format(change=change, weeks=weeks)
    if plan.smallest is None or plan.smallest > goal.smallest:
        return _("A risk: if {change} is true, {weeks} may still miss it.").format(
            change=change, weeks=weeks
        )
    return ""


def _advice(plan: Plan, stage: str, style: Style) -> tuple[str, ...]:
    """What would help instead, in the order of its worth."""
    told = []
    for one in plan.advice:
        if one == "longer" and plan.weeks_needed is not None:
            told.append(
                _("Longer: {weeks} would do.").format(weeks=weeks_text(plan.weeks_needed, style))
            )
        elif one == "larger_segment" and plan.inflow_factor is not None:
            told.append(
                _("A larger segment: {factor} times the deals would do.").format(
                    factor=formats.number(plan.inflow_factor, style, decimals=1)
                )
            )
        elif one == "stage_conversion" and stage:
            told.append(
                _(
                    "A stage's conversion instead of the win rate: {stage} has more events and"
                    " would show the same relative change sooner."
                ).format(stage=stage)
            )
    if not told and plan.hopeless:
        told.append(
            _("Neither more time nor more deals would do: hope for a larger effect, or test a"
              " bolder change.")
        )  # fmt: skip
    return tuple(told)


def _inflow(ground: Ground, style: Style) -> PlanFact:
    return PlanFact(
        _("Inflow today"),
        "experiments-planning",
        _("{n} a week").format(n=formats.average(round(ground.per_week, 1), style)),
        _("new cases, from the last 13 weeks"),
    )


def _facts(
    plan: Plan, goal: Goal, units: Units, wished: bool, style: Style
) -> tuple[PlanFact, ...]:
    none = _("No size at all")
    small, always = plan.smallest, plan.smallest_always_valid
    rows = [
        PlanFact(
            _("Smallest change, one look"),
            "experiments-planning",
            none if small is None else _signed(small, goal, units),
            # xgettext:no-python-format
            _("80% power at the planned end"),
        ),
        PlanFact(
            _("Smallest change, looking daily"),
            "experiments-always-valid",
            none if always is None else _signed(always, goal, units),
            _("what the verdict needs, in four of five cases"),
        ),
    ]
    if wished:
        needed = plan.weeks_needed
        rows += [
            PlanFact(
                _("Wished effect"), "experiments-planning", _signed(goal.smallest, goal, units)
            ),
            PlanFact(
                _("Chance to see it"),
                "experiments-planning",
                formats.chance(plan.power, style) or "",
                _("in the planned time, if it is true"),
            ),
            PlanFact(
                _("Weeks that it needs"),
                "experiments-planning",
                _("More than five years") if needed is None else weeks_text(needed, style),
            ),
        ]
    return tuple(rows)


def _ground(ground: Ground, units: Units, style: Style) -> str:
    """What the plan stands on."""
    level, n = units.value(ground.level), formats.number(ground.cases, style)
    if ground.measure == "opened_per_week":
        return _("From the window before: {level} over {n} cases.").format(level=level, n=n)
    return _("From the window before: {level} over {n} cases, each followed for {days}.").format(
        level=level, n=n, days=formats.days(ground.follow_up, style)
    )


def _week(row: Point, goal: Goal, units: Units, wished: bool, style: Style) -> Week:
    small = row.smallest if row.smallest is not None and row.smallest < _CAPPED else None
    week = weeks_text(row.week, style)
    text = _("none") if small is None else _signed(small, goal, units)
    power = formats.chance(row.power, style) or "" if wished else ""
    return Week(
        number=row.week,
        week=week,
        week_short=formats.number(row.week, style) or "",
        smallest=small,
        smallest_text=text,
        power=row.power if wished else None,
        power_text=power,
        cases_before=row.cases_baseline,
        cases_test=row.cases_test,
        tip=f"{week}: {text}",
    )
