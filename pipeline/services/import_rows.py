"""Deals of an import as rows: what both new deals and deals that are here already need."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from accounts.actors import Actor
from accounts.models import Company
from pipeline.importers.batch import Batch, PlannedDeal
from pipeline.importers.merge import Added, Told
from pipeline.models import DealChange, StageTransition
from pipeline.services import bulk
from pipeline.services.import_names import Names

ORIGIN = "import"
STATED_STAGE = "stated_stage"  # the stage of a deal without dates: told, not part of a history

# What a file tells of a deal beside its history, as columns of the deal.
COMPARED = (
    "name",
    "customer_id",
    "rep_id",
    "product_id",
    "source_id",
    "amount",
    "currency",
    "lost_reason_id",
    "competitor_id",
)


@dataclass(slots=True)
class Run:
    """One run of an import: whose, by whom, and the names and stages as ids.

    `since` gathers the earliest local day that changed, for the dirty quarters.
    """

    company: Company
    batch: Batch
    by: Actor
    now: datetime
    import_id: int
    pipeline_ids: Mapping[str, int]
    stage_ids: Mapping[tuple[str, str], int]  # (pipeline, stage) -> id
    kinds: dict[int, str]  # stage id -> open, won, lost
    names: Names
    since: date | None = None
    _days: dict[datetime, date] = field(default_factory=dict)

    def day(self, at: datetime) -> date:
        """The company's local day of an instant."""
        day = self._days.get(at)
        if day is None:
            day = self._days[at] = self.company.local_day(at)
        return day

    def touch(self, day: date | None) -> None:
        if day is not None and (self.since is None or day < self.since):
            self.since = day

    def told(self, planned: PlannedDeal) -> list[Told]:
        """A deal's history as its file tells it."""
        told = []
        for n, event in enumerate(planned.events):
            terminal = event.stage.kind != "open"
            dated = n == 0 or terminal or planned.deal.stage_since is not None
            stage_id = self.stage_ids[planned.pipeline, event.stage.name]
            told.append(Told(stage_id, terminal, event.at, dated))
        return told

    def values(self, planned: PlannedDeal) -> dict[str, Any]:
        """A deal's attributes by column, in the order of COMPARED."""
        deal, names = planned.deal, self.names
        return {
            "name": deal.name,
            "customer_id": names.customers.get(deal.customer),
            "rep_id": names.reps.get(deal.rep),
            "product_id": names.products.get(deal.product),
            "source_id": names.sources.get(planned.source),
            "amount": deal.amount,
            "currency": deal.currency,
            "lost_reason_id": names.reasons.get(deal.lost_reason),
            "competitor_id": names.competitors.get(deal.competitor),
        }

    def stated(self, planned: PlannedDeal) -> str:
        """The stage that a deal without dates was said to stand in; "" for one with dates."""
        deal = planned.deal
        if planned.events:
            return ""
        plan = self.batch.pipelines[planned.pipeline]
        if deal.outcome == "open":
            stage = plan.by_key().get(" ".join(deal.stage.split()).casefold())
            return stage.name if stage else plan.first.name
        return plan.terminal(deal.outcome).name

    def move(
        self, deal_id: int, number: int, from_stage: int | None, added: Added
    ) -> tuple[Any, ...]:
        """A transition as insert_moves takes it."""
        return (
            deal_id, number, from_stage, added.stage_id, added.at, self.day(added.at), self.now,
            self.by.user_id, StageTransition.Origin.IMPORT.value, added.replaces, "",
            self.import_id,
        )  # fmt: skip

    def insert_moves(self, moves: Sequence[tuple[Any, ...]]) -> list[int]:
        """Append transitions; their ids, in the order of the moves."""
        columns = (
            "deal_id", "number", "from_stage_id", "to_stage_id", "occurred_at", "occurred_on",
            "recorded_at", "recorded_by_id", "origin", "replaces_id", "reason", "import_batch_id",
        )  # fmt: skip
        if not moves:
            return []
        return bulk.insert_rows(StageTransition, self.company.pk, columns, moves)

    def insert_changes(self, changes: Iterable[tuple[int, str, str, str]]) -> None:
        """Append deal changes: (deal id, field, before, after)."""
        columns = (
            "deal_id", "field", "before", "after", "changed_at", "changed_by_id", "origin",
        )  # fmt: skip
        rows = [(*change, self.now, self.by.user_id, ORIGIN) for change in changes]
        if rows:
            bulk.insert_rows(DealChange, self.company.pk, columns, rows)


def as_text(value: object) -> str:
    """An attribute as deal changes keep it."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return "" if value is None else str(value)
