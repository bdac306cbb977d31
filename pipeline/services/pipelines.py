"""Pipelines: a second way of selling with stages of its own; renamed, ordered, retired."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline import rules
from pipeline.models import Deal, Pipeline, Stage
from pipeline.services.refusals import refuse
from pipeline.services.rewriting import mark_from_today
from pipeline.services.stages import DOWN, MOST_STAGES, UP, check_words, locked_pipeline

_NAME_LENGTH = 120
MOST_PIPELINES = 20


def _lock_all() -> list[Pipeline]:
    """All pipelines, by their order, for a change that concerns more than one of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('pipelines', %s))",
            [require_company_id()],
        )
    return list(Pipeline.objects.select_for_update().order_by("position", "pk"))


def _check_name(name: str, *, but: int | None = None) -> str:
    refuse(rules.unkeepable(name))
    name = " ".join(name.split())
    if not name:
        raise DomainError(_("A pipeline needs a name."))
    if len(name) > _NAME_LENGTH:
        raise DomainError(
            _("A pipeline's name has at most {most} characters. Say it shorter.").format(
                most=_NAME_LENGTH
            )
        )
    if Pipeline.objects.filter(name__iexact=name).exclude(pk=but).exists():
        raise DomainError(_("{name} is a pipeline already. Choose another name.").format(name=name))
    return name


def _audit(by: Actor, now: datetime, verb: str, pipeline: Pipeline, **what: Any) -> None:
    record_audit(
        by=by,
        at=now,
        action=f"pipeline.{verb}",
        object_type="pipeline",
        object_id=pipeline.pk,
        **what,
    )


def add_pipeline(
    *, by: Actor, name: str, stages: Sequence[str], won: str, lost: str, now: datetime
) -> Pipeline:
    """Add a pipeline with its open stages in their order, and the two that end the path."""
    opened = [check_words(name=text)[0] for text in stages]
    ends = [check_words(name=won)[0], check_words(name=lost)[0]]
    if not opened:
        raise DomainError(_("A pipeline needs at least one open stage."))
    if len(opened) > MOST_STAGES:
        raise DomainError(
            _("A pipeline has at most {most} stages. Name fewer.").format(most=MOST_STAGES)
        )
    words = [text.casefold() for text in (*opened, *ends)]
    twice = next((t for t in (*opened, *ends) if words.count(t.casefold()) > 1), None)
    if twice is not None:
        raise DomainError(_("Two stages are called {twice}. Name them apart.").format(twice=twice))
    with transaction.atomic():
        others = _lock_all()
        name = _check_name(name)
        if len(others) >= MOST_PIPELINES:
            raise DomainError(
                _("There are {most} pipelines already, which is the most.").format(
                    most=MOST_PIPELINES
                )
            )
        place = max((p.position for p in others), default=0) + 1
        pipeline: Pipeline = Pipeline.objects.create(name=name, position=place)
        for position, text in enumerate(opened, start=1):
            Stage.objects.create(pipeline=pipeline, name=text, position=position)
        for text, kind in zip(ends, (Stage.Kind.WON, Stage.Kind.LOST), strict=True):
            Stage.objects.create(pipeline=pipeline, name=text, kind=kind)
        _audit(by, now, "added", pipeline, after={"name": name, "stages": [*opened, *ends]})
        mark_from_today(now=now)
    return pipeline


def rename_pipeline(*, by: Actor, pipeline_id: int, name: str, now: datetime) -> Pipeline:
    """Give a pipeline another name. No figure changes."""
    with transaction.atomic():
        pipeline = locked_pipeline(pipeline_id)
        name = _check_name(name, but=pipeline.pk)
        if name != pipeline.name:
            before, pipeline.name = pipeline.name, name
            pipeline.save(update_fields=["name"])
            _audit(by, now, "changed", pipeline, before={"name": before}, after={"name": name})
    return pipeline


def order_pipeline(*, by: Actor, pipeline_id: int, direction: str, now: datetime) -> Pipeline:
    """Move a pipeline in use one place `up` or `down`: the first one is what the board opens."""
    with transaction.atomic():
        everyone = _lock_all()
        pipeline = locked_pipeline(pipeline_id)
        rows = [p for p in everyone if p.retired_at is None]
        place = next((n for n, p in enumerate(rows) if p.pk == pipeline.pk), None)
        if place is None or direction not in (UP, DOWN):
            raise DomainError(_("Only a pipeline in use has a place in the order."))
        other = place + (-1 if direction == UP else 1)
        if not 0 <= other < len(rows):
            return pipeline
        rows[place], rows[other] = rows[other], rows[place]
        for position, row in enumerate([*rows, *(p for p in everyone if p.retired_at)], start=1):
            if row.position != position:
                Pipeline.objects.filter(pk=row.pk).update(position=position)
        _audit(
            by,
            now,
            "ordered",
            pipeline,
            before={"position": place + 1},
            after={"position": other + 1, "name": pipeline.name},
        )
    return pipeline


def retire_pipeline(*, by: Actor, pipeline_id: int, now: datetime) -> Pipeline:
    """Take a pipeline without open deals out of use; its closed deals and figures stay."""
    with transaction.atomic():
        everyone = _lock_all()
        pipeline = locked_pipeline(pipeline_id)
        if pipeline.retired_at is not None:
            return pipeline
        if not any(p.retired_at is None and p.pk != pipeline.pk for p in everyone):
            raise DomainError(_("This is the only pipeline in use. Add another one first."))
        still = Deal.objects.filter(pipeline=pipeline, outcome=Deal.Outcome.OPEN).count()
        if still:
            sentence = ngettext(
                "{n} open deal is in this pipeline. Win or lose it first.",
                "{n} open deals are in this pipeline. Win or lose them first.",
                still,
            )
            raise DomainError(sentence.format(n=still))
        pipeline.retired_at = now
        pipeline.save(update_fields=["retired_at"])
        _audit(by, now, "retired", pipeline, after={"name": pipeline.name})
    return pipeline


def restore_pipeline(*, by: Actor, pipeline_id: int, now: datetime) -> Pipeline:
    """Bring a retired pipeline back into use."""
    with transaction.atomic():
        pipeline = locked_pipeline(pipeline_id)
        if pipeline.retired_at is not None:
            pipeline.retired_at = None
            pipeline.save(update_fields=["retired_at"])
            _audit(by, now, "restored", pipeline, after={"name": pipeline.name})
    return pipeline
