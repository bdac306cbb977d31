"""What a plan may say: texts that can be kept, rows that exist, sentences for refusals.

A draft may lack things; a start may not. What can never be meant is refused at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django.utils.translation import gettext as _

from accounts.errors import DomainError
from accounts.models import Membership
from metrics.calc.experiment_states import (
    LATE_DAYS,
    MOST_DAYS,
    MOST_GUARDRAILS,
    Act,
    Lack,
    Outline,
    Refusal,
    State,
    refusal,
)
from metrics.calc.segments import ALL
from metrics.models import DangerPoint, Experiment, Finding, Measure
from metrics.selectors.danger_words import OWNER_ROLES
from metrics.selectors.filters import segment_name, segment_parts
from pipeline import rules
from pipeline.models import Pipeline, Stage
from pipeline.services.history import NotFound
from pipeline.services.refusals import refuse

LENGTHS: Mapping[str, int] = {
    "title": 120,
    "if_we": 300,
    "then": 300,
    "because": 300,
    "decision_rule": 500,
}
REASON_LENGTH = 1000
NOTE_LENGTH = 2000
_EARLIEST, _LATEST = date(1990, 1, 1), date(2200, 1, 1)
_FARTHEST_D = 3660  # days of follow-up; ten years and no typing error more


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a form says of an experiment. `ends_on` and `baseline_end` are first days after.

    `rising`: is more better? `smallest_effect` in the measure's own unit: a share as a fraction
    (0.05), days, or a ratio less 1 (0.10). `guardrails` are (measure, stage id or None).
    """

    title: str
    pipeline_id: int
    measure: str
    stage_id: int | None = None
    segment: str = ALL
    if_we: str = ""
    then: str = ""
    because: str = ""
    rising: bool = True
    smallest_effect: float | None = None
    design: str = Experiment.Design.BEFORE_AFTER
    baseline_start: date | None = None
    baseline_end: date | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    follow_up_days: int | None = None
    decision_rule: str = ""
    guardrails: tuple[tuple[str, int | None], ...] = ()
    owner_id: int | None = None

    def values(self) -> dict[str, Any]:
        """Field -> value, as the row has them."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        told["guardrails"] = guardrail_rows(self.guardrails)
        return told


def guardrail_rows(pairs: Iterable[tuple[str, int | None]]) -> list[dict[str, Any]]:
    """Guardrails as the row keeps them."""
    return [{"measure": measure, "stage": stage} for measure, stage in pairs]


def checked(values: Mapping[str, Any], *, kept: Experiment | None = None) -> dict[str, Any]:
    """The values, trimmed and found possible. `kept` may hold on to what is no longer offered."""
    told = dict(values)
    for name, most in LENGTHS.items():
        if name in told:
            told[name] = _line(told[name], most)
    if "title" in told and not told["title"]:
        raise DomainError(_("Give the experiment a name."))
    if "measure" in told and told["measure"] not in Measure.values:
        raise DomainError(_("There is no such measure. Choose one from the list."))
    if "design" in told and told["design"] not in Experiment.Design.values:
        raise DomainError(_("There is no such design. Choose one from the list."))
    if "segment" in told:
        told["segment"] = _segment(told["segment"])
    if "measure" in told:
        _check_place(told, kept)
    _check_drawn(told, kept)
    if "guardrails" in told:
        told["guardrails"] = _guardrails(told, kept)
    if "owner_id" in told and (kept is None or told["owner_id"] != kept.owner_id):
        _check_owner(told["owner_id"])
    for name in ("baseline_start", "baseline_end", "starts_on", "ends_on"):
        day = told.get(name)
        if day is not None and not _EARLIEST <= day <= _LATEST:
            raise DomainError(_("One of the days lies too far away. Look at the years."))
    _check_numbers(told)
    return told


def _line(text: str, most: int) -> str:
    text = " ".join((text or "").split())
    if len(text) > most:
        raise DomainError(
            _("It has at most {most} characters. Say it shorter: {text}").format(
                most=most, text=text[:40]
            )
        )
    refuse(rules.unkeepable(text))
    return text


def said(text: str, *, most: int = REASON_LENGTH) -> str:
    """A reason or a note, trimmed; DomainError where it cannot be kept."""
    refuse(rules.unkeepable(text))
    text = text.strip()
    if len(text) > most:
        raise DomainError(
            _("This has at most {most} characters. Say it shorter.").format(most=most)
        )
    return text


def _segment(segment: str) -> str:
    """The segment by its proper name. It may have no deal yet: those are still to come."""
    parts = segment_parts(segment)
    if len(parts) > 2 or (not parts and segment != ALL):
        raise DomainError(_("There is no such segment. Choose one from the list."))
    refuse(rules.unkeepable(segment))
    return segment_name(parts)


def _check_place(told: dict[str, Any], kept: Experiment | None) -> None:
    """The pipeline, and the stage of a stage's conversion, which decides the pipeline."""
    if told["measure"] != "conversion":
        told["stage_id"] = None
    stage_id = told.get("stage_id")
    if stage_id is not None:
        stage = _stage(stage_id, kept_id=kept.stage_id if kept else None)
        told["pipeline_id"] = stage.pipeline_id
    elif not Pipeline.objects.filter(pk=told["pipeline_id"]).exists():
        raise NotFound(_("This pipeline does not exist."))


