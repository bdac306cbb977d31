"""What a pipeline's history looked like at an earlier time: from facts recorded by then.

Moves are appended and say when they were recorded, so later ones are left out, corrections among
them. A changed attribute of a deal keeps what stood there before, and so does the audit entry of
a renamed or re-sorted catalogue row: both are taken back. Two things are not kept and are read
as they are today: exchange rates, and to which team a rep belonged before two teams were merged.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import numpy as np

from accounts.models import AuditEntry, Company
from metrics.calc.calendar import day_number, local_days, microseconds
from metrics.calc.history import DIMENSIONS, LOST_LEVELS, History, dimension_codes
from metrics.readers import StageList
from metrics.services.causes import COUNTED
from pipeline import paths
from pipeline.models import (
    Deal,
    DealChange,
    ExchangeRate,
    LostReason,
    Product,
    Rep,
    Source,
    StageTransition,
    Team,
)

# The catalogues that figures are sorted by, and the fields of them that are.
_CATALOGUES: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "product": (Product, ("name",)),
    "source": (Source, ("name", "channel")),
    "rep": (Rep, ("name", "team_id")),
    "team": (Team, ("name",)),
    "reason": (LostReason, ("level",)),
}
# What changes figures and is not kept as it was.
_NOT_KEPT = ("rates.changed", "team.merged")


@dataclass(frozen=True, slots=True)
class Change:
    """A value that was replaced: of a deal or of a catalogue's row (`kind`)."""

    at: datetime
    kind: str
    row_id: int
    field: str
    before: Any


@dataclass(slots=True)
class Facts:
    """All that was ever recorded of a pipeline. `moves` of a deal are in recorded order."""

    moves: dict[int, list[paths.Row]]
    recorded: dict[int, list[datetime]]
    deals: dict[int, dict[str, Any]]
    catalogues: dict[str, dict[int, dict[str, Any]]]
    changes: list[Change]  # the newest first
    unkept: list[datetime]
    currencies: list[str]
    _paths: dict[tuple[int, int], list[paths.Row]] = field(default_factory=dict)

    def effective(self, deal_id: int, cut: datetime) -> list[paths.Row]:
        """The deal's history as far as it was recorded by `cut`."""
        known = bisect_right(self.recorded[deal_id], cut)
        key = (deal_id, known)
        if key not in self._paths:
            self._paths[key] = paths.effective(self.moves[deal_id][:known])
        return self._paths[key]

    def instants(self, low: datetime, high: datetime) -> list[datetime]:
        """When something was recorded in (low, high]."""
        found = {at for of in self.recorded.values() for at in of if low < at <= high}
        return sorted(found | {c.at for c in self.changes if low < c.at <= high})


def read_facts(*, company: Company, pipeline_id: int) -> Facts:
    """Read everything, row by row: for checking, not for pages."""
    moves: dict[int, list[paths.Row]] = defaultdict(list)
    recorded: dict[int, list[datetime]] = defaultdict(list)
    rows = StageTransition.objects.filter(deal__pipeline_id=pipeline_id)
    for deal_id, at, *row in (
        rows.order_by("recorded_at", "id")
        .values_list(
            "deal_id", "recorded_at", "id", "to_stage_id", "occurred_at", "occurred_on",
            "replaces_id",
        )
        .iterator(chunk_size=20_000)
    ):  # fmt: skip
        moves[deal_id].append(paths.Row(*row))
        recorded[deal_id].append(at)
    deals = {
        row.pop("id"): row
        for row in Deal.objects.filter(pipeline_id=pipeline_id).values("id", *COUNTED)
    }
    changes = [
        Change(at, "deal", deal_id, name, _value(name, before))
        for at, deal_id, name, before in DealChange.objects.filter(
            deal__pipeline_id=pipeline_id, field__in=COUNTED
        )
        .order_by("-changed_at", "-id")
        .values_list("changed_at", "deal_id", "field", "before")
    ]
    changes += _catalogue_changes()
    # Of one instant those of a deal come before those of catalogues; they touch no common value.
    changes.sort(key=lambda change: change.at, reverse=True)
    others = set(ExchangeRate.objects.values_list("currency", flat=True)) - {company.currency}
    unkept = AuditEntry.objects.filter(action__in=_NOT_KEPT).values_list("at", flat=True)
    return Facts(
        moves=dict(moves),
        recorded=dict(recorded),
        deals=deals,
        catalogues={
            kind: {row.pop("id"): row for row in model.objects.values("id", *fields)}
            for kind, (model, fields) in _CATALOGUES.items()
        },
        changes=changes,
        unkept=sorted(unkept),
        currencies=[company.currency, *sorted(others)],
    )


