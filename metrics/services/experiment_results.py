"""What experiments show, computed in the background and kept by the day.

Nothing here is asked for by a page: the worker calls it after a change of facts and by the clock.
Each experiment is locked while it is computed, so that two workers write one row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.errors import DomainError
from accounts.models import Company
from accounts.tenancy.context import company_context
from metrics.calc.agreement import agree
from metrics.calc.experiments.result import METHOD, ExperimentFigures, Reading, Window
from metrics.models import Experiment, ExperimentResult
from metrics.selectors.experiment_stored import figures_in, method_in
from metrics.services import experiment_log
from metrics.services.assignments import assign_deals, assign_reps
from metrics.services.experiment_plans import (
    Measured,
    asked_of,
    ground_of,
    lasting_plan,
    measure,
    plan_of,
    ready,
)

_COMPUTED = (Experiment.State.RUNNING, Experiment.State.STOPPED)
_NIGHT = 3
_USUAL_FOLLOW_UP = timedelta(days=182)  # two quarters, where the decision set no day


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that would be another one today: what it was at the decision, and what it is."""

    figure: str
    then: float | int | str | None
    now: float | int | str | None


@dataclass(frozen=True, slots=True)
class Recheck:
    """The figures of a decision, computed again as of its instant from the data known now."""

    frozen: ExperimentFigures
    again: Measured
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing that was decided on has changed since."""
        return not self.differences


def recompute_experiment(*, company: Company, experiment_id: int, now: datetime) -> bool:
    """Bring today's figures of a running or stopped experiment up to date; True: it wrote.

    Assigns arms that are missing, keeps one row a day, written only when something in it
    changed, and notes in the log what happened by itself. In a transaction of its own: cut off in
    the middle, it leaves everything as it was.
    """
    clock = company.clock(now)
    with transaction.atomic():
        _allow_time()
        experiment = _locked(experiment_id)
        if experiment is None or experiment.state not in _COMPUTED or not ready(experiment):
            return False
        if experiment.state == Experiment.State.RUNNING:
            assign_reps(experiment=experiment, now=now)
        ground = ground_of(company=company, experiment=experiment, as_of=clock)
        assign_deals(experiment=experiment, history=ground.history, now=now)
        measured = measure(ground, plan_of(ground))
        earlier = _newest_verdict(experiment)
        written = _keep(company, experiment, measured, ExperimentResult.Kind.RUNNING, now)
        experiment_log.note_events(
            company=company,
            experiment=experiment,
            earlier=earlier,
            figures=measured.figures,
            now=now,
        )
        return written


def recompute_running(*, company_id: int, now: datetime) -> int:
    """Every experiment of a company that is not decided yet; how many rows were written."""
    with company_context(company_id):
        company, ids = _named(company_id, state__in=_COMPUTED)
        return sum(recompute_experiment(company=company, experiment_id=pk, now=now) for pk in ids)


def figures_to_freeze(*, company: Company, experiment: Experiment, now: datetime) -> dict[str, Any]:
    """What a decision freezes: the newest stored figures, with the version of their data.

    They are what was looked at when it was decided. DomainError while there are none of the
    experiment as it stands, by this method: the worker is about to store them.
    """
    row: ExperimentResult | None = (
        ExperimentResult.objects.filter(
            experiment=experiment,
            kind=ExperimentResult.Kind.RUNNING,
            day__lte=company.local_day(company.clock(now)),
        )
        .order_by("-day")
        .first()
    )
    if row is None:
        raise DomainError(
            _(
                "There are no figures to decide on yet. They are computed in the background, within"
                " minutes. Decide then."
            )
        )
    if row.method != METHOD or _asked(row.figures) != asked_of(experiment):
        raise DomainError(
            _(
                "It was changed since its figures were computed. They are computed anew in the"
                " background, within minutes. Decide then."
            )
        )
    frozen: dict[str, Any] = row.figures
    return frozen


def _asked(figures: Mapping[str, Any]) -> Any:
    """What stored figures were an answer to."""
    return (figures.get("data") or {}).get("asked")


def recompute_decided(*, company: Company, experiment: Experiment, now: datetime) -> Recheck | None:
    """The figures of a decision once more, as of its instant: what would be different today.

    None where nothing was frozen, or by a version of the method whose figures cannot be read any
    more. Facts that were entered or corrected since make a difference; days that have passed since
    make none.
    """
    frozen = experiment.decided_figures
    then = figures_in(frozen)
    if not frozen or then is None or not ready(experiment):
        return None
    told = frozen.get("data", {}).get("as_of")
    as_of = datetime.fromisoformat(told) if told else experiment.decided_at
    if as_of is None:
        return None
    ground = ground_of(company=company, experiment=experiment, as_of=as_of)
    again = measure(ground, plan_of(ground))
    return Recheck(then, again, differences(then, again.figures))


def recheck_decided(*, company_id: int, now: datetime) -> int:
    """Note in the log of each decided experiment what would be different today; how many notes.

    The first answer, and each that is another one than that before. What an earlier version of
    the method decided on is left alone: its code is gone, and this one would compare two methods
    instead of two states of the data. The page says so. Only at night, from three to four on the
    company's clocks: there are ever more of them.
    """
    noted = 0
    with company_context(company_id):
        company, ids = _named(
            company_id, state=Experiment.State.DECIDED, decided_figures__isnull=False
        )
        if now.astimezone(company.zone).hour != _NIGHT:
            return 0
        for pk in ids:
            with transaction.atomic():
                _allow_time()
                experiment = _locked(pk)
                if experiment is None or method_in(experiment.decided_figures) != METHOD:
                    continue
                found = recompute_decided(company=company, experiment=experiment, now=now)
                if found is not None:
                    noted += experiment_log.note_recheck(
                        company=company,
                        experiment=experiment,
                        digest=found.again.data.digest,
                        before={row.figure: row.then for row in found.differences},
                        after={row.figure: row.now for row in found.differences},
                        now=now,
                    )
    return noted


def follow_up_running(*, company_id: int, now: datetime) -> int:
    """Did it last, for adopted changes whose day has come; how many rows were written.

    Computed every day from then on until the last deal of the two quarters is mature.
    """
    with company_context(company_id):
        company, ids = _named(
            company_id, state=Experiment.State.DECIDED, decision=Experiment.Decision.ADOPT
        )
        return sum(_follow_up(company, pk, now) for pk in ids)


def _follow_up(company: Company, experiment_id: int, now: datetime) -> bool:
    clock = company.clock(now)
    with transaction.atomic():
        _allow_time()
        experiment = _locked(experiment_id)
        if experiment is None or experiment.decided_at is None or not ready(experiment):
            return False
        first = company.local_day(experiment.decided_at)
        end = experiment.follow_up_on or first + _USUAL_FOLLOW_UP
        today = company.local_day(clock)
        if today < end or end <= first or experiment_log.lasted_told(experiment):
            return False
        done = ExperimentResult.objects.filter(
            experiment=experiment, kind=ExperimentResult.Kind.FOLLOW_UP, day=today
        )
        if done.exists():
            return False
        ground = ground_of(company=company, experiment=experiment, as_of=clock, start=first)
        measured = measure(ground, lasting_plan(ground, Window(first, end)))
        written = _keep(company, experiment, measured, ExperimentResult.Kind.FOLLOW_UP, now)
        if measured.figures.primary.test.young == 0 and _all_mature(measured, end, today):
            experiment_log.note_lasted(
                company=company, experiment=experiment, figures=measured.figures, now=now
            )
        return written


def _all_mature(measured: Measured, end: date, today: date) -> bool:
    counts = measured.figures.primary.measure == "opened_per_week"
    days = 0 if counts else measured.figures.follow_up or 0
    return today > end + timedelta(days=days)


def differences(then: ExperimentFigures, now: ExperimentFigures) -> tuple[Difference, ...]:
    """The figures of the primary measure that differ, beyond what rounding does."""
    pairs = zip(_told(then.primary).items(), _told(now.primary).items(), strict=True)
    return tuple(
        Difference(name, one, other)
        for (name, one), (_, other) in pairs
        if one != other and not _agree(one, other)
    )


def _agree(one: object, other: object) -> bool:
    return isinstance(one, float) and isinstance(other, float) and agree(one, other)


def _told(reading: Reading) -> dict[str, float | int | str | None]:
    low, high = reading.always_valid or (None, None)
    return {
        "baseline_value": reading.baseline.value,
        "baseline_n": reading.baseline.n,
        "test_value": reading.test.value,
        "test_n": reading.test.n,
        "effect": reading.effect,
        "always_valid_low": _plain(low),
        "always_valid_high": _plain(high),
        "verdict": reading.verdict,
        "reason": reading.reason,
    }


def _plain(end: float | None) -> float | str | None:
    """An end without a bound has no JSON number."""
    return str(end) if end is not None and abs(end) == float("inf") else end


def _keep(
    company: Company, experiment: Experiment, measured: Measured, kind: str, now: datetime
) -> bool:
    """One row a day, replaced while the day lasts and only if something in it changed."""
    day = company.local_day(measured.data.as_of)
    figures = measured.to_json()
    row = ExperimentResult.objects.filter(experiment=experiment, kind=kind, day=day).first()
    if row is not None and _unchanged(row, figures, measured.data.digest):
        return False
    values = {
        "method": METHOD,
        "as_of": measured.data.as_of,
        "computed_at": now,
        "figures": figures,
        "digest": measured.data.digest,
    }
    if row is None:
        ExperimentResult.objects.create(experiment=experiment, kind=kind, day=day, **values)
    else:
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))
    return True


def _unchanged(row: ExperimentResult, figures: Mapping[str, Any], digest: str) -> bool:
    """Equal but for the instant: the same question to the same data on the same day is no news."""
    if row.method != METHOD or row.digest != digest or _asked(row.figures) != _asked(figures):
        return False
    one, other = ({k: v for k, v in f.items() if k != "data"} for f in (row.figures, figures))
    return one == other


def _newest_verdict(experiment: Experiment) -> str:
    """The verdict that was suggested last, by whatever version of the method."""
    found: str | None = (
        ExperimentResult.objects.filter(experiment=experiment, kind=ExperimentResult.Kind.RUNNING)
        .order_by("-day")
        .values_list("figures__primary__verdict", flat=True)
        .first()
    )
    return found or "no_evidence_yet"


def _named(company_id: int, **wanted: Any) -> tuple[Company, list[int]]:
    """The company and its experiments of this kind, oldest first."""
    with transaction.atomic():
        found = Experiment.objects.filter(withdrawn_at__isnull=True, **wanted).order_by("pk")
        return Company.objects.get(pk=company_id), list(found.values_list("pk", flat=True))


def _locked(experiment_id: int) -> Experiment | None:
    found: Experiment | None = (
        Experiment.objects.select_for_update().filter(pk=experiment_id).first()
    )
    return found


def _allow_time() -> None:
    """A large history takes longer than a page may."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '110s'")
