"""The page of one experiment: what is tried and why, what it shows so far, what happened to it.

All figures are the stored ones of the newest day; a page computes none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import RATE_MINIMUM, Style
from accounts.models import Company
from metrics.calc.experiments.result import ExperimentFigures, TimePoint
from metrics.models import (
    DangerPoint,
    Experiment,
    ExperimentReason,
    ExperimentResult,
    Finding,
    FindingDeal,
)
from metrics.selectors.danger_log import person
from metrics.selectors.danger_words import state_text as danger_state
from metrics.selectors.experiment_cautions import Cautions, cautions
from metrics.selectors.experiment_decision import Decision, decision_of
from metrics.selectors.experiment_sentences import unread_text
from metrics.selectors.experiment_stored import figures_in, method_in
from metrics.selectors.experiment_story import Story, story_of
from metrics.selectors.experiment_units import Units, measured_text
from metrics.selectors.experiment_verdict import (
    GuardrailRow,
    VerdictCard,
    guardrail_rows,
    sides,
    verdict_card,
)
from metrics.selectors.experiment_words import (
    KINDS,
    Word,
    decision_text,
    design_text,
    measure_text,
    smallest_text,
    state_text,
)
from metrics.selectors.filters import segment_text
from metrics.selectors.finding_rows import deals_text
from metrics.selectors.finding_sources import source_of
from pipeline.models import Stage


@dataclass(frozen=True, slots=True)
class Reason:
    """A finding or a danger point that led to it."""

    kind: str  # finding, danger
    id: int
    text: str
    note: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A line of the plan; `kind` names what the template adds to it: segment, owner."""

    term: str
    value: str
    note: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class ExperimentPage:
    """Everything that the page prints. `figures` None: nothing was computed yet."""

    id: int
    version: int
    title: str
    state: str
    tag: Word
    lever: str
    lede: tuple[tuple[str, str], ...]  # (word, what it says): If we, then, because
    segment: str
    segment_words: str
    measured: str
    sides: tuple[str, str]
    figures: ExperimentFigures | None
    figures_day: str
    missing: str  # why there are no figures, as a sentence
    stale: str  # the figures are older than today
    card: VerdictCard | None
    guardrails: tuple[GuardrailRow, ...]
    harmed: bool
    cautions: Cautions
    plan: tuple[PlanLine, ...]
    reasons: tuple[Reason, ...]
    story: Story
    decision: Decision | None
    starts_on: date | None
    starts: str
    withdrawn: bool
    overdue: str
    rising: bool
    key: bool  # two arms: which line is which has to be said
    chart_note: str
    owner_id: int | None

    @property
    def draft(self) -> bool:
        """Before the start there is a plan to help with instead of a verdict."""
        return self.state == Experiment.State.DRAFT


def experiment_page(
    *, company: Company, experiment_id: int, today: date, style: Style
) -> ExperimentPage | None:
    """One experiment; None where there is none of that id.

    today: the company's local day. A fixed number of queries, whatever the log and the data.
    """
    experiment: Experiment | None = (
        Experiment.objects.select_related("owner", "decided_by", "stage")
        .filter(pk=experiment_id)
        .first()
    )
    if experiment is None:
        return None
    results = _results(experiment)
    running = results.get(ExperimentResult.Kind.RUNNING)
    decided = experiment.state == Experiment.State.DECIDED
    frozen = figures_in(experiment.decided_figures)
    # What was decided on, or nothing: a later day's figures would pass for it.
    kept = experiment.decided_figures if decided else None
    shown = kept or (running.figures if running else None)
    figures = figures_in(shown)
    stages = _stage_names(experiment)
    story = story_of(experiment, company=company, today=today, style=style)
    smallest = experiment.smallest_effect
    stage = experiment.stage.name if experiment.stage else ""
    days = figures.follow_up if figures is not None else experiment.follow_up_days
    rails = guardrail_rows(figures, stages=stages, style=style) if figures is not None else ()
    lasted = results.get(ExperimentResult.Kind.FOLLOW_UP)
    return ExperimentPage(
        id=experiment.pk,
        version=experiment.version,
        title=experiment.title,
        state=experiment.state,
        tag=_tag(experiment, company, today, style),
        lever=measure_text(experiment.measure, stage),
        lede=_lede(experiment),
        segment=experiment.segment,
        segment_words=segment_text(experiment.segment),
        measured=measured_text(KINDS[experiment.measure], stage=stage, days=days, style=style),
        sides=sides(figures) if figures is not None else ("", ""),
        figures=figures,
        figures_day=formats.day(figures.last_day, style, today=today) if figures else "",
        missing="" if figures is not None else _missing(experiment, shown, today, style),
        stale=_stale(experiment, running, today, style) if not decided else "",
        card=verdict_card(figures, smallest=smallest, style=style) if figures else None,
        guardrails=rails,
        harmed=any(row.worse for row in rails),
        cautions=cautions(experiment, figures, company=company, today=today, style=style),
        plan=_plan(experiment, figures, stages, today=today, style=style),
        reasons=_reasons(experiment, today=today, style=style),
        story=story,
        decision=decision_of(
            experiment,
            frozen,
            story.recheck,
            lasted.figures if lasted else None,
            company=company,
            today=today,
            style=style,
        ),
        starts_on=experiment.starts_on,
        starts=formats.day(experiment.starts_on, style, today=today)
        if experiment.starts_on
        else "",
        withdrawn=experiment.withdrawn_at is not None,
        overdue=_overdue(experiment, today, style),
        rising=experiment.rising,
        key=experiment.design != Experiment.Design.BEFORE_AFTER,
        chart_note=_chart_note(experiment, figures),
        owner_id=experiment.owner_id,
    )


