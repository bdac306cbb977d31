"""What the form asks that takes a danger point on: which stage, for which deals."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import Company
from metrics.calc.danger_states import OPEN
from metrics.calc.segments import ALL
from metrics.models import DangerPoint
from metrics.selectors.figures import default_pipeline, quarters_of, segments_of
from metrics.selectors.filters import Question, segment_parts, segment_text
from metrics.selectors.stage_places import all_stages, heir_of, stage_lists
from pipeline.models import Pipeline


@dataclass(frozen=True, slots=True)
class Opening:
    """The choices of the form, and what the address said already."""

    stages: tuple[tuple[int, str], ...]
    segments: tuple[tuple[str, str], ...]
    stage_id: int | None
    segment: str
    quarter: str
    note: str
    standing_id: int | None  # the danger point of that stage and segment, if one is worked on


def opening(*, company: Company, question: Question) -> Opening:
    """The form for a question as the funnel asks it: quarter, pipeline, segment, position."""
    stages = all_stages()
    stage_id, note = None, ""
    main = question.pipeline or default_pipeline(company=company)
    lists = stage_lists(company=company).get(main, ()) if main else ()
    label = question.quarter or (lists[-1].label if lists else "")
    quarter = next((q for q in lists if q.label == label), None)
    if question.at is not None:
        seen = quarter.stage_id(question.at) if quarter else None
        stage_id = heir_of(seen, stages) if seen in stages else None
        if stage_id is None:
            note = _("There is no stage of that number. Choose one.")
        elif stage_id != seen and seen is not None:
            note = _("{stage} is retired; its deals count as {heir}, which is chosen here.").format(
                stage=stages[seen].name, heir=stages[stage_id].name
            )
    pipelines = dict(
        Pipeline.objects.filter(retired_at=None)
        .order_by("position", "id")
        .values_list("id", "name")
    )
    places = list(pipelines)
    used = sorted(
        (s for s in stages.values() if s.retired_at is None and s.pipeline_id in pipelines),
        key=lambda s: (places.index(s.pipeline_id), s.position or 0),
    )
    several = len({s.pipeline_id for s in used}) > 1
    return Opening(
        stages=tuple(
            (s.pk, f"{pipelines[s.pipeline_id]}: {s.name}" if several else s.name) for s in used
        ),
        segments=_segments(company, main, question.segment),
        stage_id=stage_id,
        segment=question.segment,
        quarter=label if quarter else "",
        note=note,
        standing_id=_standing(stage_id, question.segment),
    )


def _standing(stage_id: int | None, segment: str) -> int | None:
    found: int | None = (
        DangerPoint.objects.filter(stage_id=stage_id, segment=segment, state__in=OPEN)
        .values_list("id", flat=True)
        .first()
    )
    return found if stage_id is not None else None


def _segments(company: Company, pipeline_id: int | None, asked: str) -> tuple[tuple[str, str], ...]:
    """All deals, each value of one dimension, and what the address names."""
    quarters = quarters_of(company=company, pipeline_id=pipeline_id)
    listed: tuple[str, ...] = ()
    if quarters:
        listed = segments_of(company=company, quarter=quarters[-1], pipeline_id=pipeline_id)
    names = [name for name in listed if len(segment_parts(name)) == 1]
    return tuple((name, segment_text(name)) for name in dict.fromkeys([ALL, asked, *names]))
