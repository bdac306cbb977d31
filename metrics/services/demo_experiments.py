"""The demo's experiments: written by the services that their pages use, at moved clocks.

What each of them shows is computed from the simulated deals, whatever that is: no change was put
into the simulation for their sake. Seeds are fixed, so that the arms come out the same again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from accounts.actors import Actor
from accounts.models import Company, Membership
from metrics.calc.experiment_states import Decision
from metrics.models import Experiment, Finding
from metrics.selectors.figures import default_pipeline
from metrics.services.assignments import assign_as_opened
from metrics.services.experiment_checks import Plan
from metrics.services.experiment_decisions import check_in, decide_experiment, stop_experiment
from metrics.services.experiment_results import follow_up_running, recompute_experiment
from metrics.services.experiments import draft_experiment, start_experiment
from pipeline.models import Deal, Stage

_SEED = 2718
_RULE = (
    "Adopt if the always-valid interval leaves out zero at the end; stop if it is clearly worse."
)


def days_before(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same hour by the clock on the wall, so many days earlier.

    So many times 24 hours is another day where the clocks changed in between and it is close to
    midnight: in late November 49 days before 23:30 in Paris would be half past midnight, 48 days
    ago, when it is too late to start what starts 49 days ago.
    """
    return (instant.astimezone(zone) - timedelta(days=days)).astimezone(UTC)


class _Book:
    """The book while it is written: who writes, where, and until when."""

    def __init__(self, company: Company, members: Mapping[str, Membership], as_of: datetime):
        found = default_pipeline(company=company)
        if found is None:
            raise ValueError("the demo has no pipeline")
        self.pipeline_id: int = found
        self.company = company
        self.manager = members["Hugo Bremmer"]
        self.by = Actor.member(self.manager)
        self.as_of = as_of
        self.today = company.local_day(as_of)

    def ago(self, days: int) -> datetime:
        return days_before(self.as_of, days, self.company.zone)

    def plan(self, *, start: int, days: int, before: int, **said: object) -> Plan:
        """A plan that starts `start` days ago, after a baseline of `before` days."""
        first = self.today - timedelta(days=start)
        return Plan(
            pipeline_id=self.pipeline_id,
            starts_on=first,
            ends_on=first + timedelta(days=days),
            baseline_start=first - timedelta(days=before) if before else None,
            baseline_end=first if before else None,
            decision_rule=_RULE,
            owner_id=self.manager.user_id,
            **said,  # type: ignore[arg-type]  # the words and the measure, by their names
        )

    def draft(self, plan: Plan, ago: int, findings: tuple[int, ...] = ()) -> Experiment:
        return draft_experiment(by=self.by, now=self.ago(ago), plan=plan, findings=findings)

    def run(self, plan: Plan, start: int, findings: tuple[int, ...] = ()) -> Experiment:
        drafted = self.draft(plan, start, findings)
        return start_experiment(
            by=self.by,
            now=self.ago(start),
            experiment_id=drafted.pk,
            version=drafted.version,
            seed=_SEED,
        )

    def compute(self, experiment: Experiment, ago: int) -> None:
        recompute_experiment(company=self.company, experiment_id=experiment.pk, now=self.ago(ago))

    def decide(self, experiment: Experiment, ago: int, decision: Decision, reason: str) -> None:
        self.compute(experiment, ago)
        row = Experiment.objects.get(pk=experiment.pk)
        decide_experiment(
            by=self.by,
            now=self.ago(ago),
            experiment_id=row.pk,
            decision=decision,
            reason=reason,
            version=row.version,
        )


def add_experiments(
    *, company: Company, members: Mapping[str, Membership], as_of: datetime
) -> None:
    """Write one experiment of each kind as of `as_of`; the findings of the demo stand already.

    One adopted and asked about again, one stopped and dropped, one running before and after, one
    running with two arms by deal, and a draft.
    """
    book = _Book(company, members, as_of)
    stages = {s.position: s.pk for s in Stage.objects.filter(kind=Stage.Kind.OPEN)}
    why = tuple(
        Finding.objects.filter(withdrawn_at=None, stage_id=stages[3])
        .order_by("-severity", "id")
        .values_list("pk", flat=True)[:2]
    )
    _adopted(book)
    _dropped(book)
    _running(book, stages[3], why)
    _arms(book, stages[2])
    _drafted(book, why)
    follow_up_running(company_id=company.pk, now=as_of)


