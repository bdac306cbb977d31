"""Correct a move to a loss: the correction and why it was lost, both or neither."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actors import Actor
from accounts.retries import retry_deadlocks
from pipeline import paths
from pipeline.models import Stage
from pipeline.services.closing import learned_of_loss
from pipeline.services.deals import change_deal
from pipeline.services.history import Recorded, rows_of
from pipeline.services.moves import correct_transition


@retry_deadlocks
def correct_move(
    *,
    by: Actor,
    transition_id: int,
    now: datetime,
    to_stage_id: int | None = None,
    occurred_at: datetime | None = None,
    withdraw: bool = False,
    reason: str = "",
    key: str | None = None,
    version: int | None = None,
    loss: Mapping[str, Any] | None = None,
) -> Recorded:
    """`moves.correct_transition`, with the answers about a loss as `closing.learned_of_loss`
    takes them (`level` and the rest). They are kept where the deal's last loss is this one: a
    deal keeps the reason of its last. The same key again adds nothing."""
    with transaction.atomic():
        recorded = correct_transition(
            by=by,
            transition_id=transition_id,
            now=now,
            to_stage_id=to_stage_id,
            occurred_at=occurred_at,
            withdraw=withdraw,
            reason=reason,
            key=key,
            version=version,
        )
        if loss is None or recorded.repeated or not _is_last_loss(recorded):
            return recorded
        # The deal is locked by its correction: nobody can come between.
        learned = learned_of_loss(by=by, now=now, **loss)
        final = change_deal(by=by, deal_id=recorded.deal_id, now=now, origin="lost", **learned)
        return replace(recorded, version=final)


def _is_last_loss(recorded: Recorded) -> bool:
    lost = set(
        Stage.objects.filter(
            kind=Stage.Kind.LOST, pipeline__deals__pk=recorded.deal_id
        ).values_list("id", flat=True)
    )
    losses = [r for r in paths.effective(rows_of(deal_id=recorded.deal_id)) if r.to_stage in lost]
    return bool(losses) and losses[-1].id == recorded.transition_id
