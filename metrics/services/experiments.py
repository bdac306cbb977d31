"""Experiments until they run: drafted, changed, tied to what led to them, started, amended.

The start fixes the question: windows, measure, follow-up, the rule and the seed of the draw. From
then on only amendments, each with a reason, kept with what stood there before. How one is called
off and decided: `experiment_decisions`. A screen says which version it showed; a later one is told
with both values and never overwritten.
"""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.retries import retry_deadlocks
from accounts.tenancy.context import require_company_id
from metrics.calc.experiment_states import (
    AMENDABLE,
    FIXED,
    extension_refusal,
    lacking,
    smallest_refusal,
)
from metrics.models import (
    Assignment,
    DangerPoint,
    Experiment,
    ExperimentEntry,
    ExperimentReason,
    Finding,
)
from metrics.services.assignments import assign_reps
from metrics.services.experiment_checks import (
    Plan,
    check_act,
    checked,
    danger_points_of,
    findings_of,
    lack_text,
    outline_of,
    said,
)
from metrics.services.experiment_plans import usual_days_of
from metrics.services.experiment_writing import (
    audit,
    check_role,
    kept,
    locked,
    note,
    refuse_stale,
    save,
)
from pipeline.services.history import KeyReused, wait_for_key

Kind = ExperimentEntry.Kind
_SEEDS = 2**31  # of a PositiveIntegerField
_DRAWS = 100
MOST_REASONS = 20


@retry_deadlocks
def draft_experiment(
    *,
    by: Actor,
    now: datetime,
    plan: Plan,
    findings: Iterable[int] = (),
    danger_points: Iterable[int] = (),
    idempotency_key: str | None = None,
) -> Experiment:
    """Draft an experiment with the ids of what led to it; the same key again drafts nothing."""
    check_role(by)
    values = checked(plan.values())
    with transaction.atomic():
        if idempotency_key:
            wait_for_key(idempotency_key)
            sent: Experiment | None = Experiment.objects.filter(
                idempotency_key=idempotency_key
            ).first()
            if sent is not None:
                if (sent.created_by_id, sent.title) != (by.user_id, values["title"]):
                    raise KeyReused(
                        _("This form was sent before with other values. Reload the page.")
                    )
                return sent
        experiment = Experiment(
            created_at=now,
            created_by_id=by.user_id,
            idempotency_key=idempotency_key,
            **values,
        )
        experiment.save(force_insert=True)
        why = _tie(experiment, findings_of(findings), danger_points_of(danger_points))
        note(experiment, by, now, Kind.STATE, after={"state": experiment.state})
        told = {field: value for field, value in kept(values).items() if value not in ("", None)}
        audit(experiment, by, now, "drafted", after={**told, **why})
    return experiment


@retry_deadlocks
def change_draft(
    *,
    by: Actor,
    now: datetime,
    experiment_id: int,
    plan: Plan,
    version: int,
    findings: Iterable[int] | None = None,
    danger_points: Iterable[int] | None = None,
) -> Experiment:
    """Change anything of a draft; unchanged values write nothing. None leaves what led to it."""
    check_role(by)
    with transaction.atomic():
        experiment = locked(experiment_id)
        check_act(experiment, "change")
        values = checked(plan.values(), kept=experiment)
        changed = {f: v for f, v in values.items() if getattr(experiment, f) != v}
        refuse_stale(_company(), experiment, version, changed)
        before = {f: getattr(experiment, f) for f in changed}
        had = _reasons(experiment)
        why = _tie(
            experiment,
            None if findings is None else findings_of(findings),
            None if danger_points is None else danger_points_of(danger_points),
        )
        if not changed and why == had:
            return experiment
        for field, value in changed.items():
            setattr(experiment, field, value)
        save(experiment, *changed)
        audit(
            experiment,
            by,
            now,
            "draft_changed",
            before={**kept(before), **had},
            after={**kept(changed), **why},
        )
    return experiment


@retry_deadlocks
def set_reasons(
    *,
    by: Actor,
    now: datetime,
    experiment_id: int,
    findings: Iterable[int] | None = None,
    danger_points: Iterable[int] | None = None,
) -> Experiment:
    """Tie an experiment to exactly these findings and danger points; None leaves a kind alone.

    In any state but decided: what led to it may be found in the book later.
    """
    check_role(by)
    with transaction.atomic():
        experiment = locked(experiment_id)
        if experiment.state == Experiment.State.DECIDED:
            check_act(experiment, "amend")
        before = _reasons(experiment)
        after = _tie(
            experiment,
            None if findings is None else findings_of(findings),
            None if danger_points is None else danger_points_of(danger_points),
        )
        if after != before:
            save(experiment)
            audit(experiment, by, now, "reasons_changed", before=before, after=after)
    return experiment


