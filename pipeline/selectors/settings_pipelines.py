"""Pipelines and their stages, as the settings show them."""

from dataclasses import dataclass

from django.db.models import Count

from accounts.formats import Style, days, number
from pipeline.models import Deal, Pipeline, Stage

Choice = tuple[int, str]


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """A pipeline in the list. `first` and `last` are of the order of those in use."""

    id: int
    name: str
    stages: str
    open: str
    retired: bool
    first: bool
    last: bool


def pipeline_rows(*, style: Style) -> tuple[PipelineRow, ...]:
    """The pipelines in their order, retired ones last: three queries."""
    rows = list(Pipeline.objects.order_by("position", "pk"))
    names: dict[int, list[str]] = {}
    for of, name in (
        Stage.objects.filter(kind=Stage.Kind.OPEN, retired_at=None)
        .order_by("position")
        .values_list("pipeline_id", "name")
    ):
        names.setdefault(of, []).append(name)
    counts = dict(
        Deal.objects.filter(outcome=Deal.Outcome.OPEN)
        .order_by()
        .values_list("pipeline_id")
        .annotate(n=Count("pk"))
    )
    used = [row for row in rows if row.retired_at is None]
    return tuple(
        PipelineRow(
            id=row.pk,
            name=row.name,
            stages=" › ".join(names.get(row.pk, [])),
            open=number(counts.get(row.pk, 0), style) or "0",
            retired=row.retired_at is not None,
            first=bool(used) and row is used[0],
            last=bool(used) and row is used[-1],
        )
        for row in [*used, *(r for r in rows if r.retired_at is not None)]
    )


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage in the list of its pipeline, ready to print."""

    id: int
    name: str
    kind: str
    position: int | None
    exit_criterion: str
    usual: str
    open: str
    first: bool
    last: bool
    replaced_by: str


@dataclass(frozen=True, slots=True)
class PipelinePage:
    """A pipeline with its open stages in their order, those that end it, and the retired ones."""

    id: int
    name: str
    retired: bool
    stages: tuple[StageRow, ...]
    ends: tuple[StageRow, ...]
    gone: tuple[StageRow, ...]


def pipeline_page(*, pipeline_id: int, style: Style) -> PipelinePage | None:
    """The pipeline, or None where there is none of that id: three queries."""
    found = Pipeline.objects.filter(pk=pipeline_id).first()
    if found is None:
        return None
    rows = list(
        Stage.objects.filter(pipeline_id=pipeline_id)
        .select_related("replaced_by")
        .order_by("position", "kind", "pk")
    )
    counts = dict(
        Deal.objects.filter(pipeline_id=pipeline_id, outcome=Deal.Outcome.OPEN)
        .order_by()
        .values_list("stage_id")
        .annotate(n=Count("pk"))
    )
    used = [s for s in rows if s.position is not None]

    def row(stage: Stage) -> StageRow:
        return StageRow(
            id=stage.pk,
            name=stage.name,
            kind=stage.kind,
            position=stage.position,
            exit_criterion=stage.exit_criterion,
            usual=days(stage.usual_days, style) or "",
            open=number(counts.get(stage.pk, 0), style) or "0",
            first=bool(used) and stage.pk == used[0].pk,
            last=bool(used) and stage.pk == used[-1].pk,
            replaced_by=stage.replaced_by.name if stage.replaced_by else "",
        )

    return PipelinePage(
        id=found.pk,
        name=found.name,
        retired=found.retired_at is not None,
        stages=tuple(row(s) for s in used),
        ends=tuple(
            row(s)
            for s in sorted(rows, key=lambda s: s.kind != Stage.Kind.WON)
            if s.kind != Stage.Kind.OPEN
        ),
        gone=tuple(row(s) for s in rows if s.kind == Stage.Kind.OPEN and s.retired_at),
    )


@dataclass(frozen=True, slots=True)
class StageToChange:
    """A stage as its forms need it; `others` are the open stages that its deals may move to."""

    id: int
    name: str
    kind: str
    exit_criterion: str
    retired: bool
    pipeline_id: int
    open: int
    others: tuple[Choice, ...]

    def seen(self) -> dict[str, str]:
        """What the form shows, to be sent back with it."""
        return {"name": self.name, "exit_criterion": self.exit_criterion}


def stage_to_change(*, stage_id: int) -> StageToChange | None:
    """The stage, or None where there is none of that id in this company."""
    stage = Stage.objects.filter(pk=stage_id).first()
    if stage is None:
        return None
    others = stage_choices(pipeline_id=stage.pipeline_id)
    return StageToChange(
        id=stage.pk,
        name=stage.name,
        kind=stage.kind,
        exit_criterion=stage.exit_criterion,
        retired=stage.retired_at is not None,
        pipeline_id=stage.pipeline_id,
        open=Deal.objects.filter(stage_id=stage.pk, outcome=Deal.Outcome.OPEN).count(),
        others=tuple(choice for choice in others if choice[0] != stage.pk),
    )


def stage_choices(*, pipeline_id: int) -> tuple[Choice, ...]:
    """The open stages of a pipeline in their order."""
    return tuple(
        Stage.objects.filter(pipeline_id=pipeline_id, kind=Stage.Kind.OPEN, retired_at=None)
        .order_by("position")
        .values_list("id", "name")
    )


def pipeline_name(*, pipeline_id: int) -> str | None:
    """The name of a pipeline of this company; None where there is none."""
    found: str | None = (
        Pipeline.objects.filter(pk=pipeline_id).values_list("name", flat=True).first()
    )
    return found
