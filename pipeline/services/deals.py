"""Open a deal; change what is known about it."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.retries import retry_deadlocks
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline import rules
from pipeline.models import Deal, DealChange, Stage, StageTransition
from pipeline.services.dirty import mark_dirty
from pipeline.services.history import (
    NotFound,
    Recorded,
    StaleVersion,
    append,
    by_key,
    repeated,
)
from pipeline.services.moves import final_before
from pipeline.services.refusals import both_values, refuse

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
# What history says of a deal; never written by hand.
_CACHE = frozenset(
    {
        "id",
        "version",
        "stage",
        "outcome",
        "opened_on",
        "closed_on",
        "stage_entered_on",
        "path",
        "created_at",
    }
)


def check_amount(amount: Decimal | None) -> None:
    """Refuse what no deal is worth: negative, not a number, or too large to keep exactly."""
    if amount is None:
        return
    if not amount.is_finite():
        raise DomainError(_("This amount is not a number."))
    if amount < 0:
        raise DomainError(_("An amount is never negative. Leave it empty while it is not known."))
    if amount >= Decimal(10) ** 14:
        raise DomainError(_("This amount is too large. Is it in another currency?"))
    if amount != amount.quantize(Decimal("0.01")):
        raise DomainError(_("An amount has at most two decimals."))


def _check_shape(values: dict[str, Any]) -> None:
    """Bring what was written to the shape in which it is kept, or refuse it."""
    if "name" in values:
        values["name"] = (values["name"] or "").strip()
        if not values["name"]:
            raise DomainError(_("A deal needs a name."))
    if values.get("currency"):
        values["currency"] = values["currency"].strip().upper()
        if not re.fullmatch("[A-Z]{3}", values["currency"]):
            raise DomainError(_("A currency has three letters, such as EUR."))
    refuse(rules.unkeepable(*(v for v in values.values() if isinstance(v, str))))
    check_amount(values.get("amount"))


def _check_deal(deal: Deal, fields: list[str]) -> None:
    """Refuse values that the tables refuse, in words: too long, or of no row of this company."""
    rest = {f.name for f in deal._meta.fields} - set(fields)
    try:
        deal.full_clean(validate_unique=False, exclude=rest)
    except ValidationError as error:
        sentences = [_sentence(deal, name, errors) for name, errors in error.error_dict.items()]
        raise DomainError(" ".join(sentences)) from error


def _sentence(deal: Deal, name: str, errors: list[ValidationError]) -> str:
    if name == NON_FIELD_ERRORS:
        return _("A deal with this number of that system is here already.")
    if deal._meta.get_field(name).is_relation:
        return _("This {fact} does not exist. Choose another.").format(fact=_word(name))
    messages = " ".join(message for error in errors for message in error.messages)
    return _("The {fact}: {sentence}").format(fact=_word(name), sentence=messages)


def _check_opening(
    *,
    company: Company,
    by: Actor,
    stage: Stage,
    occurred_at: datetime,
    now: datetime,
    imported: bool,
) -> None:
    refuse(
        rules.check(
            rules.Entry(
                from_name=None,
                to_name=stage.name,
                same_pipeline=True,
                occurred_at=occurred_at,
                occurred_on=company.local_day(occurred_at),
                now=now,
                opened_at=None,
                manages=by.manages,
                final_before=final_before(company=company, now=now),
                retired=stage.retired_at is not None or stage.pipeline.retired_at is not None,
            ),
            rules.IMPORT if imported else rules.OPENING,
        )
    )


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
    attributes["name"] = name
    _check_shape(attributes)
    with transaction.atomic():
        found = by_key(key=key)
        if found is not None:
            return repeated(found, deal_id=None, to_stage_id=stage_id, opened_as=attributes["name"])
        company = Company.objects.get(pk=require_company_id())
        stage = Stage.objects.select_related("pipeline").filter(pk=stage_id).first()
        if stage is None or stage.pipeline_id != pipeline_id:
            raise DomainError(_("This stage is not one of the pipeline's. Choose another."))
        _check_opening(
            company=company, by=by, stage=stage, occurred_at=occurred_at, now=now, imported=imported
        )
        occurred_at = occurred_at if imported else min(occurred_at, now)
        attributes["currency"] = attributes.get("currency") or company.currency
        deal = Deal(pipeline_id=pipeline_id, version=0, **attributes)
        deal.refuse_other_company()
        _check_deal(deal, [f.name for f in deal._meta.fields if f.name not in _CACHE])
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
    _check_shape(changes)
    with transaction.atomic():
        deal = Deal.objects.select_for_update().filter(pk=deal_id).first()
        if deal is None:
            raise NotFound(_("This deal does not exist."))
        before = {f: getattr(deal, f) for f in changes}
        differing = {f: v for f, v in changes.items() if v != before[f]}
        if version is not None and version != deal.version:
            told = both_values(
                (_word(f), _shown(f, before[f]), _shown(f, v)) for f, v in differing.items()
            )
            raise StaleVersion(
                _(
                    "This deal changed while you were looking. {told}."
                    " Nothing was changed; look at it and decide again."
                ).format(told=told or _("Your values are the same"))
            )
        if not differing:
            return int(deal.version)
        company = Company.objects.get(pk=require_company_id())
        for field, value in differing.items():
            setattr(deal, field, value)
        _check_deal(deal, [deal._meta.get_field(f).name for f in differing])
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


def _shown(field: str, value: Any) -> str:
    """A value as a person knows it: the customer's name, not its number."""
    key = Deal._meta.get_field(field)
    if value is None or value == "":
        return ""
    if key.is_relation:
        return str(key.related_model.objects.filter(pk=value).first() or _("gone"))  # type: ignore[union-attr]
    return str(value)


def _word(field: str) -> str:
    """What an attribute is called within a sentence."""
    field = field.removesuffix("_id")
    return {
        "name": _("name"),
        "customer": _("customer"),
        "rep": _("rep"),
        "product": _("product"),
        "source": _("source"),
        "amount": _("amount"),
        "currency": _("currency"),
        "lost_reason": _("lost reason"),
        "competitor": _("competitor"),
        "won_reason": _("won reason"),
        "next_step": _("next step"),
        "next_step_on": _("day of the next step"),
    }.get(field, field.replace("_", " "))