@retry_deadlocks
def withdraw_draft(*, by: Actor, now: datetime, experiment_id: int, version: int) -> Experiment:
    """Throw a draft away; `put_back_draft` undoes it."""
    check_role(by)
    with transaction.atomic():
        experiment = locked(experiment_id, withdrawn_too=True)
        if experiment.withdrawn_at is not None:
            return experiment
        check_act(experiment, "withdraw")
        refuse_stale(_company(), experiment, version, {})
        experiment.withdrawn_at = now
        save(experiment, "withdrawn_at")
        audit(experiment, by, now, "withdrawn", after={"title": experiment.title})
    return experiment


@retry_deadlocks
def put_back_draft(*, by: Actor, now: datetime, experiment_id: int) -> Experiment:
    """Take a draft back that was thrown away."""
    check_role(by)
    with transaction.atomic():
        experiment = locked(experiment_id, withdrawn_too=True)
        if experiment.withdrawn_at is None:
            return experiment
        experiment.withdrawn_at = None
        save(experiment, "withdrawn_at")
        audit(experiment, by, now, "put_back", after={"title": experiment.title})
    return experiment


@retry_deadlocks
def start_experiment(
    *, by: Actor, now: datetime, experiment_id: int, version: int, seed: int | None = None
) -> Experiment:
    """Start a draft: fixes the question, the days of follow-up and the seed, and draws the reps.

    Pages leave `seed` to chance. DomainError with every sentence of what is missing. Started
    already, nothing happens.
    """
    check_role(by)
    with transaction.atomic():
        company = _company()
        experiment = locked(experiment_id)
        if experiment.state == Experiment.State.RUNNING and experiment.version == version + 1:
            return experiment  # the same form sent twice
        check_act(experiment, "start")
        refuse_stale(company, experiment, version, {})
        missing = lacking(outline_of(experiment), today=company.local_day(company.clock(now)))
        if missing:
            raise DomainError(" ".join(lack_text(lack) for lack in missing))
        if experiment.follow_up_days is None:
            experiment.follow_up_days = _usual_days(company, experiment, now)
        if experiment.design != Experiment.Design.BEFORE_AFTER:
            experiment.baseline_start = experiment.baseline_end = None
        experiment.state, experiment.started_at = Experiment.State.RUNNING, now
        save(
            experiment, "state", "started_at", "follow_up_days", "baseline_start", "baseline_end"
        )  # fmt: skip
        after: dict[str, object] = {"state": "running"}
        if experiment.design != Experiment.Design.BEFORE_AFTER:
            _draw(experiment, by, now, seed)
        if experiment.design == Experiment.Design.ARMS_BY_REP:
            after["reps"] = Assignment.objects.filter(experiment=experiment).count()
        fixed = kept({field: getattr(experiment, field) for field in FIXED})
        note(
            experiment,
            by,
            now,
            Kind.STATE,
            before={"state": "draft"},
            after=after,
        )
        audit(
            experiment,
            by,
            now,
            "started",
            before={"state": "draft"},
            after={**after, "seed": experiment.seed, **fixed},
        )
    return experiment


def _draw(experiment: Experiment, by: Actor, now: datetime, seed: int | None) -> None:
    """Fix the seed, and with it the arms of the reps; deals follow as they open.

    A seed that leaves an arm of reps empty is drawn again: of two reps each gets one.
    """
    for attempt in range(_DRAWS):
        experiment.seed = secrets.randbelow(_SEEDS) if seed is None else seed + attempt
        experiment.save(update_fields=["seed"])
        if experiment.design == Experiment.Design.ARMS_BY_DEAL:
            return
        point = transaction.savepoint()
        drawn = assign_reps(experiment=experiment, now=now, by=by)
        arms = Assignment.objects.filter(experiment=experiment).values_list("arm", flat=True)
        if len(set(arms)) == 2:
            transaction.savepoint_commit(point)
            return
        transaction.savepoint_rollback(point)
        if drawn < 2:
            break
    raise DomainError(_("Two arms by rep need two reps at least whose deals are in the segment."))


