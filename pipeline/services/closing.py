"""Win or lose a deal: the move and what was learned from it, both or neither."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.retries import retry_deadlocks
from accounts.services.audit import record_audit
from pipeline import rules
from pipeline.models import Competitor, Deal, LossLevel, LostReason, Stage
from pipeline.services.deals import change_deal
from pipeline.services.history import NotFound, Recorded
from pipeline.services.moves import move_deal
from pipeline.services.notes import add_note
from pipeline.services.refusals import refuse

_NAME_LENGTH = 200
_USED_FIRST = F("retired_at").asc(nulls_first=True)


@retry_deadlocks
def win_deal(
    *,
    by: Actor,
    deal_id: int,
    occurred_at: datetime,
    now: datetime,
    amount: Decimal | None,
    currency: str,
    won_reason: str = "",
    note: str = "",
    stage_id: int | None = None,
    key: str | None = None,
    version: int | None = None,
) -> Recorded:
    """Record that a deal was won, for how much, and what made them buy.

    key: the same one again has one effect. version: what the user saw. `stage_id` is needed
    where a pipeline has several stages for won deals. Raises DomainError with a sentence.
    """
    return _close(
        by=by,
        deal_id=deal_id,
        kind=Stage.Kind.WON,
        occurred_at=occurred_at,
        now=now,
        note=note,
        stage_id=stage_id,
        key=key,
        version=version,
        learned=lambda: {
            "amount": amount,
            "currency": currency,
            "won_reason": won_reason.strip(),
        },
    )


@retry_deadlocks
def lose_deal(
    *,
    by: Actor,
    deal_id: int,
    occurred_at: datetime,
    now: datetime,
    level: str,
    reason_id: int | None = None,
    new_reason: str = "",
    competitor_id: int | None = None,
    new_competitor: str = "",
    note: str = "",
    stage_id: int | None = None,
    key: str | None = None,
    version: int | None = None,
) -> Recorded:
    """Record that a deal was lost, and why: the first level, then the company's own detail.

    Without a detail the level alone is kept. Who manages may add a detail or a competitor by
    name. Raises DomainError with a sentence.
    """

    def learned() -> dict[str, Any]:
        return learned_of_loss(
            by=by,
            now=now,
            level=level,
            reason_id=reason_id,
            new_reason=new_reason,
            competitor_id=competitor_id,
            new_competitor=new_competitor,
        )

    return _close(
        by=by,
        deal_id=deal_id,
        kind=Stage.Kind.LOST,
        occurred_at=occurred_at,
        now=now,
        note=note,
        stage_id=stage_id,
        key=key,
        version=version,
        learned=learned,
    )


def learned_of_loss(
    *,
    by: Actor,
    now: datetime,
    level: str,
    reason_id: int | None = None,
    new_reason: str = "",
    competitor_id: int | None = None,
    new_competitor: str = "",
) -> dict[str, int | None]:
    """The answers about a loss as a deal keeps them: its reason and its competitor, both ids."""
    if level not in LossLevel.values:
        raise DomainError(_("Say first whether a competitor won, nothing was decided, or else."))
    competitor = _competitor(by=by, now=now, competitor_id=competitor_id, name=new_competitor)
    reason = _reason(by=by, now=now, level=level, reason_id=reason_id, detail=new_reason)
    return {"lost_reason_id": reason, "competitor_id": competitor}


def _close(
    *,
    by: Actor,
    deal_id: int,
    kind: str,
    occurred_at: datetime,
    now: datetime,
    note: str,
    stage_id: int | None,
    key: str | None,
    version: int | None,
    learned: Any,
) -> Recorded:
    with transaction.atomic():
        stage = _closing_stage(deal_id=deal_id, kind=kind, stage_id=stage_id)
        recorded = move_deal(
            by=by,
            deal_id=deal_id,
            to_stage_id=stage.pk,
            occurred_at=occurred_at,
            now=now,
            key=key,
            version=version,
        )
        if recorded.repeated:
            return recorded
        # The deal is locked by its move: nobody can come between.
        final = change_deal(by=by, deal_id=deal_id, now=now, origin=str(kind), **learned())
        if note.strip():
            add_note(by=by, deal_id=deal_id, body=note, now=now)
    return Recorded(recorded.transition_id, deal_id, final, recorded.stage_id)


def _closing_stage(*, deal_id: int, kind: str, stage_id: int | None) -> Stage:
    """The stage of the deal's pipeline in which won (or lost) deals end."""
    pipeline_id = Deal.objects.filter(pk=deal_id).values_list("pipeline_id", flat=True).first()
    if pipeline_id is None:
        raise NotFound(_("This deal does not exist."))
    stages = Stage.objects.filter(pipeline_id=pipeline_id, kind=kind, retired_at=None)
    found = list(stages.filter(pk=stage_id) if stage_id else stages.order_by("id")[:2])
    if stage_id is None and len(found) > 1:
        raise DomainError(
            _("This pipeline has several stages for won deals. Choose one.")
            if kind == Stage.Kind.WON
            else _("This pipeline has several stages for lost deals. Choose one.")
        )
    if not found:
        raise DomainError(
            _("This pipeline has no stage for won deals. Add one in its settings.")
            if kind == Stage.Kind.WON
            else _("This pipeline has no stage for lost deals. Add one in its settings.")
        )
    stage: Stage = found[0]
    return stage


