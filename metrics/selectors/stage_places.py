"""Where a stage stood in each quarter: a snapshot keeps its own list of stages.

A stage that was renamed or moved is found by its id; only where a list has none (a company
that was restored without that stage) by its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import connection

from accounts.models import Company
from metrics.calc.types import SegmentFigures, StageFigures
from pipeline.models import Stage

_LIST = """
    SELECT quarter_start, quarter_label,
           ARRAY(SELECT jsonb_array_elements_text(definitions->'stage_ids')::bigint),
           ARRAY(SELECT jsonb_array_elements_text(definitions->'stages'))
    FROM metrics_snapshot
    WHERE company_id = %s AND pipeline_id = %s AND segment = 'all' AND quarter_start = %s
    ORDER BY version DESC LIMIT 1
"""
_LISTS = """
    SELECT DISTINCT ON (pipeline_id, quarter_start)
           pipeline_id, quarter_start, quarter_label,
           ARRAY(SELECT jsonb_array_elements_text(definitions->'stage_ids')::bigint),
           ARRAY(SELECT jsonb_array_elements_text(definitions->'stages'))
    FROM metrics_snapshot
    WHERE company_id = %s AND segment = 'all'
    ORDER BY pipeline_id, quarter_start, version DESC
"""


@dataclass(frozen=True, slots=True)
class QuarterStages:
    """The open stages of a pipeline as a quarter's newest snapshot lists them, in order."""

    start: date
    label: str
    ids: tuple[int, ...]
    names: tuple[str, ...]

    def position(self, stage_id: int, name: str) -> int | None:
        """1..K of a stage; None where the quarter did not have it."""
        if stage_id in self.ids:
            return self.ids.index(stage_id) + 1
        for place, (known, listed) in enumerate(zip(self.ids, self.names, strict=True), start=1):
            if not known and listed == name:
                return place
        return None

    def stage_id(self, position: int) -> int | None:
        """The stage at a position; None where there is none."""
        return (self.ids[position - 1] or None) if 1 <= position <= len(self.ids) else None


def stage_lists(*, company: Company) -> dict[int, tuple[QuarterStages, ...]]:
    """By pipeline: the stages of every quarter that has figures, oldest first. One query."""
    found: dict[int, list[QuarterStages]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LISTS, [company.pk])
        for pipeline_id, start, label, ids, names in cursor.fetchall():
            # Older snapshots may know names alone.
            ids = tuple(ids) if len(ids) == len(names) else (0,) * len(names)
            found.setdefault(pipeline_id, []).append(QuarterStages(start, label, ids, tuple(names)))
    return {pipeline_id: tuple(rows) for pipeline_id, rows in found.items()}


def stage_list(*, company: Company, pipeline_id: int, start: date) -> QuarterStages | None:
    """The stages of the quarter that begins on `start`; None where it has no figures."""
    with connection.cursor() as cursor:
        cursor.execute(_LIST, [company.pk, pipeline_id, start])
        row = cursor.fetchone()
    if row is None:
        return None
    start, label, ids, names = row
    ids = tuple(ids) if len(ids) == len(names) else (0,) * len(names)
    return QuarterStages(start, label, ids, tuple(names))


def stage_of(
    figures: SegmentFigures | None, stages: QuarterStages, *, stage_id: int, name: str
) -> StageFigures | None:
    """The figures of a stage in a quarter; None where segment or stage had none in it."""
    position = stages.position(stage_id, name)
    if figures is None or position is None:
        return None
    return next((s for s in figures.stages if s.position == position), None)


def all_stages() -> dict[int, Stage]:
    """Every open stage of the company, the retired ones too, by id."""
    return {s.pk: s for s in Stage.objects.filter(kind=Stage.Kind.OPEN)}


def heir_of(stage_id: int, stages: Mapping[int, Stage]) -> int:
    """The stage in use that stands for this one: itself, or the end of its replacements."""
    seen = {stage_id}
    while (stage := stages.get(stage_id)) is not None and stage.replaced_by_id is not None:
        if stage.replaced_by_id in seen:
            break
        stage_id = stage.replaced_by_id
        seen.add(stage_id)
    return stage_id
