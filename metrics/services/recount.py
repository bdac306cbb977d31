"""What a pipeline's history looked like at an earlier time: from facts recorded by then.

Moves are appended and say when they were recorded, so later ones are left out, corrections among
them. A changed attribute of a deal keeps what stood there before, and so do the audit entries of
a renamed or re-sorted catalogue row, of a rep who went to another team and of an exchange rate:
all of them are taken back.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from decimal import Decimal
from itertools import takewhile
from typing import Any

import numpy as np

from accounts.models import AuditEntry, Company
from metrics.calc.calendar import day_number, local_days, microseconds
from metrics.calc.history import DIMENSIONS, LOST_LEVELS, History, Rates, dimension_codes
from metrics.readers import StageList, rate_table
from metrics.services.causes import COUNTED, Known
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
# By time, or by the ids of what was there: a clock can be set back.
Cut = datetime | Known


@dataclass(frozen=True, slots=True)
class Change:
    """A value that was replaced: of a deal, of a catalogue's row or of a rate (`kind`).

    `number` is the id of the fact: of the change of a deal, else of the audit entry.
    """

    at: datetime
    number: int
    kind: str
    row_id: int | str
    field: str
    before: Any

    def after(self, cut: Cut) -> bool:
        """Was it recorded later than that?"""
        if isinstance(cut, Known):
            return self.number > (cut.changes if self.kind == "deal" else cut.audit)
        return self.at > cut


@dataclass(slots=True)
class Facts:
    """All that was ever recorded of a pipeline. `moves` of a deal are in recorded order."""

    moves: dict[int, list[paths.Row]]
    recorded: dict[int, list[datetime]]
    deals: dict[int, dict[str, Any]]
    catalogues: dict[str, dict[int | str, dict[str, Any]]]
    changes: list[Change]  # the newest first
    currencies: list[str]
    _paths: dict[tuple[int, ...], list[paths.Row]] = field(default_factory=dict)

    def effective(self, deal_id: int, cut: Cut) -> list[paths.Row]:
        """The deal's history as far as it was recorded by `cut`."""
        moves = self.moves[deal_id]
        if isinstance(cut, Known):
            rows = [row for row in moves if row.id <= cut.moves]
        else:
            rows = moves[: bisect_right(self.recorded[deal_id], cut)]
        key = (deal_id, *(row.id for row in rows))
        if key not in self._paths:
            self._paths[key] = paths.effective(rows)
        return self._paths[key]

    def after(self, cut: Cut) -> list[Change]:
        """The values that were replaced later than `cut`, the newest first."""
        if isinstance(cut, Known):
            later = (change for change in self.changes if change.after(cut))
            return sorted(later, key=lambda change: change.number, reverse=True)
        return list(takewhile(lambda change: change.after(cut), self.changes))

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
        Change(at, number, "deal", deal_id, name, _value(name, before))
        for at, number, deal_id, name, before in DealChange.objects.filter(
            deal__pipeline_id=pipeline_id, field__in=COUNTED
        )
        .order_by("-changed_at", "-id")
        .values_list("changed_at", "id", "deal_id", "field", "before")
    ]
    rates = _rates()
    rate_changes = _rate_changes()
    for change in rate_changes:  # of a rate that was forgotten since no row is left
        rates.setdefault(change.row_id, {"rate": None})
    changes += _catalogue_changes() + rate_changes
    # Of one instant those of a deal come before those of catalogues; they touch no common value.
    changes.sort(key=lambda change: change.at, reverse=True)
    others = {str(key).split()[0] for key in rates} - {company.currency}
    return Facts(
        moves=dict(moves),
        recorded=dict(recorded),
        deals=deals,
        catalogues={
            kind: {row.pop("id"): row for row in model.objects.values("id", *fields)}
            for kind, (model, fields) in _CATALOGUES.items()
        }
        | {"rate": rates},
        changes=changes,
        currencies=[company.currency, *sorted(others)],
    )


def _catalogue_changes() -> list[Change]:
    of_noun = {"lost_reason": "reason"}
    found = []
    entries = AuditEntry.objects.filter(action__endswith=".changed").order_by("-at", "-id")
    for at, number, noun, row_id, before in entries.values_list(
        "at", "id", "object_type", "object_id", "before"
    ):
        kind = of_noun.get(noun, noun)
        for name in _CATALOGUES.get(kind, (None, ()))[1]:
            if name in before and row_id is not None:
                found.append(Change(at, number, kind, row_id, name, before[name]))
    return found


def _rates() -> dict[int | str, dict[str, Any]]:
    """The rates of today, under the names that the audit trail gives them: "USD 2026-03"."""
    rows = ExchangeRate.objects.values_list("currency", "month", "rate")
    return {f"{currency} {month:%Y-%m}": {"rate": rate} for currency, month, rate in rows}


def _rate_changes() -> list[Change]:
    entries = AuditEntry.objects.filter(action="rates.changed").order_by("-at", "-id")
    return [
        Change(at, number, "rate", name, "rate", None if rate is None else Decimal(rate))
        for at, number, before in entries.values_list("at", "id", "before")
        for name, rate in before.items()
    ]


def known_rates(facts: Facts, *, cut: Cut) -> Rates:
    """The exchange rates as they were at `cut`."""
    taken = _taken_back(facts, cut)
    rows = []
    for name, row in facts.catalogues["rate"].items():
        rate = taken.get(("rate", name), row)["rate"]
        if rate is not None:
            currency, month = str(name).split()
            rows.append((currency, date.fromisoformat(f"{month}-01"), rate))
    return rate_table(facts.currencies, rows)


def _value(name: str, text: str) -> Any:
    """What a deal's attribute was, from how its history keeps it."""
    if name == "path_known":
        return text == "True"
    if name.endswith("_id"):
        return int(text) if text else None
    if name == "amount":
        return float(text) if text else None
    return text


def _taken_back(facts: Facts, cut: Cut) -> dict[tuple[str, int | str], dict[str, Any]]:
    """(kind, row) -> the row as it was at `cut`, of those that were changed since."""
    taken: dict[tuple[str, int | str], dict[str, Any]] = {}
    for change in facts.after(cut):
        table: Any = facts.deals if change.kind == "deal" else facts.catalogues[change.kind]
        if change.row_id in table:
            key = (change.kind, change.row_id)
            taken.setdefault(key, dict(table[change.row_id]))[change.field] = change.before
    return taken


def known_history(facts: Facts, *, cut: Cut, stages: StageList, zone: tzinfo | None) -> History:
    """The history as it was known at `cut`: what was recorded later does not exist.

    `zone`: whose days are counted, where it is not the company's present one.
    """
    taken = _taken_back(facts, cut)

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
