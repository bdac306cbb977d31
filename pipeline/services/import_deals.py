"""Write an import's batch of deals: in bulk, in one transaction, twice the same as once.

The parsing is pure and done before (pipeline/importers). Here names become rows, deals that are
new are inserted with their history, and deals that are here already get what the file adds to
them: facts are appended, changed attributes are recorded, a blank cell never wipes a value.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline import paths
from pipeline.importers import merge
from pipeline.importers.batch import Batch, PlannedDeal
from pipeline.importers.report import Written, as_json
from pipeline.importers.stages import KnownStage
from pipeline.models import Deal, DealChange, ImportBatch, Pipeline, Stage, StageTransition
from pipeline.services import bulk
from pipeline.services.dirty import mark_dirty
from pipeline.services.history import cached
from pipeline.services.import_names import Names, bring_names

ORIGIN = "import"
STATED_STAGE = "stated_stage"  # the stage of a deal without dates: told, not part of a history
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file of the import, as it is remembered."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote, and sentences about what stood against it."""

    written: Written
    conflicts: tuple[str, ...]
    changed: bool  # anything at all: False after a second import of the same file


def known_stages() -> dict[str, list[KnownStage]]:
    """The active company's pipelines, first one first: name -> stages."""
    found: dict[str, list[KnownStage]] = {
        p.name: [] for p in Pipeline.objects.order_by("position", "id")
    }
    rows = Stage.objects.order_by("pipeline_id", "position", "id").values_list(
        "pipeline__name", "name", "kind", "position"
    )
    for pipeline, name, kind, position in rows:
        found[pipeline].append(KnownStage(name, kind, position))
    return found


def import_deals(
    *,
    batch: Batch,
    files: Sequence[FileSeen],
    mapping: Mapping[str, Any],
    reason_levels: Mapping[str, str],
    by: Actor,
    now: datetime,
    dry_run: bool = False,
) -> Imported:
    """Write a batch for the active company, all or nothing.

    `dry_run` does everything and takes it back, so what it reports is what would happen.
    Raises DomainError when the pipeline changed since the files were read.
    """
    with transaction.atomic():
        bulk.relax_limits()
        company = Company.objects.get(pk=require_company_id())
        with connection.cursor() as cursor:
            # one import a company at a time: two would make the same customers
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [0x1D31, company.pk % 2**31])
        writer = _Writer(company, batch, by, now)
        written = writer.write(files, mapping, reason_levels)
        if writer.since is not None:
            mark_dirty(company=company, since=writer.since, now=now)
        if dry_run:
            transaction.set_rollback(True)
    return Imported(written, writer.sentences(), writer.changed)


@dataclass(slots=True)
class _Here:
    """A deal that is here already, as far as an import compares it."""

    id: int
    version: int
    values: dict[str, Any]
    opened_on: date | None
    told_stage: str = ""
    held: list[merge.Held] = field(default_factory=list)
    rows: list[paths.Row] = field(default_factory=list)
    recorded: set[tuple[int, datetime]] = field(default_factory=set)
    number: int = 0