def _usual_days(company: Company, experiment: Experiment, now: datetime) -> int | None:
    """D by default; the number of deals alone needs none."""
    found = usual_days_of(company=company, experiment=experiment, now=now)
    guarded = {row["measure"] for row in experiment.guardrails}
    if found is None and {experiment.measure, *guarded} != {"number"}:
        raise DomainError(
            _(
                "No deal was won in the window before, so it cannot be told how long deals must"
                " be followed. Write down the days of follow-up."
            )
        )
    return found


@retry_deadlocks
def amend_experiment(
    *,
    by: Actor,
    now: datetime,
    experiment_id: int,
    values: Mapping[str, Any],
    reason: str,
    version: int,
) -> Experiment:
    """Change what may still change after the start, with the reason; kept and shown.

    `values` by the row's fields (`AMENDABLE`); what stays the same writes nothing. TypeError for a
    field that the start has fixed.
    """
    wrong = set(values) - set(AMENDABLE)
    if wrong:
        raise TypeError(f"the start has fixed {', '.join(sorted(wrong))}")
    check_role(by)
    reason = said(reason)
    with transaction.atomic():
        company = _company()
        experiment = locked(experiment_id)
        check_act(experiment, "amend")
        told = checked(values, kept=experiment)
        changed = {f: v for f, v in told.items() if getattr(experiment, f) != v}
        if not changed:
            return experiment
        refuse_stale(company, experiment, version, changed)
        if not reason:
            raise DomainError(_("Say why it is amended: whoever reads the result needs to know."))
        _check_amendment(company, experiment, changed, now)
        before = kept({field: getattr(experiment, field) for field in changed})
        for field, value in changed.items():
            setattr(experiment, field, value)
        save(experiment, *changed)
        after = kept(changed)
        note(experiment, by, now, Kind.AMENDMENT, text=reason, before=before, after=after)
        audit(experiment, by, now, "amended", before=before, after={**after, "reason": reason})
    return experiment


def _check_amendment(
    company: Company, experiment: Experiment, changed: Mapping[str, Any], now: datetime
) -> None:
    if "then" in changed and not changed["then"]:
        raise DomainError(lack_text("then"))
    if "owner_id" in changed and changed["owner_id"] is None:
        raise DomainError(lack_text("owner"))
    if "smallest_effect" in changed:
        refused = smallest_refusal(
            experiment.measure, changed["smallest_effect"], rising=experiment.rising
        )
        if refused is not None:
            raise DomainError(lack_text(refused))
    if "ends_on" in changed:
        starts, ends = experiment.starts_on, changed["ends_on"]
        today = company.local_day(company.clock(now))
        if (
            starts is None
            or ends is None
            or extension_refusal(None, ends, starts_on=starts, today=today)
        ):
            raise DomainError(_("Choose a last day that lies ahead, within two years."))


def _tie(
    experiment: Experiment,
    findings: list[Finding] | None,
    danger_points: list[DangerPoint] | None,
) -> dict[str, list[int]]:
    """Bring the rows of what led to it in line; returns their ids. None leaves a kind alone."""
    had = _reasons(experiment)
    wanted = {
        "findings": had["findings"] if findings is None else [f.pk for f in findings],
        "danger_points": (
            had["danger_points"] if danger_points is None else [p.pk for p in danger_points]
        ),
    }
    if sum(map(len, wanted.values())) > MOST_REASONS:
        raise DomainError(_("Name at most {most} reasons.").format(most=MOST_REASONS))
    for kind, field in (("findings", "finding_id"), ("danger_points", "danger_point_id")):
        gone = set(had[kind]) - set(wanted[kind])
        if gone:
            ExperimentReason.objects.filter(
                experiment=experiment, **{f"{field}__in": gone}
            ).delete()
        ExperimentReason.objects.bulk_create(
            ExperimentReason(experiment=experiment, **{field: pk})
            for pk in wanted[kind]
            if pk not in had[kind]
        )
    return wanted


def _reasons(experiment: Experiment) -> dict[str, list[int]]:
    rows = ExperimentReason.objects.filter(experiment=experiment).order_by("pk")
    pairs = list(rows.values_list("finding_id", "danger_point_id"))
    return {
        "findings": sorted(f for f, _point in pairs if f is not None),
        "danger_points": sorted(p for _finding, p in pairs if p is not None),
    }


def _company() -> Company:
    found: Company = Company.objects.get(pk=require_company_id())
    return found
