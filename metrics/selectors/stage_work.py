"""What the team knows and does about a stage: its findings, where it has looked, who works on it.

For the stage as a quarter's snapshot lists it: one that was retired since counts as the one that
replaced it.
"""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from accounts.formats import Style
from accounts.models import Company
from metrics.calc.danger_states import OPEN
from metrics.models import DangerPoint
from metrics.selectors.coverage import Coverage, coverage
from metrics.selectors.danger_words import due_text, state_text
from metrics.selectors.finding_rows import writer_for
from metrics.selectors.findings import FindingsHere, findings_at
from metrics.selectors.stage_places import stage_list

FINDINGS = 3


@dataclass(frozen=True, slots=True)
class DangerWork:
    """The danger point of the stage and segment that is worked on."""

    id: int
    word: str
    icon: str
    tone: str
    text: str  # Worked on by Claire Morel, due 4 Sep


@dataclass(frozen=True, slots=True)
class StageWork:
    """`stage_ids` are the stage, and those retired that count as it; `stage_id` is in use."""

    stage_id: int
    stage_ids: tuple[int, ...]
    findings: FindingsHere
    grid: Coverage
    danger: DangerWork | None


def stage_work(
    *,
    company: Company,
    pipeline_id: int,
    start: date,
    position: int,
    segment: str,
    style: Style,
    today: date,
) -> StageWork | None:
    """What is known about the stage at `position` of the quarter that begins on `start`; None
    where the quarter's list of stages does not have it, or not by its id."""
    listed = stage_list(company=company, pipeline_id=pipeline_id, start=start)
    seen = listed.stage_id(position) if listed else None
    if seen is None:
        return None
    writer = writer_for(company=company, style=style, today=today)
    now = writer.stages.now(seen)
    same = writer.stages.same([now])
    grid = coverage(company=company, pipeline_id=pipeline_id, stages=writer.stages)
    known = sum(cell.count for row in grid.rows for cell in row.cells if cell.stage_id == now)
    return StageWork(
        stage_id=now,
        stage_ids=same,
        findings=findings_at(
            company=company, stage_ids=[now], segment=segment, limit=FINDINGS, writer=writer
        )
        if known
        else FindingsHere((), 0, 0),
        grid=grid,
        danger=_danger(same, segment, today, style),
    )


def _danger(
    stage_ids: tuple[int, ...], segment: str, today: date, style: Style
) -> DangerWork | None:
    found = (
        DangerPoint.objects.select_related("owner")
        .filter(stage_id__in=stage_ids, segment=segment, state__in=OPEN)
        .order_by("-opened_at")
        .first()
    )
    if found is None:
        return None
    state = state_text(found.state)
    owner = (found.owner.name or found.owner.email) if found.owner else ""
    due = due_text(found.due_on, ended=False, today=today, style=style)
    if not owner:
        said = _("Nobody works on it yet")
    elif found.state == DangerPoint.State.WATCHING:
        said = _("Watched by {owner}").format(owner=owner)
    else:
        said = _("Worked on by {owner}").format(owner=owner)
    told = f"{said} · {due.text}" if due else said
    return DangerWork(found.pk, state.word, state.icon, state.tone, told)
