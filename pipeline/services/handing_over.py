"""Give the deals of one row of a catalogue to another: merged products, a rep who leaves.

Set-based, since a product may have tens of thousands of deals. Every deal gets a row of its
history and a new version, as if it had been changed alone.
"""

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F

from accounts.actors import Actor
from accounts.tenancy.context import require_company_id
from pipeline.models import Deal

_CHUNK = 5_000
_HISTORY = """
    INSERT INTO pipeline_dealchange
        (company_id, deal_id, field, before, after, changed_at, changed_by_id, origin)
    SELECT %s, d, %s, %s, %s, %s, %s, %s FROM unnest(%s::bigint[]) AS d ORDER BY d
"""


def give_deals(
    *, by: Actor, deals: Any, field: str, before: int, after: int, origin: str, now: datetime
) -> int:
    """Set `field` (such as product_id) of these deals, all of which have `before` in it.

    The deals are locked in the order of their ids. Returns how many there were.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '60s'")
    ids = list(
        deals.filter(**{field: before})
        .select_for_update()
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        with connection.cursor() as cursor:
            cursor.execute(
                _HISTORY,
                [
                    require_company_id(),
                    field,
                    str(before),
                    str(after),
                    now,
                    by.user_id,
                    origin,
                    chunk,
                ],
            )
        Deal.objects.filter(pk__in=chunk).update(**{field: after}, version=F("version") + 1)
    return len(ids)