def _results(experiment: Experiment) -> dict[str, ExperimentResult]:
    """The newest result of each kind. One query."""
    rows = (
        ExperimentResult.objects.filter(experiment=experiment)
        .order_by("kind", "-day")
        .distinct("kind")
    )
    return {row.kind: row for row in rows}


def _stage_names(experiment: Experiment) -> tuple[str, ...]:
    """The names of the guardrails' stages, in their order. No query without one."""
    wanted = [row.get("stage") for row in experiment.guardrails]
    ids = {pk for pk in wanted if pk is not None}
    names = dict(Stage.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
    return tuple(names.get(pk, "") for pk in wanted)


def _tag(experiment: Experiment, company: Company, today: date, style: Style) -> Word:
    """The state with where it stands: "Running, day 46 of 91"."""
    told = state_text(experiment.state)
    starts, ends = experiment.starts_on, experiment.ends_on
    if experiment.state == Experiment.State.DECIDED:
        return decision_text(experiment.decision) if experiment.decision else told
    if experiment.state == Experiment.State.DRAFT or starts is None:
        return told
    stopped = experiment.state == Experiment.State.STOPPED
    day = today
    if stopped and experiment.stopped_at is not None:
        day = company.local_day(company.clock(experiment.stopped_at))
    if day < starts:
        word = _("Starts on {day}").format(day=formats.day(starts, style, today=today))
    elif ends is not None and day >= ends and not stopped:
        word = _("Running, planned end reached")
    else:
        nth = formats.number((day - starts).days + 1, style)
        if ends is None:
            word = _("{state}, day {nth}").format(state=told.word, nth=nth)
        else:
            all_ = formats.number((ends - starts).days, style)
            word = _("{state}, day {nth} of {all}").format(state=told.word, nth=nth, all=all_)
    return Word(told.value, word, "clock" if not stopped else told.icon, told.tone)


def _lede(experiment: Experiment) -> tuple[tuple[str, str], ...]:
    parts = (
        (_("If we"), experiment.if_we),
        (_("then"), experiment.then),
        (_("because"), experiment.because),
    )
    return tuple((word, text) for word, text in parts if text)


def drawn_points(figures: ExperimentFigures) -> frozenset[TimePoint]:
    """The points whose window has cases enough for a line; all of them where none has.

    Two deals of two are no 100% that anybody should see from afar. The table has every point.
    """
    if figures.primary.measure == "opened_per_week":
        return frozenset(figures.points)  # no deal in four weeks is a number like any other
    enough = frozenset(point for point in figures.points if point.n >= RATE_MINIMUM)
    return enough or frozenset(figures.points)


def _chart_note(experiment: Experiment, figures: ExperimentFigures | None) -> str:
    if experiment.measure == "number":
        # xgettext:no-python-format
        return _("Over the four weeks until each day; shading is the 95% interval")
    if figures is not None and len(drawn_points(figures)) < len(figures.points):
        # xgettext:no-python-format
        return _(
            "Of mature deals opened in four weeks, where they are 10 or more; shading is the 95%"
            " interval"
        )
    # xgettext:no-python-format
    return _("Of mature deals opened in four weeks; shading is the 95% interval")


def _missing(
    experiment: Experiment, stored: Mapping[str, Any] | None, today: date, style: Style
) -> str:
    if experiment.state == Experiment.State.DRAFT:
        return ""
    if stored:
        said = unread_text(method_in(stored))
        if experiment.state == Experiment.State.DECIDED:
            return said
        return f"{said} " + _("They are computed anew in the background.")
    if experiment.state == Experiment.State.DECIDED:
        return _("There were no figures yet when this was decided.")
    if experiment.starts_on is not None and today <= experiment.starts_on:
        return _("There are no figures yet: the first day is not over.")
    return _("There are no figures yet. They are computed in the background, within minutes.")


def _stale(
    experiment: Experiment, result: ExperimentResult | None, today: date, style: Style
) -> str:
    """A sentence where the figures stand still though the experiment goes on."""
    if result is None or experiment.state != Experiment.State.RUNNING:
        return ""
    if (today - result.day).days <= 1:
        return ""
    return _("These figures are of {day}; newer ones are being computed.").format(
        day=formats.day(result.day, style, today=today)
    )


def _overdue(experiment: Experiment, today: date, style: Style) -> str:
    if experiment.state != Experiment.State.RUNNING or experiment.ends_on is None:
        return ""
    if today < experiment.ends_on:
        return ""
    return _("The planned end is reached. Decide by the rule that was fixed at the start.")


def _plan(
    experiment: Experiment,
    figures: ExperimentFigures | None,
    stages: tuple[str, ...],
    *,
    today: date,
    style: Style,
) -> tuple[PlanLine, ...]:
    stage = experiment.stage.name if experiment.stage else ""
    lines = [
        PlanLine(_("Lever"), measure_text(experiment.measure, stage)),
        PlanLine(_("Segment"), segment_text(experiment.segment), kind="segment"),
        PlanLine(_("Design"), design_text(experiment.design), _seed(experiment)),
        PlanLine(_("Dates"), _dates(experiment.starts_on, experiment.ends_on, today, style)),
    ]
    if experiment.design == Experiment.Design.BEFORE_AFTER:
        window = _dates(experiment.baseline_start, experiment.baseline_end, today, style)
        lines.append(PlanLine(_("Compared with"), window))
    lines.append(_target(experiment, figures, style))
    if experiment.measure != "number" or experiment.guardrails:
        lines.append(_follow_up(experiment, figures, style))
    rails = ", ".join(
        measure_text(row["measure"], name)
        for row, name in zip(experiment.guardrails, stages, strict=True)
    )
    if rails:
        lines.append(PlanLine(_("Guardrails"), rails))
    lines.append(PlanLine(_("Decide if"), experiment.decision_rule or _("Not said yet")))
    lines.append(PlanLine(_("Owner"), person(experiment.owner) or _("Nobody yet"), kind="owner"))
    return tuple(lines)


def _seed(experiment: Experiment) -> str:
    if experiment.seed is None:
        return ""
    return _("drawn with seed {seed}").format(seed=experiment.seed)


def _dates(first: date | None, end: date | None, today: date, style: Style) -> str:
    """A window by its first and last day; `end` is the day after the last."""
    if first is None:
        return _("Not said yet")
    start = formats.day(first, style, today=today)
    if end is None:
        return _("from {day}").format(day=start)
    last = formats.day(end - timedelta(days=1), style, today=today)
    return _("{first} to {last}").format(first=start, last=last)


def _target(experiment: Experiment, figures: ExperimentFigures | None, style: Style) -> PlanLine:
    wished = smallest_text(experiment.measure, experiment.smallest_effect, experiment.rising, style)
    level = figures.primary.baseline.value if figures is not None else None
    if figures is None or level is None or figures.target is None:
        return PlanLine(_("Target"), wished or _("Not said yet"))
    units = Units(figures.primary.measure, style)
    return PlanLine(
        _("Target"),
        f"{units.value(level)} \N{RIGHTWARDS ARROW} {units.value(figures.target)}",
        f"({wished})",
    )


def _follow_up(experiment: Experiment, figures: ExperimentFigures | None, style: Style) -> PlanLine:
    days = experiment.follow_up_days or (figures.follow_up if figures is not None else None)
    if days is None:
        return PlanLine(_("Follow-up"), _("Fixed at the start"))
    return PlanLine(_("Follow-up"), formats.days(days, style) or "", _("for both sides alike"))


def _reasons(experiment: Experiment, *, today: date, style: Style) -> tuple[Reason, ...]:
    """Findings, each with its number of deals, and danger points that led to it. One query."""
    tied = (
        FindingDeal.objects.filter(finding_id=OuterRef("finding_id"))
        .order_by()
        .values("finding_id")
        .annotate(n=Count("pk"))
        .values("n")
    )
    rows = (
        ExperimentReason.objects.filter(experiment=experiment)
        .select_related("finding", "danger_point__stage")
        .annotate(n_deals=Subquery(tied))
        .order_by("pk")
    )
    found = []
    for row in rows:
        if row.finding is not None:
            found.append(_finding(row.finding, row.n_deals or 0, today, style))
        elif row.danger_point is not None:
            found.append(_danger(row.danger_point))
    return tuple(found)


def _finding(finding: Finding, deals: int, today: date, style: Style) -> Reason:
    source = source_of(finding.source)
    said = _("{source}, {deals}, {day}")
    if finding.withdrawn_at is not None:
        said = _("{source}, {deals}, {day}, withdrawn since")
    note = said.format(
        source=source.word,
        deals=deals_text(deals, style),
        day=formats.day(finding.learned_on, style, today=today),
    )
    tone = {"high": "danger", "medium": "watch"}.get(finding.severity, "")
    return Reason("finding", finding.pk, finding.statement, note, source.icon, tone)


def _danger(point: DangerPoint) -> Reason:
    note = _("Danger point, {segment}, {state}").format(
        segment=segment_text(point.segment), state=danger_state(point.state).word
    )
    return Reason("danger", point.pk, point.stage.name, note, "triangle-alert", "danger")
