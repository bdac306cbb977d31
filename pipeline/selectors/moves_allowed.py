"""Where a deal may be moved, and which recorded moves somebody may take back."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import NotAllowed
from pipeline import paths
from pipeline.models import Deal, Stage, StageTransition


@dataclass(frozen=True, slots=True)
class StageChoice:
    """An open stage of a pipeline; `digit` is the key that picks it, empty from the tenth on."""

    id: int
    name: str
    digit: str


@dataclass(frozen=True, slots=True)
class MovableDeal:
    """A deal as the move menu and the move page need it.

    `stages` are all open ones of its pipeline; `last_at` is the instant of its latest move.
    """

    id: int
    name: str
    version: int
    stage_id: int | None
    stage_name: str
    is_open: bool
    stages: tuple[StageChoice, ...]
    last_at: datetime | None
    reopens: bool = False  # it is closed: a move to a stage makes that closing void

    @property
    def targets(self) -> tuple[StageChoice, ...]:
        """The stages to move to: all but the one it is in."""
        return tuple(s for s in self.stages if s.id != self.stage_id)


def open_stages(*, pipeline_id: int) -> tuple[StageChoice, ...]:
    """The open stages of a pipeline in their order; retired ones take no deals any more."""
    rows = (
        Stage.objects.filter(pipeline_id=pipeline_id, kind=Stage.Kind.OPEN, retired_at=None)
        .order_by("position")
        .values_list("id", "name")
    )
    return tuple(
        StageChoice(pk, name, str(n) if n < 10 else "") for n, (pk, name) in enumerate(rows, 1)
    )


def movable_deal(*, deal_id: int) -> MovableDeal | None:
    """The deal and the stages that it may move to; None where there is no such deal."""
    deal = Deal.objects.select_related("stage").filter(pk=deal_id).first()
    if deal is None:
        return None
    return MovableDeal(
        id=deal.pk,
        name=deal.name,
        version=deal.version,
        stage_id=deal.stage_id,
        stage_name=deal.stage.name if deal.stage else "",
        is_open=deal.outcome == Deal.Outcome.OPEN,
        stages=open_stages(pipeline_id=deal.pipeline_id),
        last_at=paths.last_instant(bytes(deal.path)),
        reopens=deal.closed_on is not None,
    )


def transition_to_correct(*, transition_id: int, by: Actor) -> StageTransition | None:
    """A move that this actor may correct or take back; None where there is no such move.

    A rep may do so to the moves that they recorded, as long as the quarter is not final (which
    the service checks); who manages, to all. Raises NotAllowed with a sentence.
    """
    found: StageTransition | None = (
        StageTransition.objects.select_related("deal", "to_stage").filter(pk=transition_id).first()
    )
    if found is not None and not by.manages and found.recorded_by_id != by.user_id:
        raise NotAllowed(_("Somebody else recorded this move. Ask a manager to correct it."))
    return found