def _check_drawn(told: Mapping[str, Any], kept: Experiment | None) -> None:
    """Where deals are drawn, in blocks of as many for each arm, their number is no measure."""
    design = told.get("design", kept.design if kept else "")
    if design != Experiment.Design.ARMS_BY_DEAL:
        return
    asked = {row["measure"] for row in told.get("guardrails", ())}
    if told.get("measure") == Measure.NUMBER or Measure.NUMBER in asked:
        raise DomainError(
            _(
                "Arms by deal get as many deals each, because deals are what is drawn: their number"
                " cannot differ. Choose another measure, or draw the reps."
            )
        )


def _stage(stage_id: int, *, kept_id: int | None) -> Stage:
    stage: Stage | None = Stage.objects.filter(pk=stage_id).first()
    if stage is None:
        raise NotFound(_("This stage does not exist."))
    if stage.kind != Stage.Kind.OPEN:
        raise DomainError(
            _("{stage} ends the path: nothing gets past it.").format(stage=stage.name)
        )
    if stage.retired_at is not None and stage.pk != kept_id:
        raise DomainError(_("{stage} is retired. Choose a stage in use.").format(stage=stage.name))
    return stage


def _guardrails(told: Mapping[str, Any], kept: Experiment | None) -> list[dict[str, Any]]:
    """Up to three measures, each once, none the one that is tested."""
    standing = {row.get("stage") for row in kept.guardrails} if kept else set()
    measure = told.get("measure", kept.measure if kept else "")
    stage = told.get("stage_id", kept.stage_id if kept else None)
    pipeline = told.get("pipeline_id", kept.pipeline_id if kept else None)
    rows: list[dict[str, Any]] = []
    for row in told["guardrails"]:
        of, at = row["measure"], row["stage"] if row["measure"] == "conversion" else None
        if of not in Measure.values or (of == "conversion" and at is None):
            raise DomainError(_("There is no such measure. Choose one from the list."))
        if (of, at) == (measure, stage):
            raise DomainError(
                _("A guardrail is another measure than the one that is tested. Choose another.")
            )
        if at is not None:
            found = _stage(at, kept_id=at if at in standing else None)
            if found.pipeline_id != pipeline:
                raise DomainError(
                    _("{stage} is a stage of another pipeline. Choose another guardrail.").format(
                        stage=found.name
                    )
                )
        if {"measure": of, "stage": at} not in rows:
            rows.append({"measure": of, "stage": at})
    if len(rows) > MOST_GUARDRAILS:
        raise DomainError(
            _("An experiment has at most {most} guardrails.").format(most=MOST_GUARDRAILS)
        )
    return rows


