"""The local days of facts, counted anew when a company moves to another time zone."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection

from accounts.models import Company
from pipeline.models import Activity, StageTransition
from pipeline.services.facts import check_facts

_CHUNK = 5_000


def count_days_anew(*, company: Company) -> int:
    """Bring every local day of the active company into its time zone; how many days changed.

    Instants stay as they are. Runs in the caller's transaction, behind the company's row lock;
    run again it changes nothing.
    """
    changed = 0
    for ids, days in _other_days(StageTransition, "occurred_at", "occurred_on", company):
        # Transitions are append-only for this role: the owner moves their days, nothing else.
        with connection.cursor() as cursor:
            cursor.execute("SELECT app_move_transition_days(%s, %s)", [ids, days])
            (moved,) = cursor.fetchone()
        if moved != len(ids):
            raise AssertionError(f"{len(ids) - moved} days lie where no time zone has them")
        changed += moved
    for ids, days in _other_days(Activity, "happened_at", "happened_on", company):
        rows = [Activity(pk=pk, happened_on=day) for pk, day in zip(ids, days, strict=True)]
        changed += Activity.objects.bulk_update(rows, ["happened_on"])
    if changed:
        check_facts(rebuild=True)
    return changed


def _other_days(
    model: Any, instant: str, day: str, company: Company
) -> Iterator[tuple[list[int], list[Any]]]:
    """The rows whose day is another in the company's zone, by chunks: ids and right days."""
    after = 0
    while True:
        rows: Iterable[tuple[int, Any, Any]] = list(
            model.objects.filter(pk__gt=after)
            .order_by("pk")
            .values_list("pk", instant, day)[:_CHUNK]
        )
        if not rows:
            return
        wrong = [(pk, company.local_day(at)) for pk, at, on in rows if company.local_day(at) != on]
        if wrong:
            yield [pk for pk, _ in wrong], [on for _, on in wrong]
        *_, (after, _, _) = rows
