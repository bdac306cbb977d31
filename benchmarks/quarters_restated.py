"""Part of benchmarks.quarters: losses entered late, and what a team has to say of its quarters.

    python -m benchmarks.quarters_restated COMPANY_ID

All through the services: deals that stand still are lost with a day in a quarter that is closed,
twice, with a recomputation after each round; danger points, findings, a review, a signature.
"""

import sys
from datetime import UTC, datetime, time, timedelta

from benchmarks.visiting import company_of, manager_of  # first: it sets Django up

# isort: split
from django.db import transaction

from accounts.actors import Actor
from accounts.tenancy.context import company_context
from benchmarks.company import AS_OF
from metrics.calc.calendar import Quarter
from metrics.selectors.figures import default_pipeline, quarters_of
from metrics.services.danger_points import open_danger_point
from metrics.services.findings import add_finding
from metrics.services.quarter_reviews import write_review
from metrics.services.recompute import recompute_all
from metrics.services.sign_offs import sign_quarter
from pipeline.models import Deal, Stage
from pipeline.services.moves import move_deal

ROUNDS, LATE = 2, 12
POINTS = 12


def lose_late(by: Actor, quarters: list[Quarter], now: datetime) -> None:
    """Each of these quarters turns out to have lost one deal more, on its last day."""
    lost = Stage.objects.get(kind="lost")
    for quarter in quarters:
        deal = (
            Deal.objects.filter(
                outcome="open",
                stage_entered_on__gte=quarter.start,
                stage_entered_on__lt=quarter.end,
            )
            .order_by("stage_entered_on", "id")
            .first()
        )
        assert deal is not None, quarter
        day = quarter.end - timedelta(days=1)
        at = datetime.combine(day, time(12), UTC)
        move_deal(by=by, deal_id=deal.pk, to_stage_id=lost.pk, occurred_at=at, now=now)


def learn(by: Actor, pipeline_id: int, quarter: Quarter, now: datetime) -> None:
    """What the review of the quarter has a section for."""
    stages = list(Stage.objects.filter(kind="open").order_by("position"))
    segments = ["all", *(f"rep=Rep {n}" for n in range(1, POINTS))]
    for n, segment in enumerate(segments):
        stage = stages[n % len(stages)]
        open_danger_point(by=by, now=now, stage_id=stage.pk, segment=segment, quarter=quarter.label)
        deals = Deal.objects.filter(outcome="lost").order_by("id")[n * 5 : n * 5 + 5]
        add_finding(
            by=by, now=now, source="call_review", stage=stage, deals=list(deals),
            statement=f"What was learned, number {n}",
            quote="The number was fine. I could not explain why now.",
            learned_on=quarter.end - timedelta(days=10),
        )  # fmt: skip
    write_review(
        by=by, now=now, pipeline_id=pipeline_id, quarter_start=quarter.start, version=0,
        summary="A quarter like the others, but for one stage.", bets=["One", "Two", "Three"],
    )  # fmt: skip
    sign_quarter(by=by, now=now, pipeline_id=pipeline_id, quarter_start=quarter.start)


def main(company_id: int) -> None:
    company = company_of(company_id)
    with company_context(company_id), transaction.atomic():
        quarters = list(quarters_of(company=company))
    closed = quarters[-1 - LATE * 3 : -1 : 3]  # over nine years
    now = AS_OF
    by = Actor.member(manager_of(company, now))
    for _round in range(ROUNDS):
        now += timedelta(minutes=10)
        with company_context(company_id), transaction.atomic():
            lose_late(by, closed, now)
        recompute_all(company_id=company_id, now=now)
    with company_context(company_id), transaction.atomic():
        pipeline_id = default_pipeline(company=company)
        assert pipeline_id is not None
        learn(by, pipeline_id, quarters[-2], now + timedelta(minutes=10))


if __name__ == "__main__":
    main(int(sys.argv[1]))
