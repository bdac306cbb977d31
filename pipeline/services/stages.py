"""The stages of a pipeline: add, describe, order, retire with a place for their deals.

What changes here holds from the running quarter on: a closed quarter keeps the stages that it
was closed with (docs/metrics.md, Snapshots).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.retries import retry_deadlocks
from accounts.services.audit import record_audit
from pipeline import rules
from pipeline.models import Deal, Pipeline, Stage
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.moves import move_deal
from pipeline.services.refusals import refuse
from pipeline.services.rewriting import mark_from_today

MOST_STAGES = 20
MOVED_AT_ONCE = 100  # others who record something wait meanwhile: a second, not more
_NAME_LENGTH = 120
_CRITERION_LENGTH = 300
UP, DOWN = "up", "down"


@dataclass(frozen=True, slots=True)
class StageRetired:
    """What a retirement did: how many deals it moved, and how many still stand there.

    The stage is retired when none is `left`; until then it stays in use, and asking again goes on.
    """

    moved: int
    left: int


def check_words(*, name: str, exit_criterion: str = "") -> tuple[str, str]:
    """A stage's name and exit criterion as they are kept, or a refusal in words."""
    refuse(rules.unkeepable(name, exit_criterion))
    name, exit_criterion = " ".join(name.split()), " ".join(exit_criterion.split())
    if not name:
        raise DomainError(_("A stage needs a name."))
    if len(name) > _NAME_LENGTH:
        raise DomainError(
            _("A stage's name has at most {most} characters. Say it shorter.").format(
                most=_NAME_LENGTH
            )
        )
    if len(exit_criterion) > _CRITERION_LENGTH:
        raise DomainError(
            _("An exit criterion has at most {most} characters. Say it shorter.").format(
                most=_CRITERION_LENGTH
            )
        )
    return name, exit_criterion


def locked_pipeline(pipeline_id: int) -> Pipeline:
    """The pipeline, locked: two changes of its stages wait for each other, no move of a deal."""
    found: Pipeline | None = (
        Pipeline.objects.select_for_update(no_key=True).filter(pk=pipeline_id).first()
    )
    if found is None:
        raise NotFound(_("This pipeline does not exist."))
    return found


def _locked_stage(stage_id: int) -> Stage:
    of = Stage.objects.filter(pk=stage_id).values_list("pipeline_id", flat=True).first()
    if of is None:
        raise NotFound(_("This stage does not exist."))
    locked_pipeline(of)
    stage: Stage = Stage.objects.select_for_update(no_key=True).get(pk=stage_id)
    return stage


def _wait_for_moves(stage: Stage) -> None:
    """Let moves into the stage that are under way end first, so that they are seen."""
    Stage.objects.select_for_update().get(pk=stage.pk)


def _refuse_taken(*, pipeline_id: int, name: str, but: int | None = None) -> None:
    twin = Stage.objects.filter(pipeline_id=pipeline_id, name__iexact=name).exclude(pk=but).first()
    if twin is not None and twin.retired_at is not None:
        raise DomainError(
            _("{twin} is a retired stage of this pipeline. Bring it back.").format(twin=twin.name)
        )
    if twin is not None:
        raise DomainError(
            _("{twin} is a stage of this pipeline already. Choose another name.").format(
                twin=twin.name
            )
        )


def _in_use(pipeline_id: int) -> list[Stage]:
    """The open stages in use, by position."""
    return list(
        Stage.objects.filter(
            pipeline_id=pipeline_id, kind=Stage.Kind.OPEN, retired_at=None
        ).order_by("position")
    )


def _number(stages: list[Stage]) -> None:
    """Positions 1..K in the order of the list; the unique key is checked at the commit."""
    for position, stage in enumerate(stages, start=1):
        if stage.position != position:
            stage.position = position
            stage.save(update_fields=["position"])


def _audit(by: Actor, now: datetime, verb: str, stage: Stage, **what: Any) -> None:
    record_audit(
        by=by,
        at=now,
        action=f"stage.{verb}",
        object_type="stage",
        object_id=stage.pk,
        **what,
    )


def add_stage(
    *,
    by: Actor,
    pipeline_id: int,
    name: str,
    now: datetime,
    exit_criterion: str = "",
    before_id: int | None = None,
) -> Stage:
    """Add an open stage before another one, or at the end."""
    name, exit_criterion = check_words(name=name, exit_criterion=exit_criterion)
    with transaction.atomic():
        pipeline = locked_pipeline(pipeline_id)
        _refuse_taken(pipeline_id=pipeline_id, name=name)
        stages = _in_use(pipeline_id)
        if len(stages) >= MOST_STAGES:
            raise DomainError(
                _("A pipeline has at most {most} stages. Retire one first.").format(
                    most=MOST_STAGES
                )
            )
        place = next((n for n, s in enumerate(stages) if s.pk == before_id), len(stages))
        stage = Stage(
            pipeline=pipeline,
            name=name,
            exit_criterion=exit_criterion,
            kind=Stage.Kind.OPEN,
            position=len(stages) + 1,
        )
        stage.save()
        stages.insert(place, stage)
        _number(stages)
        _audit(
            by,
            now,
            "added",
            stage,
            after={"name": name, "position": place + 1, "pipeline": pipeline.name},
        )
        mark_from_today(now=now)
    return stage


