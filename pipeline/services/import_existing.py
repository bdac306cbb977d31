"""Deals of an import that are here already: what the file adds to them, and nothing twice."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from pipeline import paths
from pipeline.importers import merge
from pipeline.importers.batch import PlannedDeal
from pipeline.models import Deal, DealChange, StageTransition
from pipeline.services.history import cached
from pipeline.services.import_rows import COMPARED, STATED_STAGE, Run, as_text

_CHUNK = 5_000
_CACHED = ("stage", "outcome", "opened_on", "closed_on", "stage_entered_on", "path")
_CONFLICTS: Mapping[str, str] = {
    "opened_otherwise": "Opened on another day than the file says; the day here was kept",
    "stands_otherwise": "In another stage than the file says; the stage here was kept",
    "moved_after_closing": "Moved here after the day on which the file closes the deal; "
    "the history here was kept",
}


@dataclass(slots=True)
class Here:
    """A deal that is here already, as far as an import compares it."""

    id: int
    version: int
    values: dict[str, Any]
    opened_on: date | None
    stated: str = ""
    held: list[merge.Held] = field(default_factory=list)
    rows: list[paths.Row] = field(default_factory=list)
    recorded: set[tuple[int, datetime]] = field(default_factory=set)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of the deals that were here: counts, and sentences about conflicts."""

    deals: int
    transitions: int
    attributes: int
    sentences: tuple[str, ...]


def deals_here(
    batch: Sequence[PlannedDeal], kinds: Mapping[int, str]
) -> dict[tuple[str, str], Here]:
    """The batch's deals that are here, by (system, external id), locked, with their history."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for planned in batch:
        wanted[planned.system].append(planned.deal.external_id)
    found: dict[tuple[str, str], Here] = {}
    by_id: dict[int, Here] = {}
    for system, ids in wanted.items():
        for start in range(0, len(ids), _CHUNK):
            deals = (
                Deal.objects.select_for_update()
                .filter(external_system=system, external_id__in=ids[start : start + _CHUNK])
                .order_by("pk")
                .values("pk", "version", "external_id", "opened_on", *COMPARED)
            )
            for row in deals:
                values = {name: row[name] for name in COMPARED}
                here = Here(row["pk"], row["version"], values, row["opened_on"])
                found[system, row["external_id"]] = by_id[here.id] = here
    ids_here = sorted(by_id)
    for start in range(0, len(ids_here), _CHUNK):
        _read_histories(ids_here[start : start + _CHUNK], by_id, kinds)
    return found


def _read_histories(
    chunk: Sequence[int], by_id: Mapping[int, Here], kinds: Mapping[int, str]
) -> None:
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
                row.to_stage,
                kinds.get(row.to_stage, "open") != "open",
                row.occurred_at,
                origins[row.id] == StageTransition.Origin.IMPORT,
            )
            for row in paths.effective(here.rows)
            if row.to_stage is not None
        ]
    stated = (
        DealChange.objects.filter(deal_id__in=chunk, field=STATED_STAGE)
        .order_by("id")
        .values_list("deal_id", "after")
    )
    for deal_id, after in stated:
        by_id[deal_id].stated = after


def change_deals(
    run: Run, deals: Sequence[PlannedDeal], here: Mapping[tuple[str, str], Here]
) -> Changed:
    """Append what the files add to these deals, and record changed attributes."""
    named = {parsed.name: parsed.columns.has("name") for parsed in run.batch.files}
    clock = run.company.clock(run.now)
    conflicts: dict[str, list[str]] = defaultdict(list)
    moves: list[tuple[Any, ...]] = []
    changes: list[tuple[int, str, str, str]] = []
    touched: dict[int, tuple[Here, dict[str, Any], int]] = {}
    for planned in deals:
        deal = here[planned.system, planned.deal.external_id]
        added, conflict = merge.additions(
            held=deal.held, recorded=deal.recorded, told=run.told(planned), now=clock
        )
        if conflict:
            conflicts[conflict].append(planned.deal.external_id)
        new_values = _differing(run.values(planned), deal, named=named[planned.deal.file])
        stated = run.stated(planned) if not deal.held else ""
        changes += [
            (deal.id, name, as_text(deal.values[name]), as_text(value))
            for name, value in new_values.items()
        ]
        if stated and stated != deal.stated:
            changes.append((deal.id, STATED_STAGE, deal.stated, stated))
        elif not (added or new_values):
            continue
        previous = deal.held[-1].stage_id if deal.held else None
        for number, one in enumerate(added, start=deal.number + 1):
            moves.append(run.move(deal.id, number, previous, one))
            previous = one.stage_id
            run.touch(run.day(one.at))
            if one.replaces is not None:
                run.touch(deal.opened_on)  # what it replaces may have closed an earlier quarter
        if new_values:
            run.touch(deal.opened_on)
        touched[deal.id] = (deal, new_values, len(added))
    ids = run.insert_moves(moves)
    run.insert_changes(changes)
    for transition_id, move in zip(ids, moves, strict=True):
        row = paths.Row(transition_id, move[3], move[4], move[5], replaces=move[9])
        touched[move[0]][0].rows.append(row)
    _update(run, touched)
    sentences = []
    for kind, external in conflicts.items():
        shown = ", ".join(external[:5]) + (", ..." if len(external) > 5 else "")
        sentences.append(f"{_CONFLICTS[kind]} ({len(external):,}): {shown}.")
    return Changed(len(touched), len(moves), len(changes), tuple(sentences))


def _differing(told: dict[str, Any], deal: Here, *, named: bool) -> dict[str, Any]:
    """The attributes that the file tells otherwise; what it leaves blank stays."""
    if not named:
        del told["name"]  # made of customer and product, not told
    if told["amount"] is None:
        del told["currency"]
    return {
        name: value
        for name, value in told.items()
        if value is not None and value != deal.values[name]
    }


def _update(run: Run, touched: Mapping[int, tuple[Here, dict[str, Any], int]]) -> None:
    rows = [
        Deal(
            pk=deal.id,
            company_id=run.company.pk,
            version=deal.version + max(added, 1),
            **{**deal.values, **new_values},
            **cached(history=paths.effective(deal.rows), stages=run.kinds),
        )
        for deal, new_values, added in touched.values()
    ]
    fields = [*(name.removesuffix("_id") for name in COMPARED), "version", *_CACHED]
    Deal.objects.bulk_update(rows, fields, batch_size=500)
