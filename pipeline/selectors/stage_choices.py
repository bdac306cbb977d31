"""Stages as pages name them and forms offer them: by pipeline, retired ones said so."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from pipeline.models import Pipeline, Stage

Grouped = tuple[tuple[str, tuple[tuple[int, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class StageNames:
    """The open stages of the company: `names` of all, `in_use` grouped by pipeline, in order.

    `same` says for a stage which ones count as it: itself, and retired ones it replaced.
    """

    names: Mapping[int, str]
    in_use: Grouped
    same: Mapping[int, tuple[int, ...]]

    def name(self, stage_id: int | None) -> str:
        return self.names.get(stage_id or 0, "")

    def choices(self, none: object, *, kept: int | None = None) -> list[tuple[object, object]]:
        """What a select offers; `kept` is the stage that stands there though it is retired."""
        offered: list[tuple[object, object]] = [("", none)]
        if len(self.in_use) == 1:
            offered += list(self.in_use[0][1])
        else:
            offered += [(name, list(stages)) for name, stages in self.in_use]
        if kept is not None and kept not in {pk for _n, rows in self.in_use for pk, _t in rows}:
            offered.insert(1, (kept, self.name(kept)))
        return offered


def stage_names() -> StageNames:
    """The open stages of the active company: two queries."""
    pipelines = list(
        Pipeline.objects.filter(retired_at=None)
        .order_by("position", "name", "id")
        .values_list("id", "name")
    )
    rows = list(
        Stage.objects.filter(kind=Stage.Kind.OPEN)
        .order_by("position", "id")
        .values_list("id", "pipeline_id", "name", "position", "replaced_by_id")
    )
    several = len(pipelines) > 1
    of_pipeline = dict(pipelines)
    names = {}
    for pk, pipeline_id, name, position, _heir in rows:
        text = (
            f"{of_pipeline[pipeline_id]}: {name}"
            if several and pipeline_id in of_pipeline
            else name
        )
        names[pk] = text if position is not None else _("{stage} (retired)").format(stage=text)
    heirs = {pk: heir for pk, _pipeline, _name, position, heir in rows if position is None}
    same: dict[int, list[int]] = {}
    for pk in names:
        end, seen = pk, {pk}
        while (heir := heirs.get(end)) is not None and heir not in seen:
            end = heir
            seen.add(heir)
        same.setdefault(end, []).append(pk)
        if end != pk:
            same.setdefault(pk, []).append(pk)
    in_use = tuple(
        (
            title,
            tuple(
                (pk, name)
                for pk, pipe, name, position, _h in rows
                if pipe == pipeline_id and position is not None
            ),
        )
        for pipeline_id, title in pipelines
    )
    return StageNames(names, in_use, {pk: tuple(rows) for pk, rows in same.items()})
