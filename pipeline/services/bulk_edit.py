"""Change many deals at once: another rep, or the next step with its day; and take that back.

One decision, one transaction, one key. The deals are locked in the order of their ids; each one
that changes gets a new version and a row of its history, as if it had been changed alone. The
key is the rows' origin, so that a form sent twice has one effect, and an undo knows its rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.retries import retry_deadlocks
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline import rules
from pipeline.models import Deal, DealChange, Rep
from pipeline.services.dirty import mark_dirty
from pipeline.services.refusals import refuse
from pipeline.services.rewriting import NOTHING, Rewriting, rewriting

MOST_DEALS = 2000
FIELDS = ("rep_id", "next_step", "next_step_on")
_FIGURES = frozenset({"rep_id"})  # the fields that figures are sorted by
_KEY_LENGTH = 35  # with its prefix, what `DealChange.origin` holds
_STEP_LENGTH = 200


@dataclass(frozen=True, slots=True)
class BulkDone:
    """What a change of many deals did. `left` had the values already, or changed meanwhile."""

    changed: int
    left: int
    key: str
    repeated: bool = False


def _origin(key: str) -> str:
    if not key or len(key) > _KEY_LENGTH or rules.unkeepable(key):
        raise DomainError(_("This form cannot be recognised. Reload the page."))
    return f"bulk:{key}"


def _lock(name: str) -> None:
    """Requests of one key wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [name, require_company_id()]
        )


def _check(changes: dict[str, Any]) -> None:
    unknown = set(changes) - set(FIELDS)
    if unknown or not changes:
        raise TypeError(f"bulk_edit changes {', '.join(FIELDS)}")
    rep_id = changes.get("rep_id")
    if rep_id is not None and not Rep.objects.filter(pk=rep_id, retired_at=None).exists():
        raise DomainError(_("This rep does not exist. Choose another."))
    step = changes.get("next_step", "")
    refuse(rules.unkeepable(step))
    if len(step) > _STEP_LENGTH:
        raise DomainError(
            _("A next step has at most {most} characters. Say it shorter.").format(
                most=_STEP_LENGTH
            )
        )


def _locked(ids: Iterable[int]) -> list[Deal]:
    return list(Deal.objects.select_for_update().filter(pk__in=sorted(ids)).order_by("pk"))


def bulk_rewriting(*, deal_ids: Sequence[int], now: datetime, **changes: Any) -> Rewriting:
    """Which closed quarters would this change of many deals restate, and how many deals are in
    them? Asked before it is done. Deals that have the value already count nowhere."""
    figures = {field: value for field, value in changes.items() if field in _FIGURES}
    if not figures:
        return NOTHING
    deals = Deal.objects.filter(pk__in=set(deal_ids)).exclude(**figures)
    return rewriting(deals=deals, now=now)


@retry_deadlocks
def bulk_edit(
    *, by: Actor, deal_ids: Sequence[int], key: str, now: datetime, **changes: Any
) -> BulkDone:
    """Set `rep_id`, or `next_step` and `next_step_on`, of deals of the active company.

    Raises DomainError when there are too many, or none of them exists (any more).
    """
    origin = _origin(key)
    ids = set(deal_ids)
    if len(ids) > MOST_DEALS:
        raise DomainError(
            _("At most {most} deals can be changed at once. Choose fewer.").format(
                most=f"{MOST_DEALS:,}"
            )
        )
    if "next_step" in changes:
        changes["next_step"] = changes["next_step"].strip()
    _check(changes)
    with transaction.atomic():
        _lock(origin)
        before = DealChange.objects.filter(origin=origin).values("deal_id").distinct().count()
        if before:
            return BulkDone(before, len(ids) - before, key, repeated=True)
        deals = _locked(ids)
        if len(deals) != len(ids):
            raise DomainError(_("A deal that you chose does not exist any more. Reload the page."))
        differing = [(deal, _differing(deal, changes)) for deal in deals]
        changed = [(deal, fields) for deal, fields in differing if fields]
        _write(changed, by=by, now=now, origin=origin)
        if changed:
            _audit(changed, by=by, now=now, action="deals.changed", key=key)
            _mark(changed, now=now)
        return BulkDone(len(changed), len(deals) - len(changed), key)


