"""Take back what was learned from a win or a loss that never happened.

Whoever wins or loses a deal says why. When that closing is withdrawn, or corrected to something
else, the answers have nothing left to speak of: they go back to what they were before it. A deal
that is reopened by a move keeps them, since its closing did happen.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from accounts.actors import Actor
from accounts.services.audit import record_audit
from pipeline import paths
from pipeline.models import Deal, DealChange, Stage, StageTransition

ORIGIN = "taken back"
# What is learned at each end; an amount is a fact of the deal, whatever became of it.
_LEARNED: dict[str, tuple[str, ...]] = {
    Stage.Kind.LOST: ("lost_reason_id", "competitor_id"),
    Stage.Kind.WON: ("won_reason",),
}
_EMPTY: dict[str, Any] = {"lost_reason_id": None, "competitor_id": None, "won_reason": ""}


def unlearn(
    *,
    by: Actor,
    deal: Deal,
    before: Sequence[paths.Row],
    after: Sequence[paths.Row],
    kinds: Mapping[int, str],
    replaced: StageTransition,
    now: datetime,
) -> date | None:
    """Bring a locked deal's answers in line with its history after a correction.

    `before` and `after` are the effective histories; `kinds` the kind of each stage id. Returns
    the local day from which figures changed by it, None where none did. The version stays: the
    correction has raised it.
    """
    values: dict[str, Any] = {}
    older = False
    for kind, fields in _LEARNED.items():
        ended, still = (_closings(rows, kinds, kind) for rows in (before, after))
        if not ended or (still and still[-1] == ended[-1]):
            continue  # its last closing of that kind stands, if there is one
        if len(still) >= len(ended):
            continue  # it closed at another time, or in another stage of that kind
        older = older or bool(still)
        since = _recorded_at(replaced)
        for field in fields:
            values[field] = _earlier(deal, field, kind=kind, since=since, older=bool(still))
    differing = {f: v for f, v in values.items() if v != getattr(deal, f)}
    if not differing:
        return None
    _write(by, deal, differing, now)
    return deal.opened_on if older else None


def _closings(
    rows: Sequence[paths.Row], kinds: Mapping[int, str], kind: str
) -> list[tuple[int | None, datetime]]:
    return [
        (r.to_stage, r.occurred_at)
        for r in rows
        if r.to_stage is not None and kinds[r.to_stage] == kind
    ]


def _recorded_at(row: StageTransition) -> datetime:
    """When the first row of a chain of corrections was recorded."""
    while row.replaces is not None:
        row = row.replaces
    return row.recorded_at


def _earlier(deal: Deal, field: str, *, kind: str, since: datetime, older: bool) -> Any:
    """What stood there before the closing. Where no closing of its kind is left, only what was
    recorded with this one can say so: anything else was said of an end that never came."""
    rows = DealChange.objects.filter(deal=deal, field=field, changed_at__gte=since)
    if not older:
        rows = rows.filter(origin=kind)
    first = rows.order_by("changed_at", "id").first()
    if first is None:
        return getattr(deal, field) if older else _EMPTY[field]
    if field == "won_reason":
        return first.before
    return int(first.before) if first.before else None


def _write(by: Actor, deal: Deal, values: Mapping[str, Any], now: datetime) -> None:
    was = {field: _text(getattr(deal, field)) for field in values}
    texts = {field: _text(value) for field, value in values.items()}
    DealChange.objects.bulk_create(
        DealChange(
            deal=deal,
            field=field,
            before=was[field],
            after=texts[field],
            changed_at=now,
            changed_by_id=by.user_id,
            origin=ORIGIN,
        )
        for field in values
    )
    Deal.objects.filter(pk=deal.pk).update(**values)
    for field, value in values.items():
        setattr(deal, field, value)
    record_audit(
        by=by,
        at=now,
        action="deal.changed",
        object_type="deal",
        object_id=deal.pk,
        before=was,
        after=texts,
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)
