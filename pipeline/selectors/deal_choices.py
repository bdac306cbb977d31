"""What a deal's facts may be changed to, and how it may be closed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from accounts.models import Company
from pipeline import paths
from pipeline.models import (
    Competitor,
    Customer,
    Deal,
    ExchangeRate,
    LostReason,
    Product,
    Rep,
    Source,
    Stage,
)

Choice = tuple[int, str]
SUGGESTED = 500  # more customers than this are searched for, not listed
SIMILAR = 5


@dataclass(frozen=True, slots=True)
class EditableDeal:
    """A deal as the forms that change or close it need it."""

    id: int
    name: str
    version: int
    pipeline_id: int
    outcome: str
    stage_name: str
    last_at: datetime | None
    amount: Decimal | None
    currency: str
    customer_id: int | None
    customer_name: str
    rep_id: int | None
    product_id: int | None
    source_id: int | None
    lost_reason_id: int | None
    competitor_id: int | None
    won_reason: str
    next_step: str
    next_step_on: date | None


def editable_deal(*, deal_id: int) -> EditableDeal | None:
    """The deal, or None where there is none of that id in this company."""
    deal = Deal.objects.select_related("stage", "customer").filter(pk=deal_id).first()
    if deal is None:
        return None
    return EditableDeal(
        id=deal.pk,
        name=deal.name,
        version=deal.version,
        pipeline_id=deal.pipeline_id,
        outcome=deal.outcome,
        stage_name=deal.stage.name if deal.stage else "",
        last_at=paths.last_instant(bytes(deal.path)),
        amount=deal.amount,
        currency=deal.currency,
        customer_id=deal.customer_id,
        customer_name=deal.customer.name if deal.customer else "",
        rep_id=deal.rep_id,
        product_id=deal.product_id,
        source_id=deal.source_id,
        lost_reason_id=deal.lost_reason_id,
        competitor_id=deal.competitor_id,
        won_reason=deal.won_reason,
        next_step=deal.next_step,
        next_step_on=deal.next_step_on,
    )


def _choices(model: Any, current: int | None, name: str = "name") -> tuple[Choice, ...]:
    """The rows in use, in the order of their names, and the one that stands there now."""
    rows = model.objects.order_by(name, "id").values_list("id", name, "retired_at")
    return tuple((pk, text) for pk, text, retired in rows if retired is None or pk == current)


def rep_choices(*, current: int | None) -> tuple[Choice, ...]:
    """The reps in use, and the deal's own."""
    return _choices(Rep, current)


def product_choices(*, current: int | None) -> tuple[Choice, ...]:
    """The products in use, and the deal's own."""
    return _choices(Product, current)


def source_choices(*, current: int | None) -> tuple[Choice, ...]:
    """The sources in use, and the deal's own."""
    return _choices(Source, current)


def competitor_choices(*, current: int | None = None) -> tuple[Choice, ...]:
    """The competitors in use, and the deal's own."""
    return _choices(Competitor, current)


def reason_choices(*, current: int | None = None) -> Mapping[str, tuple[Choice, ...]]:
    """The lost reasons in use by their first level, and the deal's own."""
    rows = LostReason.objects.order_by("detail", "id").values_list(
        "id", "level", "detail", "retired_at"
    )
    found: dict[str, list[Choice]] = {}
    for pk, level, detail, retired in rows:
        if retired is None or pk == current:
            found.setdefault(level, []).append((pk, detail))
    return {level: tuple(choices) for level, choices in found.items()}


def closing_stages(*, pipeline_id: int, kind: str) -> tuple[Choice, ...]:
    """The pipeline's stages in which won (or lost) deals end."""
    rows = Stage.objects.filter(pipeline_id=pipeline_id, kind=kind, retired_at=None)
    return tuple(rows.order_by("id").values_list("id", "name"))


def currencies(*, company: Company, current: str) -> tuple[str, ...]:
    """The company's currency, the deal's own, and those that the company has rates for."""
    rated = ExchangeRate.objects.order_by("currency").values_list("currency", flat=True).distinct()
    return tuple(dict.fromkeys([company.currency, current, *rated]))


def customer_suggestions() -> tuple[str, ...]:
    """The customers' names to pick from as one types; none where there are too many to send."""
    names = tuple(Customer.objects.order_by("name").values_list("name", flat=True)[: SUGGESTED + 1])
    return names if len(names) <= SUGGESTED else ()


def customer_by_name(*, name: str) -> Customer | None:
    """The customer of that name, letters' case aside; the exact spelling first."""
    plain = " ".join(name.split())
    known = sorted(
        Customer.objects.filter(name__iexact=plain)[:20], key=lambda c: (c.name != plain, c.pk)
    )
    return known[0] if known else None


def similar_customers(*, name: str) -> tuple[str, ...]:
    """A few customers whose name holds what was typed, or its first word."""
    plain = " ".join(name.split())
    for part in (plain, plain.split(" ")[0]):
        if len(part) >= 3:
            rows = Customer.objects.filter(name__icontains=part).order_by("name")
            found = tuple(rows.values_list("name", flat=True)[:SIMILAR])
            if found:
                return found
    return ()
