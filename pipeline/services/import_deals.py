"""Write an import's batch of deals: in bulk, in one transaction, twice the same as once.

The parsing is pure and done before (pipeline/importers). Here names become rows, deals that are
new are inserted with their history, and deals that are here already get what the file adds to
them: facts are appended, changed attributes are recorded, a blank cell never wipes a value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline import paths
from pipeline.importers.batch import Batch, PlannedDeal
from pipeline.importers.merge import Added
from pipeline.importers.report import Written, as_json
from pipeline.importers.stages import KnownStage
from pipeline.models import Deal, ImportBatch, Pipeline, Stage
from pipeline.services import bulk
from pipeline.services.dirty import mark_dirty
from pipeline.services.history import cached
from pipeline.services.import_existing import change_deals, deals_here
from pipeline.services.import_names import bring_names
from pipeline.services.import_rows import COMPARED, STATED_STAGE, Run

_LOCK = 0x1D31  # the first half of the advisory lock of an import


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file of the import, as it is remembered."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote, and sentences about what stood against it.

    `changed` is False where nothing was new, as after a second import of the same file.
    """

    written: Written
    conflicts: tuple[str, ...]
    changed: bool


def known_stages() -> dict[str, list[KnownStage]]:
    """The active company's pipelines, first one first: name -> stages."""
    found: dict[str, list[KnownStage]] = {
        pipeline.name: [] for pipeline in Pipeline.objects.order_by("position", "id")
    }
    rows = Stage.objects.order_by("pipeline_id", "position", "id").values_list(
        "pipeline__name", "name", "kind", "position"
    )
    for pipeline_name, name, kind, position in rows:
        found[pipeline_name].append(KnownStage(name, kind, position))
    return found


def import_deals(
    *,
    batch: Batch,
    files: Sequence[FileSeen],
    mapping: Mapping[str, Any],
    reason_levels: Mapping[str, str],
    by: Actor,
    now: datetime,
) -> Imported:
    """Write a batch for the active company, all or nothing.

    `mapping` is what the person told, kept with the import; `reason_levels` gives new lost
    reasons their first level. For a dry run, roll the caller's transaction back.
    Raises DomainError when the pipeline changed since the files were read.
    """
    with transaction.atomic():
        bulk.relax_limits()
        company = Company.objects.get(pk=require_company_id())
        with connection.cursor() as cursor:
            # one import a company at a time: two would make the same customers
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, company.pk % 2**31])
        systems = sorted({planned.system for planned in batch.deals})
        record = ImportBatch.objects.create(
            system=systems[0] if len(systems) == 1 else "several",
            files=[{"name": file.name, "sha256": file.sha256} for file in files],
            mapping=dict(mapping),
            imported_at=now,
            imported_by_id=by.user_id,
        )
        pipeline_ids, stage_ids, kinds = _bring_stages(batch)
        names = bring_names(batch, company, reason_levels)
        run = Run(company, batch, by, now, record.pk, pipeline_ids, stage_ids, kinds, names)
        here = deals_here(batch.deals, kinds)
        new = [p for p in batch.deals if (p.system, p.deal.external_id) not in here]
        old = [p for p in batch.deals if (p.system, p.deal.external_id) in here]
        transitions = _insert_deals(run, new)
        changes = change_deals(run, old, here)
        written = Written(
            deals_new=len(new),
            deals_changed=changes.deals,
            deals_same=len(old) - changes.deals,
            transitions=transitions + changes.transitions,
            attributes=changes.attributes,
        )
        changed = bool(new or changes.deals or names.changed)
        if changed:
            _remember(run, record, written)
        else:
            record.delete()  # a file that says nothing new leaves no trace
        if run.since is not None:
            mark_dirty(company=company, since=run.since, now=now)
    return Imported(written, (*changes.sentences, *names.sentences), changed)


def _remember(run: Run, record: ImportBatch, written: Written) -> None:
    record.report = as_json(run.batch, written)
    record.save(update_fields=["report"])
    record_audit(
        by=run.by,
        at=run.now,
        action="deals.imported",
        object_type="import",
        object_id=record.pk,
        after={
            "files": [file["name"] for file in record.files],
            "new": written.deals_new,
            "changed": written.deals_changed,
            "transitions": written.transitions,
            "rejected": len(run.batch.rejected),
        },
    )


def _bring_stages(
    batch: Batch,
) -> tuple[dict[str, int], dict[tuple[str, str], int], dict[int, str]]:
    """(pipeline -> id, (pipeline, stage) -> id, stage id -> kind), making what is planned."""
    pipeline_ids: dict[str, int] = {}
    stage_ids: dict[tuple[str, str], int] = {}
    position = Pipeline.objects.count()
    for name, plan in batch.pipelines.items():
        pipeline = Pipeline.objects.filter(name=name).first()
        if pipeline is None:
            position += 1
            pipeline = Pipeline.objects.create(name=name, position=position)
        pipeline_ids[name] = pipeline.pk
        found = {stage.name: stage for stage in Stage.objects.filter(pipeline=pipeline)}
        if plan.created and not found:
            for stage in plan.created:
                found[stage.name] = Stage.objects.create(
                    pipeline=pipeline, name=stage.name, kind=stage.kind, position=stage.position
                )
        for stage in plan.stages:
            if stage.name not in found or found[stage.name].kind != stage.kind:
                raise DomainError(
                    _(
                        "The stages of {pipeline} changed while the file was read. Import it again."
                    ).format(pipeline=name)
                )
            stage_ids[name, stage.name] = found[stage.name].pk
    # of all pipelines: a deal that is here may stand in another one than its file says
    kinds = dict(Stage.objects.values_list("id", "kind"))
    return pipeline_ids, stage_ids, kinds


def _insert_deals(run: Run, new: Sequence[PlannedDeal]) -> int:
    """Insert deals with their history; returns the number of transitions."""
    columns = (
        *COMPARED, "pipeline_id", "external_system", "external_id", "import_batch_id",
        "path_known", "version", "stage_id", "outcome", "opened_on", "closed_on",
        "stage_entered_on", "path",
    )  # fmt: skip
    rows = []
    for planned in new:
        history = [
            paths.Row(n, told.stage_id, told.at, run.day(told.at))
            for n, told in enumerate(run.told(planned), start=1)
        ]
        cache = cached(history=history, stages=run.kinds)
        rows.append(
            (
                *run.values(planned).values(),
                run.pipeline_ids[planned.pipeline],
                planned.system,
                planned.deal.external_id,
                run.import_id,
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
        run.touch(history[0].occurred_on if history else None)
    if not rows:
        return 0
    ids = bulk.insert_rows(Deal, run.company.pk, columns, rows)
    moves = []
    for deal_id, planned in zip(ids, new, strict=True):
        previous: int | None = None
        for number, told in enumerate(run.told(planned), start=1):
            moves.append(run.move(deal_id, number, previous, Added(told.stage_id, told.at)))
            previous = told.stage_id
    run.insert_moves(moves)
    run.insert_changes(
        (deal_id, STATED_STAGE, "", stated)
        for deal_id, planned in zip(ids, new, strict=True)
        if (stated := run.stated(planned))
    )
    return len(moves)