@retry_deadlocks
def undo_bulk_edit(*, by: Actor, key: str, now: datetime) -> BulkDone:
    """Put back what one bulk edit changed, where nobody has changed it since.

    A rep may take back their own bulk edit, who manages any. Nobody is asked again: what an undo
    restates, the edit has restated a moment before with consent.
    """
    origin, undone = _origin(key), f"undo:{key}"
    with transaction.atomic():
        _lock(origin)
        rows = list(DealChange.objects.filter(origin=origin).order_by("deal_id", "id"))
        if not rows or not (by.manages or rows[0].changed_by_id == by.user_id):
            raise DomainError(_("There is nothing to undo here."))
        repeated = DealChange.objects.filter(origin=undone).values("deal_id").distinct().count()
        deals = {deal.pk: deal for deal in _locked({row.deal_id for row in rows})}
        if repeated:
            return BulkDone(repeated, len(deals) - repeated, key, repeated=True)
        wanted: dict[int, dict[str, Any]] = {}
        kept: set[int] = set()
        for row in rows:
            deal = deals[row.deal_id]
            if _text(getattr(deal, row.field)) == row.after:
                wanted.setdefault(deal.pk, {})[row.field] = _value(row.field, row.before)
            else:
                kept.add(deal.pk)
        back = [(deals[pk], fields) for pk, fields in sorted(wanted.items()) if pk not in kept]
        _write(back, by=by, now=now, origin=undone)
        if back:
            _audit(back, by=by, now=now, action="deals.change_undone", key=key)
            _mark(back, now=now)
        return BulkDone(len(back), len(kept), key)


def _differing(deal: Deal, changes: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in changes.items() if getattr(deal, field) != value}


def _write(
    changed: Sequence[tuple[Deal, dict[str, Any]]], *, by: Actor, now: datetime, origin: str
) -> None:
    """The rows of history, the values and the new versions, for locked deals."""
    DealChange.objects.bulk_create(
        [
            DealChange(
                deal=deal,
                field=field,
                before=_text(getattr(deal, field)),
                after=_text(value),
                changed_at=now,
                changed_by_id=by.user_id,
                origin=origin,
            )
            for deal, fields in changed
            for field, value in fields.items()
        ],
        batch_size=1000,
    )
    # Deals that get the same values are written together: one statement for a bulk edit.
    same: dict[tuple[tuple[str, Any], ...], list[int]] = {}
    for deal, fields in changed:
        same.setdefault(tuple(sorted(fields.items())), []).append(deal.pk)
    for values, ids in same.items():
        Deal.objects.filter(pk__in=ids).update(version=F("version") + 1, **dict(values))


def _audit(
    changed: Sequence[tuple[Deal, dict[str, Any]]],
    *,
    by: Actor,
    now: datetime,
    action: str,
    key: str,
) -> None:
    """One deed, one entry; what each deal had before stands in its own history."""
    values: dict[str, list[str]] = {}
    for _deal, fields in changed:
        for field, value in fields.items():
            texts = values.setdefault(field, [])
            if _text(value) not in texts[:20]:
                texts.append(_text(value))
    record_audit(
        by=by,
        at=now,
        action=action,
        object_type="deals",
        object_id=None,
        after={
            "values": {field: texts[:20] for field, texts in values.items()},
            "deals": [deal.pk for deal, _fields in changed],
            "key": key,
        },
    )


def _mark(changed: Sequence[tuple[Deal, dict[str, Any]]], *, now: datetime) -> None:
    days = [d.opened_on for d, fields in changed if _FIGURES & set(fields) and d.opened_on]
    if days:
        company = Company.objects.get(pk=require_company_id())
        mark_dirty(company=company, since=min(days), now=now)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _value(field: str, text: str) -> Any:
    """The value that a row of history wrote as text."""
    if field == "rep_id":
        return int(text) if text else None
    if field == "next_step_on":
        return date.fromisoformat(text) if text else None
    return text
