"""A small company for the tests of snapshots: one pipeline, two open stages, told moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.db import transaction

from accounts.actors import Actor
from accounts.models import Company
from accounts.services.companies import create_company
from accounts.tenancy.context import company_context
from pipeline.models import Pipeline, Rep, Source, Stage
from pipeline.services.deals import open_deal
from pipeline.services.history import Recorded
from pipeline.services.moves import move_deal

BY = Actor.product("test")


def at(text: str) -> datetime:
    """`2026-02-03` or `2026-02-03T10:00`, in UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if "T" in text else moment.replace(hour=12)).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Small:
    company: Company
    pipeline_id: int
    booked: int
    met: int
    won: int
    lost: int
    rep: int
    inbound: int

    def opens(self, when: str, *, now: str = "", amount: str | None = "1000", **extra) -> Recorded:
        extra.setdefault("rep_id", self.rep)
        extra.setdefault("source_id", self.inbound)
        return open_deal(
            by=BY,
            pipeline_id=self.pipeline_id,
            stage_id=self.booked,
            name="Deal",
            occurred_at=at(when),
            now=at(now or when),
            amount=None if amount is None else Decimal(amount),
            **extra,
        )

    def moves(self, deal_id: int, stage: int, when: str, *, now: str = "") -> Recorded:
        return move_deal(
            by=BY, deal_id=deal_id, to_stage_id=stage, occurred_at=at(when), now=at(now or when)
        )


@contextmanager
def small_company(slug: str = "small", **settings) -> Iterator[Small]:
    company = create_company(slug=slug, name="Small", by=BY, now=at("2025-12-01"), **settings)
    with company_context(company.pk):
        with transaction.atomic():
            pipeline = Pipeline.objects.create(name="Sales")
            stages = [
                Stage.objects.create(pipeline=pipeline, name=name, kind=kind, position=position).pk
                for name, kind, position in (
                    ("Booked", "open", 1),
                    ("Met", "open", 2),
                    ("Won", "won", None),
                    ("Lost", "lost", None),
                )
            ]
            rep = Rep.objects.create(name="Ada Quist").pk
            source = Source.objects.create(name="referral", channel="inbound").pk
        yield Small(company, pipeline.pk, *stages, rep, source)
