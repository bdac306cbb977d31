"""Can this team see what it hopes for: the ground of a plan, read from history while it is drafted.

Computed in the request, unlike results: a draft changes with every field, nothing of the answer is
kept, and nobody decides by it. It reads one window of one pipeline once: 13 to 121 ms were measured
on a company of 3,000 deals, a curve of a year included. A stored row would only be a second truth
to keep in step with the form.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import day_number, microseconds
from metrics.calc.experiments.kinds import Design, Goal, Measure, Question
from metrics.calc.experiments.measures import (
    Observations,
    Side,
    in_segment,
    observe,
    usual_follow_up,
)
from metrics.calc.experiments.power import Ground, ground_of, plan
from metrics.calc.history import Bool, History, as_of, convert
from metrics.models import Experiment
from metrics.readers import read_rates
from metrics.selectors.experiment_planning import (
    PlanningHelp,
    nothing,
    planning_words,
    weeks_text,
)
from metrics.selectors.experiment_sentences import empty_text
from metrics.selectors.experiment_words import KINDS
from metrics.services import experiment_plans
from metrics.services.experiment_checks import checked

_RECENT = timedelta(days=91)  # whose inflow is that of today
_USUAL_WINDOW = timedelta(days=182)  # where no window before is named
_USUAL_WEEKS = 13
_MOST_WEEKS = 104


def help_so_far(
    *,
    company: Company,
    values: Mapping[str, Any],
    kept: Experiment | None = None,
    now: datetime,
    style: Style,
) -> PlanningHelp:
    """The same of what a form says so far (`ExperimentForm.question`), nothing of it kept.

    `kept` is the draft that the form changes. DomainError where that can never be meant.
    """
    asked = Experiment(company=company, **checked(values, kept=kept))
    return planning_help(company=company, experiment=asked, now=now, style=style)


def planning_help(
    *, company: Company, experiment: Experiment, now: datetime, style: Style
) -> PlanningHelp:
    """What a draft can show at today's inflow, or why that cannot be told.

    `experiment` may be unsaved: what a form says so far. Its missing days are taken as usual: a
    window before of half a year, a plan of thirteen weeks.
    """
    measure = KINDS[experiment.measure]
    clock = company.clock(now)
    today = company.local_day(clock)
    start, end = _window(experiment, today)
    read = experiment_plans.ground_of(
        company=company, experiment=experiment, as_of=clock, start=min(start, today - _RECENT)
    )
    stage = _stage(experiment, read)
    if measure == "passed_within" and stage is None:
        return nothing(_("Choose the stage whose conversion is meant."), measure)
    members = in_segment(read.history, experiment.segment)
    side = Side(members, day_number(start), day_number(end))
    inflow = _inflow(read.history, members, today)
    instant, last_day = microseconds(clock), day_number(read.last_day)
    days = experiment.follow_up_days or usual_follow_up(
        read.history, side, instant=instant, last_day=last_day
    )
    if days is None and measure != "opened_per_week":
        return nothing(
            _("No deal was won in the window before, so it cannot be told how long deals take."),
            measure,
        )
    history = read.history
    states = as_of(history, instant)
    amount = None
    if measure == "deal_size":
        amount = convert(history, states, last_day, read_rates(company=company))[0]

    design = _design(experiment)

    def asked(of: Measure, place: int | None) -> tuple[Observations, Ground | None]:
        follow_up = 0 if of == "opened_per_week" else days or 0
        seen = observe(history, states, Question(of, follow_up, place), side, last_day, amount)
        way = seen.started_on - states.opened_on[seen.deal]
        return seen, ground_of(
            seen,
            design,
            follow_up=follow_up,
            opened_per_week=inflow,
            stage=place,
            delay=float(way.mean()) if seen.size else 0.0,
        )

    seen, ground = asked(measure, stage)
    if ground is None:
        reason = seen.empty or "too_few"
        return nothing(empty_text(reason, "before_after"), measure)
    wished = experiment.smallest_effect
    rising = experiment.rising
    goal = Goal("up" if rising else "down", wished if wished else 0.1)
    stages = range(1, len(read.stages.ids) + 1) if measure == "won_within" and wished else ()
    conversions = [asked("passed_within", place)[1] for place in stages]
    fallbacks = [one for one in conversions if one is not None]
    made = plan(ground, goal, _own_weeks(experiment) or _USUAL_WEEKS, fallbacks)
    named = read.stages.names[made.stage - 1] if made.stage is not None else ""
    return planning_words(
        ground,
        goal,
        made,
        wished=bool(wished),
        stage=named,
        taken=_taken(experiment, style),
        style=style,
    )


def _taken(experiment: Experiment, style: Style) -> tuple[str, ...]:
    """What the plan leaves open, and what is taken instead."""
    told = []
    if _own_window(experiment) is None and experiment.design == Experiment.Design.BEFORE_AFTER:
        told.append(_("No window before is named yet: the half year before the start is taken."))
    if _own_weeks(experiment) is None:
        told.append(
            _("There is no last day after the first yet: {weeks} are taken.").format(
                weeks=weeks_text(_USUAL_WEEKS, style)
            )
        )
    return tuple(told)


def _window(experiment: Experiment, today: date) -> tuple[date, date]:
    """The window before: as planned for a before/after, else the half year until the start."""
    own = _own_window(experiment)
    if own is not None:
        return own
    end = min(experiment.starts_on or today, today)
    return end - _USUAL_WINDOW, end


def _own_window(experiment: Experiment) -> tuple[date, date] | None:
    start, end = experiment.baseline_start, experiment.baseline_end
    if experiment.design != Experiment.Design.BEFORE_AFTER or start is None or end is None:
        return None
    return (start, end) if start < end else None


def _own_weeks(experiment: Experiment) -> int | None:
    starts, ends = experiment.starts_on, experiment.ends_on
    if starts is None or ends is None or ends <= starts:
        return None
    return min(_MOST_WEEKS, max(1, (ends - starts).days // 7))


def _design(experiment: Experiment) -> Design:
    designs: dict[str, Design] = {
        Experiment.Design.BEFORE_AFTER: "before_after",
        Experiment.Design.ARMS_BY_REP: "arms_by_rep",
        Experiment.Design.ARMS_BY_DEAL: "arms_by_deal",
    }
    return designs[experiment.design]


def _stage(experiment: Experiment, read: experiment_plans.Ground) -> int | None:
    """The position of the stage whose conversion is meant, or of what replaced it."""
    if experiment.measure != "conversion" or experiment.stage_id is None:
        return None
    ids = read.stages.ids
    if experiment.stage_id in ids:
        return ids.index(experiment.stage_id) + 1
    heir = experiment_plans.heir_of(experiment.stage)
    return ids.index(heir.pk) + 1 if heir is not None and heir.pk in ids else None


def _inflow(history: History, members: Bool, today: date) -> float:
    """How many deals of a segment open per week, over the last weeks until today.

    Of fewer weeks where the pipeline is younger: it is not to blame for the time before.
    """
    opened = history.entered_on[history.visit_start[:-1]]
    end = day_number(today)
    first = end - _RECENT.days
    if len(opened):
        first = max(first, min(int(opened.min()), end - 7))
    recent = members & (opened >= first) & (opened < end)
    return float(recent.sum()) * 7 / (end - first)