def _catalogue_changes() -> list[Change]:
    of_noun = {"lost_reason": "reason"}
    found = []
    entries = AuditEntry.objects.filter(action__endswith=".changed").order_by("-at", "-id")
    for at, noun, row_id, before in entries.values_list("at", "object_type", "object_id", "before"):
        kind = of_noun.get(noun, noun)
        for name in _CATALOGUES.get(kind, (None, ()))[1]:
            if name in before and row_id is not None:
                found.append(Change(at, kind, row_id, name, before[name]))
    return found


def _value(name: str, text: str) -> Any:
    """What a deal's attribute was, from how its history keeps it."""
    if name == "path_known":
        return text == "True"
    if name.endswith("_id"):
        return int(text) if text else None
    if name == "amount":
        return float(text) if text else None
    return text


def known_history(
    facts: Facts, *, cut: datetime, stages: StageList, zone: tzinfo | None
) -> History:
    """The history as it was known at `cut`: what was recorded later does not exist.

    `zone`: whose days are counted, where it is not the company's present one.
    """
    taken: dict[tuple[str, int], dict[str, Any]] = {}
    for change in facts.changes:
        if change.at <= cut:
            break
        table = facts.deals if change.kind == "deal" else facts.catalogues[change.kind]
        if change.row_id in table:
            key = (change.kind, change.row_id)
            taken.setdefault(key, dict(table[change.row_id]))[change.field] = change.before

    def row(kind: str, row_id: int | None) -> Mapping[str, Any]:
        if row_id is None:
            return {}
        table = facts.deals if kind == "deal" else facts.catalogues[kind]
        return taken.get((kind, row_id)) or table.get(row_id, {})

    ids, visits, starts = [], [], [0]
    for deal_id in facts.moves:
        path = facts.effective(deal_id, cut)
        if path and deal_id in facts.deals:
            ids.append(deal_id)
            visits += path
            starts.append(len(visits))
    deals = [row("deal", deal_id) for deal_id in ids]
    texts: dict[str, list[str | None]] = {name: [] for name in DIMENSIONS}
    for deal in deals:
        source, rep = row("source", deal["source_id"]), row("rep", deal["rep_id"])
        texts["channel"].append(source.get("channel"))
        texts["source"].append(source.get("name"))
        texts["product"].append(row("product", deal["product_id"]).get("name"))
        texts["rep"].append(rep.get("name"))
        texts["team"].append(row("team", rep.get("team_id")).get("name"))
    columns, labels = {}, {}
    for name in DIMENSIONS:
        columns[name], labels[name] = dimension_codes(texts[name])
    return _arrays(facts, ids, deals, visits, starts, stages, zone, columns, labels, row)


def _arrays(
    facts: Facts,
    ids: Sequence[int],
    deals: Sequence[Mapping[str, Any]],
    visits: Sequence[paths.Row],
    starts: Sequence[int],
    stages: StageList,
    zone: tzinfo | None,
    columns: Mapping[str, Any],
    labels: Mapping[str, tuple[str, ...]],
    row: Any,
) -> History:
    codes = dict(stages.codes)
    entered_at = np.array([microseconds(v.occurred_at) for v in visits], np.int64)
    days = np.array([day_number(v.occurred_on) for v in visits], np.int32)
    levels = [row("reason", deal["lost_reason_id"]).get("level", "unknown") for deal in deals]
    unlisted = len(facts.currencies)
    of_currency = {name: code for code, name in enumerate(facts.currencies)}
    amounts = [np.nan if d["amount"] is None else float(d["amount"]) for d in deals]
    return History(
        stages=stages.names,
        deal_id=np.array(ids, np.int64),
        visit_start=np.array(starts, np.int64),
        entered_at=entered_at,
        entered_on=days if zone is None else local_days(entered_at, zone),
        stage=np.array([codes[v.to_stage or 0] for v in visits], np.int32),
        amount=np.array(amounts, np.float64),
        currency=np.array([of_currency.get(d["currency"], unlisted) for d in deals], np.int32),
        path_known=np.array([d["path_known"] for d in deals], np.bool_),
        lost_level=np.array(
            [LOST_LEVELS.index(level.replace("_", " ")) for level in levels], np.int8
        ),
        labels=labels,
        **columns,
    )
