"""Compare what deals cache with their transitions, and rebuild it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from accounts.models import Company
from accounts.tenancy.context import require_company_id
from pipeline import paths
from pipeline.models import Deal, Stage, StageTransition
from pipeline.services.dirty import mark_dirty
from pipeline.services.history import cached

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A cached field of a deal that its history does not bear out."""

    deal_id: int
    field: str
    cached: object
    derived: object


def _chunks(*, lock: bool) -> Iterator[list[Deal]]:
    after = 0
    while True:
        deals = Deal.objects.filter(pk__gt=after).order_by("pk")
        if lock:
            deals = deals.select_for_update()
        chunk = list(deals[:_CHUNK])
        if not chunk:
            return
        yield chunk
        after = chunk[-1].pk


def _derived(deals: list[Deal], kinds: dict[int, str]) -> Iterator[tuple[Deal, dict[str, object]]]:
    rows: dict[int, list[paths.Row]] = defaultdict(list)
    found = StageTransition.objects.filter(
        deal_id__gte=deals[0].pk, deal_id__lte=deals[-1].pk
    ).values_list("deal_id", "id", "to_stage_id", "occurred_at", "occurred_on", "replaces_id")
    for deal_id, *row in found.iterator(chunk_size=20_000):
        rows[deal_id].append(paths.Row(*row))
    for deal in deals:
        yield deal, cached(history=paths.effective(rows[deal.pk]), stages=kinds)


def check_facts(*, rebuild: bool = False, now: datetime | None = None) -> list[Difference]:
    """Where does the cache of the active company's deals differ from their transitions?

    `rebuild` writes what the history says, and marks every quarter since then.
    """
    differences: list[Difference] = []
    with transaction.atomic():
        company = Company.objects.get(pk=require_company_id())
        kinds = dict(Stage.objects.values_list("id", "kind"))
        since: list[date] = []
        for deals in _chunks(lock=rebuild):
            for deal, fields in _derived(deals, kinds):
                wrong = {
                    field: value
                    for field, value in fields.items()
                    if _plain(getattr(deal, field)) != value
                }
                differences += [
                    Difference(deal.pk, field, _plain(getattr(deal, field)), value)
                    for field, value in wrong.items()
                ]
                if wrong and rebuild:
                    opened = (deal.opened_on, fields["opened_on"])
                    since += [day for day in opened if isinstance(day, date)]
                    Deal.objects.filter(pk=deal.pk).update(**wrong, version=deal.version + 1)
        if since and now is not None:
            mark_dirty(company=company, since=min(since), now=now)
    return differences


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value
