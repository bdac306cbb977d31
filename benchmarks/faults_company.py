"""The people of the fault run: they open and move deals, and enter some of it late."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import transaction

from accounts.actors import Actor
from accounts.models import Company, Mailing, User
from accounts.roles import Role
from accounts.services.companies import add_member, create_company
from accounts.services.notifications import choose
from accounts.tenancy.context import company_context
from pipeline.models import Pipeline, Rep, Source, Stage
from pipeline.services.deals import change_deal, open_deal
from pipeline.services.moves import move_deal

BY = Actor.product("faults")
BEGINS = datetime(2025, 1, 6, 9, tzinfo=UTC)
ENDS = datetime(2026, 1, 20, 9, tzinfo=UTC)  # four quarters later, the last one final too


@dataclass
class People:
    """A company with its catalogue, and every move that somebody was told is recorded."""

    company: Company
    pipeline_id: int
    stages: list[int]  # three open ones, won, lost
    reps: list[int]
    sources: list[int]
    rng: random.Random
    acknowledged: list[int] = field(default_factory=list)  # ids of transitions
    open_deals: dict[int, tuple[int, datetime]] = field(default_factory=dict)

    def work(self, now: datetime) -> None:
        """One move at this time; one in twelve is entered late, up to eighty days."""
        rng = self.rng
        with company_context(self.company.pk):
            if len(self.open_deals) < 20 or rng.random() < 0.3:
                late = timedelta(days=rng.uniform(1, 80)) if rng.random() < 0.25 else timedelta()
                self._open(max(BEGINS, now - late), now)
            else:
                self._move(now)
            if rng.random() < 0.02:
                deal_id = rng.choice(list(self.open_deals))
                change_deal(
                    by=BY, deal_id=deal_id, now=now, amount=Decimal(rng.randrange(100, 9000))
                )

    def _open(self, when: datetime, now: datetime) -> None:
        rng = self.rng
        done = open_deal(
            by=BY,
            pipeline_id=self.pipeline_id,
            stage_id=self.stages[0],
            name=f"Deal {len(self.acknowledged)}",
            occurred_at=when,
            now=now,
            amount=Decimal(rng.randrange(100, 9000)),
            rep_id=rng.choice(self.reps),
            source_id=rng.choice(self.sources),
        )
        self.acknowledged.append(done.transition_id)
        self.open_deals[done.deal_id] = (0, when)

    def _move(self, now: datetime) -> None:
        rng = self.rng
        deal_id = rng.choice(list(self.open_deals))
        at, since = self.open_deals[deal_id]
        target = rng.choice([3, 4, 4]) if at == 2 or rng.random() < 0.25 else at + 1
        when = since + (now - since) * rng.random() if rng.random() < 0.05 else now
        done = move_deal(
            by=BY,
            deal_id=deal_id,
            to_stage_id=self.stages[target],
            occurred_at=when,
            now=now,
            key=f"faults-{len(self.acknowledged)}",
        )
        self.acknowledged.append(done.transition_id)
        self.open_deals[deal_id] = (target, when)
        if target > 2:
            del self.open_deals[deal_id]


def found_company(*, seed: int, slug: str = "faults") -> People:
    """A company in New York with two managers who are told at once."""
    now = BEGINS - timedelta(days=1)
    company = create_company(slug=slug, name="Faults", by=BY, now=now, timezone="America/New_York")
    with company_context(company.pk), transaction.atomic():
        pipeline = Pipeline.objects.create(name="Sales")
        stages = [
            Stage.objects.create(pipeline=pipeline, name=name, kind=kind, position=position).pk
            for name, kind, position in (
                ("Booked", "open", 1),
                ("Met", "open", 2),
                ("Offer", "open", 3),
                ("Won", "won", None),
                ("Lost", "lost", None),
            )
        ]
        reps = [Rep.objects.create(name=name).pk for name in ("Ada Quist", "Bo Lind", "Cy Holm")]
        sources = [
            Source.objects.create(name=name, channel=channel).pk
            for name, channel in (("referral", "inbound"), ("calls", "outbound"))
        ]
    for name in ("ann", "ben"):
        user = User.objects.create_user(email=f"{name}@{slug}.example", name=name.title())
        member = add_member(company=company, user=user, role=Role.MANAGER, by=BY, now=now)
        with company_context(company.pk):
            for kind in ("quarter_final", "quarter_restated"):
                choose(by=BY, membership=member, kind=kind, shown=True, mailing=Mailing.AT_ONCE)
    return People(company, pipeline.pk, stages, reps, sources, random.Random(seed))
