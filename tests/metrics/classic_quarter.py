"""The classic quarter as facts: the one whose every figure can be had by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from accounts.tenancy.context import company_context
from metrics.services.recompute import recompute_all
from pipeline import paths
from pipeline.models import Deal, StageTransition
from tests.personas import NOW, Workspace, World, quiet_world  # noqa: F401  a fixture


def add_classic(workspace: Workspace) -> None:
    """The classic quarter: 100 booked, 90 held, 50 met the coach, 20 won, 1,000 each.

    All opened on 1 January 2026 and ended in the quarter of 90 days. Won after 12 days; lost
    after 53 days (60 of them) or 54 (20), so that 20 x 12 + 60 x 53 + 20 x 54 = 4,500 days were
    spent open: N = 4,500 / 90 = 50 on an average day, A = 1,000, W = 20 / 100, C = 12, and
    V = 50 x 1,000 x 0.2 / 12 = 833.33 a day.
    """
    ways = (
        [("Booked", "Lost")] * 10
        + [("Booked", "Held", "Lost")] * 40
        + [("Booked", "Held", "Coach", "Lost")] * 30
        + [("Booked", "Held", "Coach", "Won")] * 20
    )
    days = [12 if way[-1] == "Won" else (53 if n < 60 else 54) for n, way in enumerate(ways)]
    add_ended(
        workspace, "Classic", datetime(2026, 1, 1, 9, tzinfo=UTC), zip(ways, days, strict=True)
    )


def add_ended(
    workspace: Workspace, name: str, opened: datetime, ended: Iterable[tuple[tuple[str, ...], int]]
) -> list[int]:
    """Deals of 1,000 by Ada, from the website, opened together: a stage an hour, and the last of
    their way so many days after the opening. "`name` 0" and on; their ids in this order."""
    stages = workspace.stages
    moves, made = [], []
    with company_context(workspace.company.pk), transaction.atomic():
        for index, (way, after) in enumerate(ended):
            closed = opened + timedelta(days=after)
            times = [opened + timedelta(hours=step) for step in range(len(way) - 1)] + [closed]
            deal = Deal.objects.create(
                pipeline=workspace.pipeline,
                name=f"{name} {index}",
                customer=workspace.customers["Acme"],
                rep=workspace.reps["Ada"],
                source=workspace.sources["Website"],
                amount=Decimal(1000),
                currency="EUR",
                stage=stages[way[-1]],
                outcome=way[-1].lower(),
                opened_on=opened.date(),
                closed_on=closed.date(),
                stage_entered_on=closed.date(),
            )
            rows = [
                StageTransition(
                    deal=deal,
                    number=number,
                    to_stage=stages[stage],
                    occurred_at=at,
                    occurred_on=at.date(),
                    recorded_at=at,
                    origin=StageTransition.Origin.LOAD,
                )
                for number, (stage, at) in enumerate(zip(way, times, strict=True), start=1)
            ]
            moves += rows
            deal.path = paths.pack(
                [
                    paths.Row(row.number, row.to_stage_id, row.occurred_at, row.occurred_on)
                    for row in rows
                ]
            )
            deal.save(update_fields=["path"])
            made.append(deal.pk)
        StageTransition.objects.bulk_create(moves)
    return made


@pytest.fixture
def classic(quiet_world: World) -> World:  # noqa: F811
    """Company A with the classic quarter, Q1 2026, final."""
    add_classic(quiet_world.a)
    recompute_all(company_id=quiet_world.a.company.pk, now=NOW)
    return quiet_world
