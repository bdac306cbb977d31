"""The golden company's transitions, one by one, through the services that people use."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from django.db import transaction

from accounts.actors import Actor
from accounts.models import Company
from accounts.services.companies import create_company
from accounts.tenancy.context import company_context
from pipeline.models import (
    Competitor,
    Customer,
    LossLevel,
    LostReason,
    Pipeline,
    Product,
    Rep,
    Source,
    Stage,
    Team,
)
from pipeline.services.deals import open_deal
from pipeline.services.moves import correct_transition, move_deal

BY = Actor.product("replay")
_LEVELS = {"competitor": LossLevel.COMPETITOR, "no decision": LossLevel.NO_DECISION}


def rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    with (folder / name).open(newline="") as file:
        yield from csv.DictReader(file)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@dataclass
class Catalog:
    """Rows by name, made on first sight."""

    deals: dict[str, dict[str, str]]
    teams: dict[str, Team]

    def attributes(self, deal: dict[str, str]) -> dict[str, object]:
        def named(model: type, name: str, **extra: object) -> int | None:
            if not name:
                return None
            return model.objects.get_or_create(name=name, defaults=extra)[0].pk

        team = deal["team"] and Team.objects.get_or_create(name=deal["team"])[0]
        reason = None
        if deal["lost_reason"]:
            level = _LEVELS.get(deal["lost_reason"], LossLevel.OTHER)
            reason = LostReason.objects.get_or_create(
                detail=deal["lost_reason"], defaults={"level": level}
            )[0].pk
        return {
            "customer_id": named(Customer, deal["account"]),
            "rep_id": named(Rep, deal["rep"], team=team or None),
            "product_id": named(Product, deal["product"]),
            "source_id": named(Source, deal["source"], channel=deal["channel"]),
            "amount": Decimal(deal["amount"]) if deal["amount"] else None,
            "currency": deal["currency"],
            "lost_reason_id": reason,
            "competitor_id": named(Competitor, deal["competitor"]),
        }


@contextmanager
def company_of(folder: Path, *, slug: str) -> Iterator[tuple[Company, dict[str, int]]]:
    """An empty company with the folder's settings and stages (name -> id), made active."""
    settings = json.loads((folder / "company.json").read_text())
    settings.pop("as_of")
    name = settings.pop("name")
    first = min(instant(row["recorded_at"]) for row in rows(folder, "transitions.csv"))
    company = create_company(slug=slug, name=name, by=BY, now=first - timedelta(days=1), **settings)
    with company_context(company.pk):
        with transaction.atomic():
            pipeline = Pipeline.objects.create(name="Sales")
            stages = {
                row["stage"]: Stage.objects.create(
                    pipeline=pipeline,
                    name=row["stage"],
                    kind=row["kind"],
                    position=int(row["position"]) if row["position"] else None,
                ).pk
                for row in rows(folder, "stages.csv")
            }
        yield company, stages


def replay(
    folder: Path,
    *,
    stages: dict[str, int],
    between: Callable[[int, datetime], None],
) -> int:
    """Record every transition in recorded order; `between(number, recorded_at)` after each."""
    catalog = Catalog({row["id"]: row for row in rows(folder, "deals.csv")}, {})
    deals: dict[str, int] = {}
    transitions: dict[str, int] = {}
    with transaction.atomic():
        pipeline_id = Pipeline.objects.values_list("id", flat=True).get()
    ordered = sorted(
        rows(folder, "transitions.csv"), key=lambda r: (instant(r["recorded_at"]), int(r["id"]))
    )
    for number, row in enumerate(ordered, start=1):
        now, when = instant(row["recorded_at"]), instant(row["occurred_at"])
        stage = stages.get(row["to_stage"])
        if row["replaces"]:
            done = correct_transition(
                by=BY,
                transition_id=transitions[row["replaces"]],
                to_stage_id=stage,
                occurred_at=when,
                withdraw=stage is None,
                now=now,
                key=f"golden-{row['id']}",
                imported=True,
            )
        elif row["deal_id"] not in deals:
            deal = catalog.deals[row["deal_id"]]
            with transaction.atomic():
                attributes = catalog.attributes(deal)
            done = open_deal(
                by=BY,
                pipeline_id=pipeline_id,
                stage_id=stage,
                name=deal["name"],
                occurred_at=when,
                now=now,
                key=f"golden-{row['id']}",
                imported=True,
                **attributes,
            )
            deals[row["deal_id"]] = done.deal_id
        else:
            done = move_deal(
                by=BY,
                deal_id=deals[row["deal_id"]],
                to_stage_id=stage,
                occurred_at=when,
                now=now,
                key=f"golden-{row['id']}",
                imported=True,
            )
        transitions[row["id"]] = done.transition_id
        between(number, now)
    return len(ordered)