_COMPARED = (
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
_CONFLICTS: Mapping[str, str] = {
    "opened_otherwise": "were opened on another day than their file says; the day here was kept",
    "stands_otherwise": "stand in another stage than their file says; the stage here was kept",
    "moved_after_closing": "were moved here after the day on which their file closes them; "
    "the history here was kept",
}


class _Writer:
    """One run of an import; every query is for many rows."""

    def __init__(self, company: Company, batch: Batch, by: Actor, now: datetime) -> None:
        self.company, self.batch, self.by, self.now = company, batch, by, now
        self.clock = company.clock(now)
        self.since: date | None = None  # the earliest local day that changed
        self.changed = False
        self.conflicts: dict[str, list[str]] = defaultdict(list)
        self.days: dict[datetime, date] = {}

    def write(
        self,
        files: Sequence[FileSeen],
        mapping: Mapping[str, Any],
        reason_levels: Mapping[str, str],
    ) -> Written:
        systems = sorted({planned.system for planned in self.batch.deals})
        record = ImportBatch.objects.create(
            system=(systems[0] if len(systems) == 1 else "several")[:40] if systems else "file",
            files=[{"name": f.name, "sha256": f.sha256} for f in files],
            mapping=dict(mapping),
            imported_at=self.now,
            imported_by_id=self.by.user_id,
        )
        self.import_id = record.pk
        self.stage_ids, self.kinds = self._bring_stages()
        self.names: Names = bring_names(self.batch, self.company, reason_levels)
        here = self._here()
        new = [p for p in self.batch.deals if (p.system, p.deal.external_id) not in here]
        old = [p for p in self.batch.deals if (p.system, p.deal.external_id) in here]
        transitions = self._insert_new(new)
        changed, added, attributes = self._change_old(old, here)
        written = Written(
            deals_new=len(new),
            deals_changed=changed,
            deals_same=len(old) - changed,
            transitions=transitions + added,
            attributes=attributes,
        )
        self.changed = bool(new or changed or self.names.changed)
        if not self.changed:
            record.delete()  # a file that says nothing new leaves no trace
            return written
        record.report = as_json(self.batch, written)
        record.save(update_fields=["report"])
        record_audit(
            by=self.by,
            at=self.now,
            action="deals.imported",
            object_type="import",
            object_id=record.pk,
            after={
                "files": [f.name for f in files],
                "new": written.deals_new,
                "changed": written.deals_changed,
                "transitions": written.transitions,
                "rejected": len(self.batch.rejected),
            },
        )
        return written

    def sentences(self) -> tuple[str, ...]:
        """What stood against the files, in words."""
        lines = []
        for kind, ids in self.conflicts.items():
            shown = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
            lines.append(f"{len(ids):,} deals {_CONFLICTS[kind]}: {shown}.")
        return (*lines, *self.names.sentences)

    # stages

    def _bring_stages(self) -> tuple[dict[tuple[str, str], int], dict[int, str]]:
        """((pipeline, stage) -> id, stage id -> kind), making what the plan calls for."""
        ids: dict[tuple[str, str], int] = {}
        kinds: dict[int, str] = {}
        self.pipeline_ids: dict[str, int] = {}
        position = Pipeline.objects.count()
        for name, plan in self.batch.pipelines.items():
            pipeline = Pipeline.objects.filter(name=name).first()
            if pipeline is None:
                position += 1
                pipeline = Pipeline.objects.create(name=name, position=position)
            self.pipeline_ids[name] = pipeline.pk
            found = {s.name: s for s in Stage.objects.filter(pipeline=pipeline)}
            if plan.created and not found:
                for stage in plan.created:
                    found[stage.name] = Stage.objects.create(
                        pipeline=pipeline, name=stage.name, kind=stage.kind, position=stage.position
                    )
            for stage in plan.stages:
                if stage.name not in found:
                    raise DomainError(
                        f"The stages of {name} changed while the file was read. Import it again."
                    )
                ids[name, stage.name] = found[stage.name].pk
            for row in found.values():
                kinds[row.pk] = row.kind
        return ids, kinds

    def _day(self, at: datetime) -> date:
        day = self.days.get(at)
        if day is None:
            day = self.days[at] = self.company.local_day(at)
        return day

    def _told(self, planned: PlannedDeal) -> list[merge.Told]:
        deal = planned.deal
        told = []
        for n, event in enumerate(planned.events):
            terminal = event.stage.kind != "open"
            dated = n == 0 or terminal or deal.stage_since is not None
            stage_id = self.stage_ids[planned.pipeline, event.stage.name]
            told.append(merge.Told(stage_id, terminal, event.at, dated))
        return told

    def _touched(self, day: date | None) -> None:
        if day is not None and (self.since is None or day < self.since):
            self.since = day

    # new deals

    def _values(self, planned: PlannedDeal) -> dict[str, Any]:
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

    def _stated(self, planned: PlannedDeal) -> str:
        deal = planned.deal
        if planned.events:
            return ""
        plan = self.batch.pipelines[planned.pipeline]
        if deal.outcome == "open":
            stage = plan.by_key().get(" ".join(deal.stage.split()).casefold())
            return stage.name if stage else plan.first.name
        return plan.terminal(deal.outcome).name

    def _insert_new(self, new: Sequence[PlannedDeal]) -> int:
        columns = (
            *_COMPARED, "pipeline_id", "external_system", "external_id", "import_batch_id",
            "path_known", "version", "stage_id", "outcome", "opened_on", "closed_on",
            "stage_entered_on", "path",
        )  # fmt: skip
        rows = []
        for planned in new:
            history = [
                paths.Row(n, told.stage_id, told.at, self._day(told.at))
                for n, told in enumerate(self._told(planned), start=1)
            ]
            cache = cached(history=paths.effective(history), stages=self.kinds)
            rows.append(
                (
                    *self._values(planned).values(),
                    self.pipeline_ids[planned.pipeline],
                    planned.system[:40],
                    planned.deal.external_id,
                    self.import_id,
                    False,
                    max(len(history), 1),
                    cache["stage_id"],
                    str(cache["outcome"]),
                    cache["opened_on"],
                    cache["closed_on"],
                    cache["stage_entered_on"],
                    cache["path"],
                )
            )
            self._touched(history[0].occurred_on if history else None)
        if not rows:
            return 0
        ids = bulk.insert_rows(Deal, self.company.pk, columns, rows)
        moves = []
        for deal_id, planned in zip(ids, new, strict=True):
            previous: int | None = None
            for number, told in enumerate(self._told(planned), start=1):
                added = merge.Added(told.stage_id, told.at)
                moves.append(self._move(deal_id, number, previous, added))
                previous = told.stage_id
        self._insert_moves(moves)
        self._insert_changes(
            (deal_id, STATED_STAGE, "", stated)
            for deal_id, planned in zip(ids, new, strict=True)
            if (stated := self._stated(planned))
        )
        return len(moves)

    def _move(
        self, deal_id: int, number: int, from_stage: int | None, added: merge.Added
    ) -> tuple[Any, ...]:
        return (
            deal_id, number, from_stage, added.stage_id, added.at, self._day(added.at), self.now,
            self.by.user_id, StageTransition.Origin.IMPORT.value, added.replaces, "",
            self.import_id,
        )  # fmt: skip

    def _insert_moves(self, moves: Sequence[tuple[Any, ...]]) -> list[int]:
        columns = (
            "deal_id", "number", "from_stage_id", "to_stage_id", "occurred_at", "occurred_on",
            "recorded_at", "recorded_by_id", "origin", "replaces_id", "reason", "import_batch_id",
        )  # fmt: skip
        if not moves:
            return []
        return bulk.insert_rows(StageTransition, self.company.pk, columns, moves)

    def _insert_changes(self, changes: Iterable[tuple[int, str, str, str]]) -> None:
        columns = (
            "deal_id", "field", "before", "after", "changed_at", "changed_by_id", "origin",
        )  # fmt: skip
        rows = [(*change, self.now, self.by.user_id, ORIGIN) for change in changes]
        if rows:
            bulk.insert_rows(DealChange, self.company.pk, columns, rows)

    # deals that are here

    def _here(self) -> dict[tuple[str, str], _Here]:
        """The batch's deals that are here already, locked, with their history."""
        wanted: dict[str, list[str]] = defaultdict(list)
        for planned in self.batch.deals:
            wanted[planned.system[:40]].append(planned.deal.external_id)
        found: dict[tuple[str, str], _Here] = {}
        by_id: dict[int, _Here] = {}
        for system, ids in wanted.items():
            for start in range(0, len(ids), _CHUNK):
                deals = (
                    Deal.objects.select_for_update()
                    .filter(external_system=system, external_id__in=ids[start : start + _CHUNK])
                    .order_by("pk")
                    .values("pk", "version", "external_id", "opened_on", *_COMPARED)
                )
                for row in deals:
                    here = _Here(
                        row["pk"],
                        row["version"],
                        {name: row[name] for name in _COMPARED},
                        row["opened_on"],
                    )
                    found[system, row["external_id"]] = by_id[here.id] = here
        self._read_histories(by_id)
        return found

    def _read_histories(self, by_id: Mapping[int, _Here]) -> None:
        ids = sorted(by_id)
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            origins: dict[int, str] = {}
            rows = StageTransition.objects.filter(deal_id__in=chunk).values_list(
                "deal_id", "number", "origin", "id", "to_stage_id", "occurred_at", "occurred_on",
                "replaces_id",
            )  # fmt: skip
            for deal_id, number, origin, *rest in rows:
                here, row = by_id[deal_id], paths.Row(*rest)
                here.rows.append(row)
                here.number = max(here.number, number)
                origins[row.id] = origin
                if row.to_stage is not None:
                    here.recorded.add((row.to_stage, row.occurred_at))
            for deal_id in chunk:
                here = by_id[deal_id]
                here.held = [
                    merge.Held(
                        row.id,
                        row.to_stage,  # type: ignore[arg-type]  # effective rows have a stage
                        self.kinds.get(row.to_stage, "open") != "open",  # type: ignore[arg-type]
                        row.occurred_at,
                        origins[row.id] == StageTransition.Origin.IMPORT,
                    )
                    for row in paths.effective(here.rows)
                ]
            stated = (
                DealChange.objects.filter(deal_id__in=chunk, field=STATED_STAGE)
                .order_by("id")
                .values_list("deal_id", "after")
            )
            for deal_id, after in stated:
                by_id[deal_id].told_stage = after

    def _change_old(
        self, old: Sequence[PlannedDeal], here: Mapping[tuple[str, str], _Here]
    ) -> tuple[int, int, int]:
        """(deals changed, transitions appended, attributes changed)."""
        named = {parsed.name: parsed.columns.has("name") for parsed in self.batch.files}
        moves: list[tuple[Any, ...]] = []
        changes: list[tuple[int, str, str, str]] = []
        touched: dict[int, tuple[_Here, dict[str, Any], int]] = {}
        for planned in old:
            deal = here[planned.system[:40], planned.deal.external_id]
            added, conflict = merge.additions(
                held=deal.held, recorded=deal.recorded, told=self._told(planned), now=self.clock
            )
            if conflict:
                self.conflicts[conflict].append(planned.deal.external_id)
            new_values = self._differing(planned, deal, named[planned.deal.file])
            stated = self._stated(planned) if not deal.held else ""
            changes += [
                (deal.id, name, _text(deal.values[name]), _text(value))
                for name, value in new_values.items()
            ]
            if stated and stated != deal.told_stage:
                changes.append((deal.id, STATED_STAGE, deal.told_stage, stated))
            elif not (added or new_values):
                continue
            previous = deal.held[-1].stage_id if deal.held else None
            for number, one in enumerate(added, start=deal.number + 1):
                moves.append(self._move(deal.id, number, previous, one))
                previous = one.stage_id
                self._touched(self._day(one.at))
            if new_values:
                self._touched(deal.opened_on)
            touched[deal.id] = (deal, new_values, len(added))
        ids = self._insert_moves(moves)
        self._insert_changes(changes)
        for transition_id, move in zip(ids, moves, strict=True):
            deal_here = touched[move[0]][0]
            deal_here.rows.append(
                paths.Row(transition_id, move[3], move[4], move[5], replaces=move[9])
            )
        self._update_deals(touched)
        return len(touched), len(moves), len(changes)

    def _differing(self, planned: PlannedDeal, deal: _Here, named: bool) -> dict[str, Any]:
        """The attributes that the file tells otherwise; what it leaves blank stays."""
        told = self._values(planned)
        if not named:
            del told["name"]  # made of customer and product, not told
        if told["amount"] is None:
            del told["currency"]
        return {
            name: value
            for name, value in told.items()
            if value is not None and value != "" and value != deal.values[name]
        }

    def _update_deals(self, touched: Mapping[int, tuple[_Here, dict[str, Any], int]]) -> None:
        rows = []
        for deal, new_values, added in touched.values():
            values = {**deal.values, **new_values}
            cache = cached(history=paths.effective(deal.rows), stages=self.kinds)
            rows.append(
                Deal(
                    pk=deal.id,
                    company_id=self.company.pk,
                    version=deal.version + max(added, 1),
                    **values,
                    **cache,
                )
            )
        fields = [*(name.removesuffix("_id") for name in _COMPARED), "version", *_CACHED]
        Deal.objects.bulk_update(rows, fields, batch_size=500)


_CACHED = ("stage", "outcome", "opened_on", "closed_on", "stage_entered_on", "path")


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    return "" if value is None else str(value)