def _reason(*, by: Actor, now: datetime, level: str, reason_id: int | None, detail: str) -> int:
    if reason_id is not None:
        found = LostReason.objects.filter(pk=reason_id).first()
        if found is None:
            raise DomainError(_("This reason does not exist. Choose another."))
        if found.level != level:
            raise DomainError(
                _("{detail} is a reason of another kind. Choose again.").format(detail=found.detail)
            )
        if found.retired_at is not None:
            raise DomainError(
                _("{detail} is not used any more. Choose another reason.").format(
                    detail=found.detail
                )
            )
        return int(found.pk)
    added = detail.strip()
    if added and not by.manages:
        raise NotAllowed(_("Only a manager may add a reason. Choose one of the list."))
    return _named_reason(by=by, now=now, level=level, detail=added or LossLevel(level).label)


def _named_reason(*, by: Actor, now: datetime, level: str, detail: str) -> int:
    """The reason of that name, made if there is none; details are unique in a company."""
    _check_name(detail)
    found = LostReason.objects.filter(detail__iexact=detail).order_by(_USED_FIRST, "id").first()
    if found is not None and found.level != level:
        if detail != LossLevel(level).label:
            raise DomainError(
                _("{detail} is here already, as a reason of another kind.").format(
                    detail=found.detail
                )
            )
        # An import brought the level's own name under another level.
        return _named_reason(by=by, now=now, level=level, detail=f"{detail}, no detail")
    if found is None:
        # Two people may add the same one at the same moment.
        LostReason.objects.bulk_create(
            [LostReason(level=level, detail=detail)], ignore_conflicts=True
        )
        found = LostReason.objects.get(detail=detail)
        _audit(by, now, "lost_reason.added", "lostreason", found.pk, detail)
    return int(found.pk)


def _competitor(*, by: Actor, now: datetime, competitor_id: int | None, name: str) -> int | None:
    if competitor_id is not None:
        found = Competitor.objects.filter(pk=competitor_id).first()
        if found is None:
            raise DomainError(_("This competitor does not exist. Choose another."))
        return int(found.pk)
    name = name.strip()
    if not name:
        return None
    if not by.manages:
        raise NotAllowed(_("Only a manager may add a competitor. Choose one of the list."))
    _check_name(name)
    known = Competitor.objects.filter(name__iexact=name).order_by(_USED_FIRST, "id").first()
    if known is None:
        Competitor.objects.bulk_create([Competitor(name=name)], ignore_conflicts=True)
        known = Competitor.objects.get(name=name)
        _audit(by, now, "competitor.added", "competitor", known.pk, name)
    return int(known.pk)


def _check_name(text: str) -> None:
    if len(text) > _NAME_LENGTH:
        raise DomainError(
            _("A name has at most {most} characters. Say it shorter.").format(most=_NAME_LENGTH)
        )
    refuse(rules.unkeepable(text))


def _audit(by: Actor, now: datetime, action: str, kind: str, pk: int, name: str) -> None:
    record_audit(by=by, at=now, action=action, object_type=kind, object_id=pk, after={"name": name})
