"""Experiments that run: what is said about them, called off, and decided.

A decision freezes the figures with the version of the data that they were computed from. What was
adopted is asked about once more, two quarters later.
"""

import calendar
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.retries import retry_deadlocks
from accounts.tenancy.context import require_company_id
from metrics.calc.experiment_states import Decision, act_of, extension_refusal
from metrics.models import Experiment, ExperimentEntry
from metrics.services.experiment_checks import NOTE_LENGTH, check_act, said
from metrics.services.experiment_results import figures_to_freeze
from metrics.services.experiment_writing import (
    audit,
    check_role,
    locked,
    note,
    refuse_stale,
    save,
)
from pipeline.services.history import StaleVersion

Kind = ExperimentEntry.Kind
_TWO_QUARTERS = 6  # months


def add_note(*, by: Actor, now: datetime, experiment_id: int, text: str) -> ExperimentEntry:
    """Say something about an experiment, in any state. The same twice in a row is kept once."""
    return _say(by=by, now=now, experiment_id=experiment_id, text=text, kind=Kind.NOTE)


def check_in(*, by: Actor, now: datetime, experiment_id: int, text: str) -> ExperimentEntry:
    """The week's word on a running experiment: is it done as planned, what stands in the way?"""
    return _say(by=by, now=now, experiment_id=experiment_id, text=text, kind=Kind.CHECK_IN)


@retry_deadlocks
def _say(
    *, by: Actor, now: datetime, experiment_id: int, text: str, kind: ExperimentEntry.Kind
) -> ExperimentEntry:
    check_role(by)
    text = said(text, most=NOTE_LENGTH)
    if not text:
        raise DomainError(_("A note needs words."))
    with transaction.atomic():
        experiment = locked(experiment_id)
        check_act(experiment, "check_in" if kind == Kind.CHECK_IN else "note")
        newest: ExperimentEntry | None = (
            ExperimentEntry.objects.filter(experiment=experiment).order_by("-id").first()
        )
        if newest and (newest.kind, newest.text, newest.by_id) == (kind, text, by.user_id):
            return newest
        entry = note(experiment, by, now, kind, text=text)
        verb = "checked_in" if kind == Kind.CHECK_IN else "noted"
        audit(experiment, by, now, verb, after={"text": text})
    return entry


@retry_deadlocks
def stop_experiment(
    *, by: Actor, now: datetime, experiment_id: int, reason: str, version: int
) -> Experiment:
    """Call a running experiment off before its end, with the reason; it is decided on later.

    Deals opened from today on no longer belong to it. `resume_experiment` takes it back.
    """
    check_role(by)
    reason = said(reason)
    with transaction.atomic():
        company = _company()
        experiment = locked(experiment_id)
        if experiment.state == Experiment.State.STOPPED and experiment.version == version + 1:
            return experiment  # the same form sent twice
        check_act(experiment, "stop")
        refuse_stale(company, experiment, version, {})
        if not reason:
            raise DomainError(_("Say why it is stopped before its end."))
        _change_state(experiment, Experiment.State.STOPPED, by, now, reason=reason)
    return experiment


@retry_deadlocks
def resume_experiment(*, by: Actor, now: datetime, experiment_id: int, version: int) -> Experiment:
    """Take a stop back, as long as nothing happened to the experiment since (`version`).

    Only on the day of the stop: afterwards deals have opened that were worked as before.
    """
    check_role(by)
    with transaction.atomic():
        company = _company()
        experiment = locked(experiment_id)
        check_act(experiment, "resume")
        if experiment.version != version:
            raise StaleVersion(
                _("This was changed again meanwhile, so it cannot be taken back. Look again.")
            )
        stopped = experiment.stopped_at
        if stopped is None or company.local_day(stopped) != company.local_day(now):
            raise DomainError(
                _(
                    "It was stopped on another day; deals have opened since that were worked as"
                    " before. Decide on it, and draft another one."
                )
            )
        _change_state(experiment, Experiment.State.RUNNING, by, now)
    return experiment