def _adopted(book: _Book) -> None:
    plan = book.plan(
        start=480,
        days=180,
        before=180,
        title="A newsletter with one invitation",
        measure="number",
        if_we="close each newsletter with one invitation to a call",
        then="more calls are booked",
        because="readers know us already and need only a nudge",
        smallest_effect=0.1,
        guardrails=(("deal_size", None), ("win_rate", None)),
    )
    experiment = book.run(plan, 480)
    book.decide(
        experiment, 295, "adopt", "It costs an hour a month, and more people write. We keep it."
    )


def _dropped(book: _Book) -> None:
    plan = book.plan(
        start=230,
        days=120,
        before=150,
        title="Ask for a decision date in the first call",
        measure="win_rate",
        if_we="ask for a decision date in the first call",
        then="more deals are won",
        because="a date makes people decide",
        smallest_effect=0.05,
        follow_up_days=45,
        guardrails=(("cycle", None),),
    )
    experiment = book.run(plan, 230)
    book.compute(experiment, 160)
    row = Experiment.objects.get(pk=experiment.pk)
    stop_experiment(
        by=book.by,
        now=book.ago(135),
        experiment_id=row.pk,
        reason="Three buyers said that it felt like pressure.",
        version=row.version,
    )
    book.decide(experiment, 80, "stop", "Nothing speaks for it, and buyers dislike it.")


def _running(book: _Book, stage: int, why: tuple[int, ...]) -> None:
    plan = book.plan(
        start=75,
        days=119,
        before=120,
        title="Two dates in every offer",
        measure="conversion",
        stage_id=stage,
        if_we="name two start dates within three weeks in every offer",
        then="more people who met the coach become customers",
        because="buyers told us that nobody knew when it would begin",
        smallest_effect=0.08,
        follow_up_days=21,
        guardrails=(("deal_size", None), ("cycle", None)),
    )
    experiment = book.run(plan, 75, why)
    book.compute(experiment, 40)
    check_in(
        by=book.by,
        now=book.ago(34),
        experiment_id=experiment.pk,
        text="Every offer of the week had both dates but one. Coaches keep two slots free.",
    )
    book.compute(experiment, 30)
    book.compute(experiment, 0)


def _arms(book: _Book, stage: int) -> None:
    plan = book.plan(
        start=49,
        days=98,
        before=0,
        title="A message from the coach before they meet",
        measure="conversion",
        stage_id=stage,
        design=Experiment.Design.ARMS_BY_DEAL,
        if_we="let the coach send two lines before the meeting",
        then="more people who had a discovery call meet the coach",
        because="a name and a face are harder to cancel",
        smallest_effect=0.1,
        follow_up_days=14,
    )
    experiment = book.run(plan, 49)
    rows = Deal.objects.filter(
        pipeline_id=book.pipeline_id,
        opened_on__gte=plan.starts_on,
        transitions__number=1,
    ).order_by("transitions__occurred_at", "pk")
    opened = list(rows.values_list("pk", "source__channel", "transitions__occurred_at"))
    assign_as_opened(experiment=experiment, opened=opened, now=book.as_of)
    book.compute(experiment, 30)
    book.compute(experiment, 0)


def _drafted(book: _Book, why: tuple[int, ...]) -> None:
    plan = book.plan(
        start=-7,
        days=91,
        before=97,
        title="One page for finance with every offer",
        measure="win_rate",
        if_we="send a page for finance with every offer",
        then="more deals are won",
        because="whoever pays was never in the call",
        smallest_effect=0.05,
        guardrails=(("deal_size", None),),
    )
    book.draft(plan, 3, why)