def _check_owner(owner_id: int | None) -> None:
    if owner_id is None:
        return
    if not Membership.objects.filter(user_id=owner_id, role__in=OWNER_ROLES).exists():
        raise DomainError(_("The owner must be a member who may write. Choose one from the list."))


def _check_numbers(told: Mapping[str, Any]) -> None:
    smallest = told.get("smallest_effect")
    if smallest is not None and not 0 < smallest < 1e9:
        raise DomainError(_("The smallest effect worth having is more than nothing."))
    days = told.get("follow_up_days")
    if days is not None and not 1 <= days <= _FARTHEST_D:
        raise DomainError(_("The days of follow-up are at least one."))


def findings_of(ids: Iterable[int]) -> list[Finding]:
    """The findings of these ids; NotFound for one that this company does not have."""
    wanted = sorted(set(ids))
    found = list(Finding.objects.filter(pk__in=wanted).order_by("pk"))
    if len(found) != len(wanted):
        raise NotFound(_("This finding does not exist."))
    return found


def danger_points_of(ids: Iterable[int]) -> list[DangerPoint]:
    """The danger points of these ids; NotFound for one that this company does not have."""
    wanted = sorted(set(ids))
    found = list(DangerPoint.objects.filter(pk__in=wanted).order_by("pk"))
    if len(found) != len(wanted):
        raise NotFound(_("This danger point does not exist."))
    return found


def outline_of(experiment: Experiment) -> Outline:
    """What a start looks at."""
    stage = experiment.stage
    return Outline(
        then=experiment.then,
        measure=experiment.measure,
        stage_in_use=None if stage is None else stage.retired_at is None,
        rising=experiment.rising,
        smallest=experiment.smallest_effect,
        rule=experiment.decision_rule,
        design=experiment.design,
        baseline_start=experiment.baseline_start,
        baseline_end=experiment.baseline_end,
        starts_on=experiment.starts_on,
        ends_on=experiment.ends_on,
        owned=experiment.owner_id is not None,
    )


def lack_text(lack: Lack) -> str:
    """What is missing, as a sentence that says what to do."""
    told: dict[Lack, str] = {
        "then": _("Say what you expect to happen."),
        "stage": _("Choose the stage whose conversion is meant."),
        "stage_gone": _("Its stage was retired. Choose a stage in use."),
        "smallest": _("Say which effect would be worth having at least."),
        "smallest_too_large": _("Nothing changes by that much. Choose a smaller effect."),
        "rule": _("Write down how it will be decided, before anybody sees a result."),
        "window": _("Choose the first and the last day."),
        "window_order": _("It ends before it starts. Correct the days."),
        "window_short": _("It lasts less than a week. Let it run longer."),
        "window_long": _("It lasts more than {days} days. Choose an earlier end."),
        "past": _(
            "It starts too far back: the deals that it is judged by must not have ended before"
            " the rule was fixed. Start at most {late} days ago, and arms today or later."
        ),
        "over": _("It is over already. Choose a later end."),
        "baseline": _("Choose the window before, which the change is compared with."),
        "baseline_order": _("The window before ends before it starts. Correct its days."),
        "baseline_short": _("The window before is shorter than a week. Make it longer."),
        "baseline_late": _("The window before reaches into the test. End it before the start."),
        "owner": _("Choose who looks after it."),
    }
    return told[lack].format(days=MOST_DAYS, late=LATE_DAYS)


def refusal_text(refused: Refusal) -> str:
    """Why an act is refused in a state, as a sentence."""
    told: dict[Refusal, str] = {
        "not_started": _("This experiment is a draft. Start it first."),
        "started": _("This experiment has started: it can only be amended, with a reason."),
        "stopped": _("This experiment was stopped. What is left is to decide on it."),
        "decided": _("This experiment is decided, and its figures are frozen. Draft a new one."),
    }
    return told[refused]


def check_act(experiment: Experiment, act: Act) -> None:
    """DomainError where the state does not allow it."""
    refused = refusal(cast(State, experiment.state), act)
    if refused is not None:
        raise DomainError(refusal_text(refused))
