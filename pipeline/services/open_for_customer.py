"""A deal for a customer who is known by name alone, and added where new: both or neither."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts.actors import Actor
from accounts.retries import retry_deadlocks
from pipeline.models import Deal
from pipeline.services.customers import customer_named
from pipeline.services.deals import open_deal
from pipeline.services.history import Recorded, by_key, repeated


def opened_before(*, key: str, stage_id: int, name: str = "") -> Recorded | None:
    """What this key has opened already; None where it has opened nothing yet.

    A name that was left empty is the one that was proposed then. Raises KeyReused where the key
    recorded something else.
    """
    with transaction.atomic():
        found = by_key(key=key)
        if found is None:
            return None
        named = name or str(Deal.objects.values_list("name", flat=True).get(pk=found.deal_id))
        return repeated(found, deal_id=None, to_stage_id=stage_id, opened_as=named)


@retry_deadlocks
def open_for_customer(
    *,
    by: Actor,
    pipeline_id: int,
    stage_id: int,
    name: str,
    customer: str,
    occurred_at: datetime,
    now: datetime,
    key: str,
    amount: Decimal | None,
    currency: str,
    rep_id: int | None,
    source_id: int | None,
) -> Recorded:
    """Open a deal in a stage for the customer of that name. The same key again opens none.

    Raises DomainError with a sentence; then neither the deal nor a new customer is kept.
    """
    with transaction.atomic():
        before = opened_before(key=key, stage_id=stage_id, name=name)
        if before is not None:
            return before
        return open_deal(
            by=by,
            pipeline_id=pipeline_id,
            stage_id=stage_id,
            name=name,
            occurred_at=occurred_at,
            now=now,
            key=key,
            customer_id=customer_named(by=by, name=customer, now=now).pk,
            rep_id=rep_id,
            source_id=source_id,
            amount=amount,
            currency=currency,
        )
