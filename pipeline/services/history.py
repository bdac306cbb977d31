"""The one writer of stage transitions and of what a deal caches of them."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from pipeline import paths
from pipeline.models import Deal, Stage, StageTransition

P = ParamSpec("P")
R = TypeVar("R")
_DEADLOCKS = {"40P01", "40001"}


class StaleVersion(DomainError):
    """Somebody else changed the deal since the user's screen was drawn. Nothing was written."""

    status = 409


class KeyReused(DomainError):
    """The same idempotency key came with another request."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recorded transition left behind. `repeated`: the key had been used, nothing new."""

    transition_id: int
    deal_id: int
    version: int
    stage_id: int | None
    repeated: bool = False


def retry_deadlocks(service: Callable[P, R]) -> Callable[P, R]:
    """Run again, at most three times, when the database broke a deadlock; safe by the key."""

    @wraps(service)
    def retried(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(4):
            try:
                return service(*args, **kwargs)
            except OperationalError as error:
                state = getattr(error.__cause__, "sqlstate", None)
                # Inside a caller's transaction everything is lost already: let it through.
                if state not in _DEADLOCKS or attempt == 3 or connection.in_atomic_block:
                    raise
                time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311
        raise AssertionError("unreachable")

    return retried


def by_key(*, key: str | None) -> StageTransition | None:
    """The transition that this key has recorded already, if any."""
    return StageTransition.objects.filter(idempotency_key=key).first() if key else None


def repeated(
    found: StageTransition,
    *,
    deal_id: int | None,
    to_stage_id: int | None,
    replaces_id: int | None = None,
) -> Recorded:
    """The answer to a request that was carried out before; another request is refused."""
    same = (found.to_stage_id, found.replaces_id) == (to_stage_id, replaces_id)
    if not same or (deal_id is not None and found.deal_id != deal_id):
        raise KeyReused("This form was sent before with other values. Reload the page.")
    deal = Deal.objects.get(pk=found.deal_id)
    return Recorded(found.pk, deal.pk, deal.version, deal.stage_id, repeated=True)


def rows_of(*, deal_id: int) -> list[paths.Row]:
    """All transitions of a deal, as the pure history takes them."""
    rows = StageTransition.objects.filter(deal_id=deal_id).values_list(
        "id", "to_stage_id", "occurred_at", "occurred_on", "replaces_id"
    )
    return [paths.Row(*row) for row in rows]


def append(
    *,
    company: Company,
    deal: Deal,
    to_stage: Stage | None,
    occurred_at: datetime,
    recorded_at: datetime,
    by: Actor,
    origin: str,
    rows: Sequence[paths.Row],
    from_stage_id: int | None,
    replaces: StageTransition | None = None,
    key: str | None = None,
    reason: str = "",
) -> StageTransition:
    """Append one transition to a locked deal and bring its cache up to date.

    `rows` are the deal's transitions before this one. The version is raised by one, and only
    over the version that was read: exactly one row must change.
    """
    last = (
        StageTransition.objects.filter(deal=deal).order_by("-number").values_list("number").first()
    )
    transition = StageTransition.objects.create(
        deal=deal,
        number=(last[0] if last else 0) + 1,
        from_stage_id=from_stage_id,
        to_stage=to_stage,
        occurred_at=occurred_at,
        occurred_on=company.local_day(occurred_at),
        recorded_at=recorded_at,
        recorded_by_id=by.user_id,
        origin=origin,
        replaces=replaces,
        reason=reason,
        idempotency_key=key,
    )
    row = paths.Row(
        transition.pk,
        to_stage.pk if to_stage else None,
        occurred_at,
        transition.occurred_on,
        replaces.pk if replaces else None,
    )
    cache = cached(history=paths.effective([*rows, row]), stages=stage_kinds(deal=deal))
    changed = Deal.objects.filter(pk=deal.pk, version=deal.version).update(
        version=deal.version + 1, **cache
    )
    if changed != 1:
        raise AssertionError(f"deal {deal.pk} changed while it was locked")
    deal.version += 1
    for field, value in cache.items():
        setattr(deal, field, value)
    return transition


def stage_kinds(*, deal: Deal) -> dict[int, str]:
    """Stage id -> open, won or lost, of the deal's pipeline."""
    return dict(Stage.objects.filter(pipeline_id=deal.pipeline_id).values_list("id", "kind"))


def cached(*, history: Sequence[paths.Row], stages: dict[int, str]) -> dict[str, object]:
    """What a deal caches of its effective history, by field name."""
    if not history:
        return {
            "stage_id": None,
            "outcome": Deal.Outcome.NONE,
            "opened_on": None,
            "closed_on": None,
            "stage_entered_on": None,
            "path": b"",
        }
    last = history[-1]
    kind = stages[last.to_stage]  # type: ignore[index]
    return {
        "stage_id": last.to_stage,
        "outcome": kind,
        "opened_on": history[0].occurred_on,
        "closed_on": None if kind == Stage.Kind.OPEN else last.occurred_on,
        "stage_entered_on": last.occurred_on,
        "path": paths.pack(history),
    }
