"""The one writer of stage transitions and of what a deal caches of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.tenancy.context import require_company_id
from pipeline import paths, rules
from pipeline.models import Deal, DealChange, Stage, StageTransition

_KEY_LENGTH = 80


class StaleVersion(DomainError):
    """Somebody else changed the deal since the user's screen was drawn. Nothing was written."""

    status = 409


class NotFound(DomainError):
    """The row does not exist in this company."""

    status = 404


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


def wait_for_key(key: str) -> None:
    """Let requests of one key wait for each other; raises DomainError for what is no key."""
    if len(key) > _KEY_LENGTH or rules.unkeepable(key):
        raise DomainError(_("This form cannot be recognised. Reload the page."))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [key, require_company_id()]
        )


def by_key(*, key: str | None) -> StageTransition | None:
    """The transition that this key has recorded already, if any.

    Requests of one key wait for each other from here to the end of their transactions, so that
    the second one sees what the first has done, whatever deal it names.
    """
    if not key:
        return None
    wait_for_key(key)
    found: StageTransition | None = StageTransition.objects.filter(idempotency_key=key).first()
    return found


def repeated(
    found: StageTransition,
    *,
    deal_id: int | None,
    to_stage_id: int | None,
    replaces_id: int | None = None,
    opened_as: str | None = None,
) -> Recorded:
    """The answer to a request that was carried out before; another request is refused.

    `deal_id` is None where the request does not know it. `opened_as` is the name of a deal that
    was to be opened. The time is not compared: of a move that happens "now" it differs each time.
    """
    deal = Deal.objects.get(pk=found.deal_id)
    same = (found.to_stage_id, found.replaces_id) == (to_stage_id, replaces_id)
    same = same and (deal_id is None or deal_id == deal.pk)
    same = same and (found.number == 1) == (opened_as is not None)
    if not same or (opened_as is not None and opened_as != _first_name(deal)):
        raise KeyReused(_("This form was sent before with other values. Reload the page."))
    return Recorded(found.pk, deal.pk, deal.version, deal.stage_id, repeated=True)


def _first_name(deal: Deal) -> str:
    """The name under which the deal was opened."""
    renamed = DealChange.objects.filter(deal=deal, field="name").order_by("id").first()
    return str(renamed.before if renamed else deal.name)


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
    transition: StageTransition = StageTransition.objects.create(
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
