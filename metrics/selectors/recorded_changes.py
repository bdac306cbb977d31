"""The changes that a team has recorded, and the choices of the form that records one."""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.models import RecordedChange
from metrics.selectors.figures import quarters_of, segments_of
from metrics.selectors.filters import segment_parts, segment_text
from pipeline.models import Pipeline, Stage

PAGE = 200


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One recorded change, ready to print."""

    id: int
    version: int
    day: str
    text: str
    place: str  # Proposal, or every stage
    deals: str
    by: str


@dataclass(frozen=True, slots=True)
class ChangeChoices:
    """What a change may concern: (stage id, name), (segment, text)."""

    stages: tuple[tuple[int, str], ...]
    segments: tuple[tuple[str, str], ...]


def change_rows(*, style: Style, today: date) -> tuple[ChangeRow, ...]:
    """The changes that stand, newest first: one query, the newest PAGE of them."""
    found = (
        RecordedChange.objects.filter(withdrawn_at=None)
        .select_related("stage", "recorded_by")
        .order_by("-happened_on", "-pk")[:PAGE]
    )
    return tuple(
        ChangeRow(
            id=one.pk,
            version=one.version,
            day=formats.day(one.happened_on, style, today=today),
            text=one.text,
            place=one.stage.name if one.stage else _("Every stage"),
            deals=segment_text(one.segment),
            by=(one.recorded_by.name or one.recorded_by.email) if one.recorded_by else "",
        )
        for one in found
    )


def recorded_change(*, change_id: int) -> RecordedChange | None:
    """One that stands; None where there is none."""
    found: RecordedChange | None = RecordedChange.objects.filter(
        pk=change_id, withdrawn_at=None
    ).first()
    return found


def change_choices(*, company: Company, kept: RecordedChange | None = None) -> ChangeChoices:
    """The stages in use and the segments of one dimension, and what `kept` names already."""
    pipelines = dict(Pipeline.objects.order_by("position", "id").values_list("id", "name"))
    rows = Stage.objects.filter(kind=Stage.Kind.OPEN).order_by("position", "id")
    used = [
        stage
        for stage in rows
        if stage.retired_at is None or (kept is not None and kept.stage_id == stage.pk)
    ]
    order = list(pipelines)
    used.sort(key=lambda stage: order.index(stage.pipeline_id))
    several = len({stage.pipeline_id for stage in used}) > 1
    quarters = quarters_of(company=company)
    listed = segments_of(company=company, quarter=quarters[-1]) if quarters else ()
    names = [name for name in listed if len(segment_parts(name)) == 1]
    mine = (kept.segment,) if kept is not None else ()
    return ChangeChoices(
        stages=tuple(
            (s.pk, f"{pipelines[s.pipeline_id]}: {s.name}" if several else s.name) for s in used
        ),
        segments=tuple((n, segment_text(n)) for n in dict.fromkeys(["all", *mine, *names])),
    )
