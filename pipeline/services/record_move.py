"""A move and what there is to say about it, both or neither."""

from datetime import datetime

from django.db import transaction

from accounts.actors import Actor
from accounts.retries import retry_deadlocks
from pipeline.services.history import Recorded
from pipeline.services.moves import move_deal
from pipeline.services.notes import add_note


@retry_deadlocks
def record_move(
    *,
    by: Actor,
    deal_id: int,
    to_stage_id: int,
    occurred_at: datetime,
    now: datetime,
    note: str = "",
    key: str | None = None,
    version: int | None = None,
) -> Recorded:
    """Move a deal and keep the note that came with it. The same key again adds nothing."""
    with transaction.atomic():
        recorded = move_deal(
            by=by,
            deal_id=deal_id,
            to_stage_id=to_stage_id,
            occurred_at=occurred_at,
            now=now,
            key=key,
            version=version,
        )
        if note.strip() and not recorded.repeated:
            add_note(by=by, deal_id=deal_id, body=note, now=now)
    return recorded
