"""Running experiments and simulated deals with a known truth, for the tests of their results."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from metrics.models import Experiment, ExperimentResult
from metrics.services.experiment_results import recompute_running
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
    small: Small, first: date, weeks: int, chance: float, *, seed: int, per_week: int = 6, **extra
) -> list[int]:
    """Deals that open evenly and are won with a chance, five days later; the ids, as opened."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(weeks * per_week):
        day = first + timedelta(days=number * 7 // per_week)
        deal = small.opens(day.isoformat(), **extra).deal_id
        won = rng.random() < chance
        after = (day + timedelta(days=5)).isoformat()
        small.moves(deal, small.won if won else small.lost, after)
        made.append(deal)
    return made


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def recompute(small: Small, day: date | datetime) -> int:
    now = day if isinstance(day, datetime) else at_noon(day)
    return recompute_running(company_id=small.company.pk, now=now)


def results(experiment: Experiment, kind: str = "running") -> list[ExperimentResult]:
    return list(ExperimentResult.objects.filter(experiment=experiment, kind=kind).order_by("day"))
