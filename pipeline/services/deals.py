"""Open a deal; change what is known about it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline import rules
from pipeline.models import Deal, DealChange, Stage, StageTransition
from pipeline.services.dirty import mark_dirty
from pipeline.services.history import (
    Recorded,
    StaleVersion,
    append,
    by_key,
    repeated,
    retry_deadlocks,
)

# What may be changed, and what it is called in the history.
ATTRIBUTES = (
    "name",
    "customer_id",
    "rep_id",
    "product_id",
    "source_id",
    "amount",
    "currency",
    "lost_reason_id",
    "competitor_id",
    "path_known",
    "won_reason",
    "next_step",
    "next_step_on",
)
# Plans change no figure.
_PLANS = frozenset({"next_step", "next_step_on", "won_reason", "name"})


def check_amount(amount: Decimal | None) -> None:
    """Refuse what no deal is worth: negative, not a number, or too large to keep exactly."""
    if amount is None:
        return
    if not amount.is_finite():
        raise DomainError("This amount is not a number.")
    if amount < 0:
        raise DomainError("An amount is never negative. Leave it empty while it is not known.")
    if amount >= Decimal(10) ** 14:
        raise DomainError("This amount is too large. Is it in another currency?")
    if amount != amount.quantize(Decimal("0.01")):
        raise DomainError("An amount has at most two decimals.")


@retry_deadlocks
def open_deal(
    *,
    by: Actor,
    pipeline_id: int,
    stage_id: int,
    name: str,
    occurred_at: datetime,
    now: datetime,
    key: str | None = None,
    imported: bool = False,
    **attributes: Any,
) -> Recorded:
    """Open a deal in a stage. `attributes`: customer_id, rep_id, product_id, source_id, amount,
    currency, lost_reason_id, competitor_id, external_system, external_id, path_known.
    """
    unknown = set(attributes) - {*ATTRIBUTES, "external_system", "external_id"}
    if unknown:
        raise TypeError(f"open_deal has no attribute {', '.join(sorted(unknown))}")
    if not name.strip():
        raise DomainError("A deal needs a name.")
    check_amount(attributes.get("amount"))
    with transaction.atomic():
        found = by_key(key=key)
        if found is not None:
            return repeated(found, deal_id=None, to_stage_id=stage_id)
        company = Company.objects.get(pk=require_company_id())
        stage = Stage.objects.filter(pk=stage_id).first()
        if stage is None or stage.pipeline_id != pipeline_id:
            raise DomainError("This stage is not one of the pipeline's. Choose another.")
        if occurred_at > now + rules.CLOCKS_DIFFER:
            raise DomainError("This lies in the future. Choose a time that has passed.")
        occurred_at = occurred_at if imported else min(occurred_at, now)
        attributes["currency"] = attributes.get("currency") or company.currency
        deal = Deal(pipeline_id=pipeline_id, name=name.strip(), version=0, **attributes)
        deal.refuse_other_company()
        deal.full_clean(validate_unique=False, exclude=["company", "path"])
        deal.save()
        transition = append(
            company=company,
            deal=deal,
            to_stage=stage,
            occurred_at=occurred_at,
            recorded_at=now,
            by=by,
            origin=StageTransition.Origin.IMPORT if imported else StageTransition.Origin.OPENING,
            rows=[],
            from_stage_id=None,
            key=key,
        )
        record_audit(
            by=by,
            at=now,
            action="deal.opened",
            object_type="deal",
            object_id=deal.pk,
            after={"name": deal.name, "stage": stage.name, "occurred_at": occurred_at.isoformat()},
        )
        mark_dirty(company=company, since=transition.occurred_on, now=now)
        return Recorded(transition.pk, deal.pk, deal.version, deal.stage_id)


@retry_deadlocks
def change_deal(
    *,
    by: Actor,
    deal_id: int,
    now: datetime,
    version: int | None = None,
    origin: str = "edit",
    **changes: Any,
) -> int:
    """Change attributes of a deal; returns its new version. Each change is a row of its own.

    Unchanged values write nothing and raise no version.
    """
    unknown = set(changes) - set(ATTRIBUTES)
    if unknown:
        raise TypeError(f"change_deal has no attribute {', '.join(sorted(unknown))}")
    check_amount(changes.get("amount"))
    with transaction.atomic():
        deal = Deal.objects.select_for_update().filter(pk=deal_id).first()
        if deal is None:
            raise DomainError("This deal does not exist.")
        before = {f: getattr(deal, f) for f in changes}
        differing = {f: v for f, v in changes.items() if v != before[f]}
        if version is not None and version != deal.version:
            theirs = "; ".join(
                f"{_word(f)} is {before[f]}, you wrote {v}" for f, v in differing.items()
            )
            raise StaleVersion(
                f"This deal changed while you were looking. {theirs or 'Your values are the same'}."
                " Nothing was changed; look at it and decide again."
            )
        if not differing:
            return int(deal.version)
        company = Company.objects.get(pk=require_company_id())
        for field, value in differing.items():
            setattr(deal, field, value)
        deal.full_clean(validate_unique=False, exclude=["company", "path"])
        deal.version += 1
        deal.save(update_fields=[*differing, "version"])
        DealChange.objects.bulk_create(
            DealChange(
                deal=deal,
                field=field,
                before=_text(before[field]),
                after=_text(value),
                changed_at=now,
                changed_by_id=by.user_id,
                origin=origin,
            )
            for field, value in differing.items()
        )
        record_audit(
            by=by,
            at=now,
            action="deal.changed",
            object_type="deal",
            object_id=deal.pk,
            before={f: _text(before[f]) for f in differing},
            after={f: _text(v) for f, v in differing.items()},
        )
        if deal.opened_on is not None and not _PLANS.issuperset(differing):
            mark_dirty(company=company, since=deal.opened_on, now=now)
        return int(deal.version)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _word(field: str) -> str:
    return field.removesuffix("_id").replace("_", " ")
