"""A recorded move as the form that corrects it shows it."""

from dataclasses import dataclass
from datetime import date, datetime

from pipeline.models import Deal, Stage, StageTransition


@dataclass(frozen=True, slots=True)
class Correctable:
    """The move, its deal, and the stages that it may really have gone to.

    `was_stage_id`: of a withdrawal, the stage of the move that it took back. `replaced_by_key`:
    the key of the correction that replaced it already, "" where that had none, None where there
    is no such correction.
    """

    id: int
    deal_id: int
    deal_name: str
    version: int
    stage_name: str
    was_stage_id: int | None
    occurred_at: datetime
    occurred_on: date
    recorded_by: str
    recorded_at: datetime
    stages: tuple[tuple[int, str], ...]
    replaced_by_key: str | None
    lost: frozenset[int]
    level: str
    reason_id: int | None
    competitor_id: int | None


def correctable(*, move: StageTransition) -> Correctable:
    """What the form of one of this company's moves needs (see transition_to_correct)."""
    deal: Deal = move.deal
    rows = Stage.objects.filter(pipeline_id=deal.pipeline_id)
    stages = sorted(
        (s for s in rows if s.retired_at is None or s.pk == move.to_stage_id),
        key=lambda s: (s.kind != Stage.Kind.OPEN, s.position or 999, s.pk),
    )
    heir = StageTransition.objects.filter(replaces_id=move.pk).order_by("-id").first()
    was = move.replaces if move.to_stage_id is None else None
    return Correctable(
        id=move.pk,
        deal_id=deal.pk,
        deal_name=deal.name,
        version=deal.version,
        stage_name=move.to_stage.name if move.to_stage else "",
        was_stage_id=was.to_stage_id if was else None,
        occurred_at=move.occurred_at,
        occurred_on=move.occurred_on,
        recorded_by=str(move.recorded_by) if move.recorded_by_id else "",
        recorded_at=move.recorded_at,
        stages=tuple((s.pk, s.name) for s in stages),
        replaced_by_key=None if heir is None else heir.idempotency_key or "",
        lost=frozenset(s.pk for s in stages if s.kind == Stage.Kind.LOST),
        level=deal.lost_reason.level if deal.lost_reason else "",
        reason_id=deal.lost_reason_id,
        competitor_id=deal.competitor_id,
    )
