"""The stages that findings stand at: in use, retired, and what stands for a retired one now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from pipeline.models import Pipeline, Stage


@dataclass(frozen=True, slots=True)
class StagePlace:
    """One stage, as findings need it. `position` is None for a terminal or retired one."""

    id: int
    pipeline_id: int
    name: str
    kind: str
    position: int | None
    retired: bool
    replaced_by: int | None


@dataclass(frozen=True, slots=True)
class StageBook:
    """All stages of a company by id, and its pipelines in use, in their order."""

    stages: Mapping[int, StagePlace]
    pipelines: tuple[tuple[int, str], ...]

    def name(self, stage_id: int | None) -> str:
        found = self.stages.get(stage_id or 0)
        return found.name if found else ""

    def place(self, stage_id: int, towards_id: int | None = None) -> str:
        """Where a finding stands, for people: Proposal, or Proposal → Won."""
        text = self.name(stage_id)
        if towards_id is not None:
            text = f"{text} → {self.name(towards_id)}"
        stage = self.stages.get(stage_id)
        return _("{stage} (retired)").format(stage=text) if stage and stage.retired else text

    def now(self, stage_id: int) -> int:
        """The stage that a retired one counts as now, along a chain; else the stage itself."""
        seen = {stage_id}
        while True:
            stage = self.stages.get(stage_id)
            if stage is None or not stage.retired or stage.replaced_by in (None, *seen):
                return stage_id
            stage_id = stage.replaced_by or stage_id
            seen.add(stage_id)

    def same(self, stage_ids: Iterable[int]) -> tuple[int, ...]:
        """These stages, and the retired ones that count as one of them."""
        wanted = set(stage_ids)
        return tuple(pk for pk in self.stages if pk in wanted or self.now(pk) in wanted)

    def open_stages(self, pipeline_id: int) -> tuple[StagePlace, ...]:
        """The open stages in use of a pipeline, in their order."""
        found = [
            s
            for s in self.stages.values()
            if s.pipeline_id == pipeline_id and s.kind == Stage.Kind.OPEN and not s.retired
        ]
        return tuple(sorted(found, key=lambda s: (s.position or 0, s.id)))

    def first_pipeline(self) -> int | None:
        return self.pipelines[0][0] if self.pipelines else None


def stage_book() -> StageBook:
    """The stages of the active company: two queries."""
    rows = Stage.objects.order_by("pipeline_id", "position", "id").values_list(
        "id", "pipeline_id", "name", "kind", "position", "retired_at", "replaced_by_id"
    )
    stages = {
        pk: StagePlace(pk, pipeline, name, kind, position, retired is not None, heir)
        for pk, pipeline, name, kind, position, retired, heir in rows
    }
    pipelines = Pipeline.objects.filter(retired_at=None).order_by("position", "name", "id")
    return StageBook(stages, tuple(pipelines.values_list("id", "name")))
