"""Running experiments and simulated deals with a known truth, for the tests of their results."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from metrics.models import Experiment, ExperimentResult
from metrics.services.experiment_results import recompute_running
from pipeline.models import Deal, StageTransition
from pipeline.services.facts import check_facts
from tests.metrics.builders import Small

BASELINE, START, END = date(2026, 1, 5), date(2026, 4, 6), date(2026, 7, 6)
D = 14


def running(small: Small, **changes) -> Experiment:
    """A before/after of the win rate: thirteen weeks against thirteen, D = 14 days."""
    fields = {
        "title": "Call before the offer",
        "pipeline_id": small.pipeline_id,
        "measure": "win_rate",
        "smallest_effect": 0.1,
        "baseline_start": BASELINE,
        "baseline_end": START,
        "starts_on": START,
        "ends_on": END,
        "follow_up_days": D,
        "seed": 20261,
        "state": "running",
        "created_at": datetime(2026, 4, 1, tzinfo=UTC),
        "started_at": datetime(2026, 4, 6, 6, tzinfo=UTC),
    }
    return Experiment.objects.create(**{**fields, **changes})


def simulate(
    small: Small, first: date, weeks: int, chance: float, *, seed: int, per_week: int = 6
) -> list[int]:
    """Deals that open evenly and are won with a chance, five days later; the ids, as opened.

    Written in bulk, for there are many of them: the facts, and their cache as it is mended.
    """
    rng = np.random.default_rng(seed)
    opened = [first + timedelta(days=n * 7 // per_week) for n in range(weeks * per_week)]
    deals = Deal.objects.bulk_create(
        Deal(
            pipeline_id=small.pipeline_id,
            name=f"Deal of {day}",
            rep_id=small.rep,
            source_id=small.inbound,
            amount=1000,
            currency="EUR",
        )
        for day in opened
    )
    wins = rng.random(len(deals)) < chance
    StageTransition.objects.bulk_create(
        StageTransition(
            deal=deal,
            number=number,
            from_stage_id=small.booked if number > 1 else None,
            to_stage_id=to,
            occurred_at=at_noon(on),
            occurred_on=on,
            recorded_at=at_noon(on),
            origin="load",
        )
        for deal, day, won in zip(deals, opened, wins.tolist(), strict=True)
        for number, to, on in (
            (1, small.booked, day),
            (2, small.won if won else small.lost, day + timedelta(days=5)),
        )
    )
    check_facts(rebuild=True, now=at_noon(opened[-1]))
    return [deal.pk for deal in deals]


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def recompute(small: Small, day: date | datetime) -> int:
    now = day if isinstance(day, datetime) else at_noon(day)
    return recompute_running(company_id=small.company.pk, now=now)


def results(experiment: Experiment, kind: str = "running") -> list[ExperimentResult]:
    return list(ExperimentResult.objects.filter(experiment=experiment, kind=kind).order_by("day"))