@retry_deadlocks
def change_stage(
    *,
    by: Actor,
    stage_id: int,
    name: str,
    now: datetime,
    exit_criterion: str = "",
    seen: Mapping[str, Any] | None = None,
) -> Stage:
    """Rename a stage of any kind, or say otherwise what it takes to leave it.

    seen: name and exit criterion that the screen showed; others by now are never overwritten.
    """
    name, exit_criterion = check_words(name=name, exit_criterion=exit_criterion)
    after = {"name": name, "exit_criterion": exit_criterion}
    with transaction.atomic():
        stage = _locked_stage(stage_id)
        before = {"name": stage.name, "exit_criterion": stage.exit_criterion}
        if after == before:
            return stage
        if seen is not None and dict(seen) != before:
            raise StaleVersion(
                _(
                    "Somebody else changed this stage while you were looking: it is {theirs},"
                    " with the exit criterion {criterion}. You wrote {name}, {wanted}."
                    " Nothing was changed; decide again."
                ).format(
                    theirs=stage.name,
                    criterion=stage.exit_criterion or _("empty"),
                    name=name,
                    wanted=exit_criterion or _("empty"),
                )
            )
        if name != stage.name:
            _refuse_taken(pipeline_id=stage.pipeline_id, name=name, but=stage.pk)
        stage.name, stage.exit_criterion = name, exit_criterion
        stage.save(update_fields=["name", "exit_criterion"])
        _audit(by, now, "changed", stage, before=before, after=after)
        if name != before["name"]:
            mark_from_today(now=now)
    return stage


@retry_deadlocks
def order_stage(*, by: Actor, stage_id: int, direction: str, now: datetime) -> Stage:
    """Move an open stage one place `up` (towards the first) or `down`; at the end nothing."""
    with transaction.atomic():
        stage = _locked_stage(stage_id)
        stages = _in_use(stage.pipeline_id)
        place = next((n for n, s in enumerate(stages) if s.pk == stage.pk), None)
        if place is None or direction not in (UP, DOWN):
            raise DomainError(_("Only an open stage in use has a place in the order."))
        other = place + (-1 if direction == UP else 1)
        if not 0 <= other < len(stages):
            return stage
        stages[place], stages[other] = stages[other], stages[place]
        _number(stages)
        _audit(
            by,
            now,
            "ordered",
            stage,
            before={"position": place + 1},
            after={"position": other + 1, "name": stage.name},
        )
        mark_from_today(now=now)
        stage.position = other + 1
    return stage


@retry_deadlocks
def retire_stage(*, by: Actor, stage_id: int, to_stage_id: int, now: datetime) -> StageRetired:
    """Take an open stage out of use; its open deals move to another one, as moves of today.

    At most MOVED_AT_ONCE of them in one go: where more stand there, the stage stays in use until
    the last of them has moved. Its time until now counts as time in the other stage.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '60s'")
        stage = _locked_stage(stage_id)
        if stage.kind != Stage.Kind.OPEN:
            raise DomainError(
                _("{stage} ends the path. It can be renamed, never retired.").format(
                    stage=stage.name
                )
            )
        if stage.retired_at is not None:
            raise DomainError(_("{stage} is retired already.").format(stage=stage.name))
        others = [s for s in _in_use(stage.pipeline_id) if s.pk != stage.pk]
        if not others:
            raise DomainError(_("This is the only open stage. Add another one first."))
        heir = next((s for s in others if s.pk == to_stage_id), None)
        if heir is None:
            raise DomainError(_("Choose the stage of this pipeline that its deals move to."))
        standing = Deal.objects.filter(stage_id=stage.pk, outcome=Deal.Outcome.OPEN)
        # Locked before they are moved: one that somebody moves on meanwhile is left where it is.
        locked = standing.select_for_update().order_by("pk")[:MOVED_AT_ONCE]
        ids = list(locked.values_list("pk", flat=True))
        for deal_id in ids:
            move_deal(by=by, deal_id=deal_id, to_stage_id=heir.pk, occurred_at=now, now=now)
        left = standing.count()
        if not left:
            _wait_for_moves(stage)
            left = standing.count()
        if ids and left and set(ids) <= set(standing.values_list("pk", flat=True)):
            raise DomainError(_("Deals here have moves in the future. Correct those first."))
        if not left:
            stage.retired_at, stage.position, stage.replaced_by = now, None, heir
            stage.save(update_fields=["retired_at", "position", "replaced_by"])
            _number(others)
        _audit(
            by,
            now,
            "emptied" if left else "retired",
            stage,
            after={"name": stage.name, "to": heir.name, "moved": len(ids), "left": left},
        )
        mark_from_today(now=now)
        return StageRetired(len(ids), left)


@retry_deadlocks
def restore_stage(*, by: Actor, stage_id: int, now: datetime) -> Stage:
    """Bring a retired stage back, as the last one. Deals that were moved stay where they are."""
    with transaction.atomic():
        stage = _locked_stage(stage_id)
        if stage.retired_at is None:
            return stage
        stages = _in_use(stage.pipeline_id)
        if len(stages) >= MOST_STAGES:
            raise DomainError(
                _("A pipeline has at most {most} stages. Retire one first.").format(
                    most=MOST_STAGES
                )
            )
        stage.retired_at, stage.replaced_by, stage.position = None, None, len(stages) + 1
        stage.save(update_fields=["retired_at", "replaced_by", "position"])
        _audit(by, now, "restored", stage, after={"name": stage.name, "position": stage.position})
        mark_from_today(now=now)
    return stage