def _change_state(
    experiment: Experiment, to: str, by: Actor, now: datetime, *, reason: str = ""
) -> None:
    before = {"state": experiment.state}
    experiment.state = to
    experiment.stopped_at = now if to == Experiment.State.STOPPED else None
    save(experiment, "state", "stopped_at")
    note(experiment, by, now, Kind.STATE, text=reason, before=before, after={"state": to})
    verb = "stopped" if to == Experiment.State.STOPPED else "resumed"
    told = {"state": to, **({"reason": reason} if reason else {})}
    audit(experiment, by, now, verb, before=before, after=told)


@retry_deadlocks
def decide_experiment(
    *,
    by: Actor,
    now: datetime,
    experiment_id: int,
    decision: Decision,
    reason: str,
    version: int,
    ends_on: date | None = None,
) -> Experiment:
    """Adopt, extend to a later end, or drop, with the reason.

    Freezes the newest stored figures, with the version of their data. An extended experiment runs
    on, and what it showed at that time stays in its log; an adopted one is asked about again two
    quarters later. `ends_on` is the first day after the new end.
    """
    check_role(by)
    reason = said(reason)
    if decision not in Experiment.Decision.values:
        raise DomainError(_("There is no such decision. Choose one of the buttons."))
    with transaction.atomic():
        company = _company()
        experiment = locked(experiment_id)
        if _sent_already(experiment, decision, version):
            return experiment
        check_act(experiment, act_of(decision))
        refuse_stale(company, experiment, version, {})
        if not reason:
            raise DomainError(_("Say why: whoever looks at this in a year needs to know."))
        today = company.local_day(company.clock(now))
        new_end = _new_end(experiment, ends_on, today) if decision == "extend" else None
        # As it stands before the decision changes anything.
        frozen = figures_to_freeze(company=company, experiment=experiment, now=now)
        before = {"state": experiment.state, "decision": experiment.decision}
        after: dict[str, object] = {"decision": decision}
        if new_end is not None:
            before = {"ends_on": _iso(experiment.ends_on)}
            experiment.ends_on = new_end
            after["ends_on"] = _iso(new_end)
        experiment.decision, experiment.decision_reason = decision, reason
        experiment.decided_at, experiment.decided_by_id = now, by.user_id
        experiment.decided_figures = frozen
        if decision != "extend":
            experiment.state = Experiment.State.DECIDED
            after["state"] = experiment.state
        experiment.follow_up_on = two_quarters_later(today) if decision == "adopt" else None
        save(
            experiment, "decision", "decision_reason", "decided_at", "decided_by",
            "decided_figures", "state", "ends_on", "follow_up_on",
        )  # fmt: skip
        note(
            experiment,
            by,
            now,
            Kind.STATE,
            text=reason,
            before=before,
            after={**after, "figures": frozen},
        )
        audit(experiment, by, now, "decided", before=before, after={**after, "reason": reason})
    return experiment


def _sent_already(experiment: Experiment, decision: str, version: int) -> bool:
    """Is this the same form a second time?"""
    return experiment.version == version + 1 and experiment.decision == decision


def _new_end(experiment: Experiment, ends_on: date | None, today: date) -> date:
    starts = experiment.starts_on
    if (
        ends_on is None
        or starts is None
        or extension_refusal(experiment.ends_on, ends_on, starts_on=starts, today=today)
    ):
        raise DomainError(
            _("Choose a last day that lies ahead, after the planned one and within two years.")
        )
    return ends_on


def two_quarters_later(day: date) -> date:
    """The same day six months on, or the last of that month where it has no such day."""
    months = day.month - 1 + _TWO_QUARTERS
    year, month = day.year + months // 12, months % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def _company() -> Company:
    found: Company = Company.objects.get(pk=require_company_id())
    return found
