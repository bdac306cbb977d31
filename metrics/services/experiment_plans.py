"""From an experiment's row to what the arithmetic asks: windows, arms, stages, history."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from accounts.models import Company
from metrics.calc.calendar import day_number, microseconds
from metrics.calc.experiments.computing import data_digest, figures_of_experiment
from metrics.calc.experiments.kinds import Design, Measure
from metrics.calc.experiments.measures import Side, in_segment, usual_follow_up
from metrics.calc.experiments.result import (
    Arms,
    ExperimentFigures,
    ExperimentPlan,
    Guardrail,
    Window,
)
from metrics.calc.history import History
from metrics.calc.types import SegmentFigures
from metrics.models import Experiment
from metrics.readers import StageList, read_history, read_rates, stages_of
from metrics.selectors.figures import figures_of
from metrics.services.assignments import arms_of
from pipeline.models import DealChange, Stage, StageTransition

_MEASURES: dict[str, Measure] = {
    "number": "opened_per_week",
    "win_rate": "won_within",
    "conversion": "passed_within",
    "cycle": "cycle_days",
    "deal_size": "deal_size",
}
_OPEN_END = timedelta(days=3650)  # of a test without a planned end


@dataclass(frozen=True, slots=True)
class DataVersion:
    """What figures rest on: the data that was there, and the instant it was looked at.

    `digest` is of the deals, visits and amounts of both windows; the ids are the newest rows of
    the company that had been recorded, None without any. `asked`: what of the experiment may
    change while it runs, as it stood (`asked_of`).
    """

    asked: Mapping[str, Any]
    digest: str
    as_of: datetime
    transition_id: int | None
    recorded_at: datetime | None
    change_id: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, instants as ISO texts."""
        return {
            "asked": dict(self.asked),
            "digest": self.digest,
            "as_of": self.as_of.isoformat(),
            "transition_id": self.transition_id,
            "recorded_at": self.recorded_at.isoformat() if self.recorded_at else None,
            "change_id": self.change_id,
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of an experiment with what they rest on."""

    figures: ExperimentFigures
    data: DataVersion

    def to_json(self) -> dict[str, object]:
        """The figures' JSON with `data` beside: `ExperimentFigures.from_json` reads it too."""
        return {**self.figures.to_json(), "data": self.data.to_json()}


@dataclass(frozen=True, slots=True)
class Ground:
    """An experiment's history as of an instant, read once."""

    company: Company
    experiment: Experiment
    stages: StageList
    history: History
    as_of: datetime
    last_day: date  # the last local day that is over


def asked_of(experiment: Experiment) -> dict[str, Any]:
    """What may change of an experiment after its start and is in its figures, as plain values.

    Stored figures that were asked for otherwise are not those of the experiment as it stands.
    """
    stopped, end = experiment.stopped_at, experiment.ends_on
    return {
        "ends_on": end.isoformat() if end else None,
        "stopped_at": stopped.astimezone(UTC).isoformat() if stopped else None,
        "smallest_effect": experiment.smallest_effect,
        "guardrails": list(experiment.guardrails),
    }


def ready(experiment: Experiment) -> bool:
    """Whether there are windows to measure in."""
    test = experiment.starts_on is not None
    if experiment.design != Experiment.Design.BEFORE_AFTER:
        return test
    return test and experiment.baseline_start is not None and experiment.baseline_end is not None


def ground_of(
    *, company: Company, experiment: Experiment, as_of: datetime, start: date | None = None
) -> Ground:
    """Read the deals that were open since the baseline began (or `start`)."""
    days = [experiment.starts_on, experiment.baseline_start, start]
    today = company.local_day(as_of)
    stages = stages_of(pipeline_id=experiment.pipeline_id)
    history = read_history(
        company=company,
        pipeline_id=experiment.pipeline_id,
        stages=stages,
        start=min((day for day in days if day is not None), default=today),
        end=today + timedelta(days=1),
    )
    return Ground(company, experiment, stages, history, as_of, today - timedelta(days=1))


def plan_of(ground: Ground) -> ExperimentPlan:
    """The plan of an experiment that is `ready`."""
    experiment = ground.experiment
    test = _test_window(ground.company, experiment)
    baseline = test
    if experiment.baseline_start is not None and experiment.baseline_end is not None:
        baseline = Window(experiment.baseline_start, experiment.baseline_end)
    if experiment.design != Experiment.Design.BEFORE_AFTER:
        baseline = test
    return ExperimentPlan(
        measure=_MEASURES[experiment.measure],
        stage=_position(ground.stages, experiment.measure, experiment.stage_id),
        segment=experiment.segment,
        direction="up" if experiment.rising else "down",
        smallest=experiment.smallest_effect,
        design=_design(experiment),
        baseline=baseline,
        test=test,
        follow_up=experiment.follow_up_days,
        guardrails=tuple(
            Guardrail(
                _MEASURES[row["measure"]],
                _position(ground.stages, row["measure"], row.get("stage")),
            )
            for row in experiment.guardrails
        ),
        # A clock that stands still lies before everything that is done since.
        arms=arms_of(
            company=ground.company,
            experiment=experiment,
            upto=ground.as_of if ground.company.as_of is None else None,
        ),
    )


def lasting_plan(ground: Ground, window: Window) -> ExperimentPlan:
    """Did it last: the same measure and baseline, on all deals of a window after adoption.

    With arms, the baseline is the control arm as it was, and everybody is the test.
    """
    plan = plan_of(ground)
    arms = None
    if plan.arms is not None:
        opened = ground.history.entered_on[ground.history.visit_start[:-1]]
        first, end = day_number(window.start), day_number(window.end)
        later = in_segment(ground.history, plan.segment) & (opened >= first) & (opened < end)
        control = {deal: arm for deal, arm in plan.arms.of_deal.items() if arm == "baseline"}
        units = plan.arms.baseline_units + plan.arms.test_units
        arms = Arms(
            of_deal={
                **{int(deal): "test" for deal in ground.history.deal_id[later]},
                **control,
            },
            baseline_units=plan.arms.baseline_units,
            test_units=units if plan.arms.of_rep is not None else 1,
        )
    return replace(plan, design="before_after", test=window, arms=arms)


def measure(ground: Ground, plan: ExperimentPlan) -> Measured:
    """Compute a plan on its ground."""
    company, instant = ground.company, microseconds(ground.as_of)
    figures = figures_of_experiment(
        ground.history,
        plan,
        instant=instant,
        last_day=day_number(ground.last_day),
        rates=read_rates(company=company),
        quarter=_quarter_before(ground),
    )
    newest = (
        StageTransition.objects.filter(company=company)
        .order_by("-recorded_at", "-id")
        .values_list("id", "recorded_at")
        .first()
    )
    change = DealChange.objects.filter(company=company).order_by("-changed_at", "-id")
    data = DataVersion(
        asked=asked_of(ground.experiment),
        digest=data_digest(ground.history, plan, instant=instant),
        as_of=ground.as_of,
        transition_id=newest[0] if newest else None,
        recorded_at=newest[1] if newest else None,
        change_id=change.values_list("id", flat=True).first(),
    )
    return Measured(figures, data)


def usual_days_of(*, company: Company, experiment: Experiment, now: datetime) -> int | None:
    """D by default, as of now: the 90th percentile of the baseline's cycle_days.

    With arms there is no baseline yet: the days before the start take its place, as many as the
    plan is long, a year where it has no end. None without a deal won in them.
    """
    clock = company.clock(now)
    start, end = experiment.baseline_start, experiment.baseline_end
    if experiment.design != Experiment.Design.BEFORE_AFTER and (start is None or end is None):
        end = experiment.starts_on or company.local_day(clock)
        length = experiment.ends_on - end if experiment.ends_on else timedelta(days=365)
        start = end - max(length, timedelta(days=91))
    if start is None or end is None or end < start:
        return None
    ground = ground_of(company=company, experiment=experiment, as_of=clock, start=start)
    members = in_segment(ground.history, experiment.segment)
    return usual_follow_up(
        ground.history,
        Side(members, day_number(start), day_number(end)),
        instant=microseconds(clock),
        last_day=day_number(ground.last_day),
    )


def heir_of(stage: Stage | None) -> Stage | None:
    """The open stage that a stage counts as: itself, or what replaced it; None where it is gone."""
    seen: set[int] = set()
    while stage is not None and stage.retired_at is not None and stage.pk not in seen:
        seen.add(stage.pk)
        stage = stage.replaced_by
    if stage is None or stage.kind != Stage.Kind.OPEN or stage.position is None:
        return None
    return stage


def _position(stages: StageList, measured: str, stage_id: int | None) -> int | None:
    if measured != "conversion" or stage_id is None:
        return None
    if stage_id in stages.ids:
        return stages.ids.index(stage_id) + 1
    heir = heir_of(Stage.objects.select_related("replaced_by").filter(pk=stage_id).first())
    return stages.ids.index(heir.pk) + 1 if heir is not None and heir.pk in stages.ids else None


def _design(experiment: Experiment) -> Design:
    designs: dict[str, Design] = {
        Experiment.Design.BEFORE_AFTER: "before_after",
        Experiment.Design.ARMS_BY_REP: "arms_by_rep",
        Experiment.Design.ARMS_BY_DEAL: "arms_by_deal",
    }
    return designs[experiment.design]


def _test_window(company: Company, experiment: Experiment) -> Window:
    start = experiment.starts_on
    if start is None:
        raise ValueError("an experiment without a start has no window")
    end = experiment.ends_on or start + _OPEN_END
    if experiment.stopped_at is not None:
        # Whoever opened after it was called off was worked as before.
        end = min(end, company.local_day(experiment.stopped_at))
    return Window(start, max(start, end))


def _quarter_before(ground: Ground) -> SegmentFigures | None:
    """The last quarter of the segment that had ended when the test began.

    A later one holds part of the effect already: applied to it, it would count twice.
    """
    first = min(ground.experiment.starts_on or ground.last_day, ground.last_day)
    before = ground.company.quarter_start(first) - timedelta(days=1)
    rows = figures_of(
        company=ground.company,
        segment=ground.experiment.segment,
        upto=ground.company.quarter_start(before),
        pipeline_id=ground.experiment.pipeline_id,
    )
    return rows[-1] if rows else None
