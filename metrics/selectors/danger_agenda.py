"""The agenda: the danger points that the team works on, ranked, and those nobody took on yet.

Ranked as docs/metrics.md says, "Funnel and danger points": by the expected loss of the newest
quarter, empty last, ties by lost deals, then by position; all segments together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.danger import danger_order
from metrics.calc.danger_states import ENDED, OPEN
from metrics.calc.segments import ALL
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.models import DangerPoint, Finding
from metrics.selectors import wording
from metrics.selectors.agenda_question import AgendaQuestion
from metrics.selectors.danger import loss_line
from metrics.selectors.danger_words import DueText, StateText, due_text, state_text
from metrics.selectors.figures import figures_by_segment
from metrics.selectors.filters import segment_text
from metrics.selectors.stage_places import (
    QuarterStages,
    all_stages,
    heir_of,
    stage_lists,
    stage_of,
)
from pipeline.models import Pipeline, Stage

# Where one looks for stages that nobody took on.
PROPOSED = (ALL, "channel=inbound", "channel=outbound")
_LAST = 1_000  # the place of a stage that has none


@dataclass(frozen=True, slots=True)
class AgendaRow:
    """One danger point, with its figures of the newest quarter."""

    id: int
    rank: int
    pipeline_name: str  # empty where the company has one
    stage: str
    segment: str  # for people; empty for all deals
    note: str  # that the stage is retired
    verdict: str
    word: str
    icon: str
    line: str
    cost: str
    owner: str
    owner_left: bool
    due: DueText | None
    state: StateText
    findings: str
    # the same as data, for the file
    segment_name: str
    quarter: str
    advanced: int | None
    lost_at: int | None
    conversion: float | None
    chance_worse: float | None
    worth: float | None
    expected_loss: float | None
    owner_id: int | None
    due_on: date | None
    findings_count: int
    opened_quarter: str


@dataclass(frozen=True, slots=True)
class Unopened:
    """A stage in danger, or to watch, that nobody took on.

    `at` is its position, `pipeline` None for the one shown first.
    """

    stage_id: int
    at: int
    pipeline: int | None
    pipeline_name: str  # empty where the company has one
    stage: str
    segment: str
    segment_name: str
    quarter: str
    verdict: str
    word: str
    icon: str
    line: str
    cost: str


@dataclass(frozen=True, slots=True)
class Agenda:
    """Everything that the page prints."""

    rows: tuple[AgendaRow, ...]
    ended: tuple[AgendaRow, ...]
    unopened: tuple[Unopened, ...]
    quarter: str  # the newest one with figures, for people; empty without any
    status: str
    status_tone: str
    total: int  # danger points of any kind, whatever was asked for
    owners: tuple[tuple[int, str], ...]  # those who own one
    segments: tuple[tuple[str, str], ...]  # those that one is about


@dataclass(frozen=True, slots=True)
class _Now:
    """The newest quarter of a pipeline."""

    stages: QuarterStages
    figures: dict[str, SegmentFigures]

    def of(self, stage: Stage, segment: str) -> StageFigures | None:
        return stage_of(self.figures.get(segment), self.stages, stage_id=stage.pk, name=stage.name)


def danger_agenda(
    *,
    company: Company,
    asked: AgendaQuestion,
    user_id: int,
    members: frozenset[int],
    today: date,
    style: Style,
) -> Agenda:
    """The agenda for a question. `user_id` is who asks, `members` who may own one."""
    points = list(DangerPoint.objects.select_related("owner").order_by("id"))
    stages = all_stages()
    newest = _newest(company, points)
    findings = _findings(stages)
    pipelines = list(Pipeline.objects.order_by("position", "id"))
    names = {p.pk: p.name for p in pipelines} if len(pipelines) > 1 else {}
    latest = max((now.stages.start for now in newest.values()), default=None)
    current = [
        newest[p.pk]
        for p in pipelines
        if p.retired_at is None and p.pk in newest and newest[p.pk].stages.start == latest
    ]
    now = current[0] if current else None
    shown = [p for p in points if _wanted(p, asked, user_id)]
    worked = _ranked([p for p in shown if p.state in OPEN], stages, newest)
    ended = sorted((p for p in shown if p.state in ENDED), key=_ended_at, reverse=True)
    rows = [
        _row(p, rank, names, stages, newest.get(p.pipeline_id), findings, members, today, style)
        for rank, p in enumerate([*worked, *ended], start=1)
    ]
    whole = now.figures.get(ALL) if now else None
    word, tone, _note = wording.status_text(whole, style) if whole else ("", "", "")
    return Agenda(
        rows=tuple(rows[: len(worked)]),
        ended=tuple(rows[len(worked) :]),
        unopened=_unopened(
            current, pipelines[0].pk if pipelines else 0, names, points, asked, stages, style
        ),
        quarter=formats.quarter(now.stages.label) if now else "",
        status=word,
        status_tone=tone,
        total=len(points),
        owners=_owners(points),
        segments=tuple(
            sorted({(p.segment, segment_text(p.segment)) for p in points}, key=lambda s: s[1])
        ),
    )


def _owners(points: Sequence[DangerPoint]) -> tuple[tuple[int, str], ...]:
    owners = [p.owner for p in points if p.owner is not None]
    named = {(int(owner.pk), str(owner.name or owner.email)) for owner in owners}
    return tuple(sorted(named, key=lambda pair: (pair[1].casefold(), pair[0])))


def _ended_at(point: DangerPoint) -> tuple[datetime, int]:
    assert point.closed_at is not None
    return point.closed_at, point.pk


def _wanted(point: DangerPoint, asked: AgendaQuestion, user_id: int) -> bool:
    return (
        (not asked.state or point.state == asked.state)
        and (asked.owner is None or point.owner_id == asked.owner)
        and (not asked.mine or point.owner_id == user_id)
        and (not asked.segment or point.segment == asked.segment)
    )


def _newest(company: Company, points: Sequence[DangerPoint]) -> dict[int, _Now]:
    """By pipeline, its newest quarter with every segment that is asked about."""
    found = {}
    for pipeline_id, quarters in stage_lists(company=company).items():
        about = {p.segment for p in points if p.pipeline_id == pipeline_id}
        figures = figures_by_segment(
            company=company, segments=sorted({*PROPOSED, *about}), pipeline_id=pipeline_id
        )
        last = quarters[-1]
        newest = {
            segment: rows[-1]
            for segment, rows in figures.items()
            if rows and rows[-1].quarter == last.label
        }
        found[pipeline_id] = _Now(last, newest)
    return found


def _figures(
    point: DangerPoint, stages: dict[int, Stage], newest: dict[int, _Now]
) -> StageFigures | None:
    now = newest.get(point.pipeline_id)
    return now.of(stages[point.stage_id], point.segment) if now else None


def _ranked(
    points: Sequence[DangerPoint], stages: dict[int, Stage], newest: dict[int, _Now]
) -> list[DangerPoint]:
    def place(point: DangerPoint) -> tuple[int, str, int]:
        figures = _figures(point, stages, newest)
        position = figures.position if figures else stages[point.stage_id].position or _LAST
        return position, point.segment, point.pk

    # The order function breaks its last tie by the place in what it gets: that is the position.
    placed = sorted(points, key=place)
    found = [_figures(p, stages, newest) for p in placed]
    order = danger_order(
        [f.expected_loss if f else None for f in found], [f.lost_at if f else 0 for f in found]
    )
    return [placed[n - 1] for n in order]


def _findings(stages: dict[int, Stage]) -> dict[int, int]:
    """How many findings there are at each stage, those of the stages it replaced included."""
    counted = (
        Finding.objects.filter(withdrawn_at=None)
        .values_list("stage_id")
        .annotate(n=Count("id"))
        .order_by()
    )
    out: dict[int, int] = {}
    for stage_id, n in counted:
        for at in {stage_id, heir_of(stage_id, stages)}:
            out[at] = out.get(at, 0) + n
    return out


def _row(
    point: DangerPoint,
    rank: int,
    names: Mapping[int, str],
    stages: dict[int, Stage],
    now: _Now | None,
    findings: dict[int, int],
    members: frozenset[int],
    today: date,
    style: Style,
) -> AgendaRow:
    stage = stages[point.stage_id]
    figures = now.of(stage, point.segment) if now else None
    word, icon = wording.verdict_text(figures.verdict if figures else "too_few")
    n = findings.get(stage.pk, 0)
    owner = point.owner
    return AgendaRow(
        id=point.pk,
        rank=rank,
        pipeline_name=names.get(point.pipeline_id, ""),
        stage=stage.name,
        segment="" if point.segment == ALL else segment_text(point.segment),
        note=_retired_note(stage, stages),
        verdict=figures.verdict if figures else "too_few",
        word=word,
        icon=icon,
        line=loss_line(figures, style) if figures else _("No deal in the newest quarter"),
        cost=cost_text(figures, style),
        owner="" if owner is None else owner.name or owner.email,
        owner_left=owner is not None and owner.pk not in members,
        due=due_text(point.due_on, ended=point.state in ENDED, today=today, style=style),
        state=state_text(point.state),
        findings=ngettext("{n} finding", "{n} findings", n).format(n=formats.number(n, style)),
        segment_name=point.segment,
        quarter=now.stages.label if now else "",
        advanced=figures.advanced if figures else None,
        lost_at=figures.lost_at if figures else None,
        conversion=figures.exit_conversion if figures else None,
        chance_worse=figures.chance_worse if figures else None,
        worth=figures.worth_of_one_more if figures else None,
        expected_loss=figures.expected_loss if figures else None,
        owner_id=point.owner_id,
        due_on=point.due_on,
        findings_count=n,
        opened_quarter=point.opened_quarter,
    )


def _retired_note(stage: Stage, stages: dict[int, Stage]) -> str:
    if stage.retired_at is None:
        return ""
    heir = stages.get(heir_of(stage.pk, stages))
    if heir is None or heir.pk == stage.pk:
        return _("Retired stage")
    return _("Retired stage, counts as {heir}").format(heir=heir.name)


def cost_text(figures: StageFigures | None, style: Style) -> str:
    """Cost up to €30,000; why not, where it cannot be computed; empty without a loss."""
    if figures is None or not figures.lost_at:
        return ""
    if figures.expected_loss is None:
        return _("Cost not computable: too little was won")
    said = _("Cost up to {money} (thin)") if figures.worth_is_thin else _("Cost up to {money}")
    return said.format(money=formats.money(figures.expected_loss, style))


def _unopened(
    current: Sequence[_Now],
    first: int,
    names: Mapping[int, str],
    points: Sequence[DangerPoint],
    asked: AgendaQuestion,
    stages: dict[int, Stage],
    style: Style,
) -> tuple[Unopened, ...]:
    """Stages in danger or to watch, for all deals and each channel, that nobody works on.

    `current` are the pipelines that have the newest quarter, in their order, `first` is the id of
    the one that is shown first.
    """
    taken = {(p.stage_id, p.segment) for p in points if p.state in OPEN}
    found: list[tuple[StageFigures, str, Stage]] = []
    for now in current:
        for segment in PROPOSED:
            if asked.segment and segment != asked.segment:
                continue
            whole = now.figures.get(segment)
            for figures in whole.stages if whole else ():
                stage = stages.get(now.stages.stage_id(figures.position) or 0)
                if stage is None or stage.retired_at or figures.verdict not in ("danger", "watch"):
                    continue
                if (stage.pk, segment) not in taken:
                    found.append((figures, segment, stage))
    found.sort(key=lambda row: row[0].position)
    order = danger_order(
        [f.expected_loss for f, _s, _t in found], [f.lost_at for f, _s, _t in found]
    )
    label = current[0].stages.label if current else ""
    rows = []
    for n in order:
        figures, segment, stage = found[n - 1]
        word, icon = wording.verdict_text(figures.verdict)
        rows.append(
            Unopened(
                stage_id=stage.pk,
                at=figures.position,
                pipeline=None if stage.pipeline_id == first else stage.pipeline_id,
                pipeline_name=names.get(stage.pipeline_id, ""),
                stage=stage.name,
                segment="" if segment == ALL else segment_text(segment),
                segment_name=segment,
                quarter=label,
                verdict=figures.verdict,
                word=word,
                icon=icon,
                line=loss_line(figures, style),
                cost=cost_text(figures, style),
            )
        )
    return tuple(rows)
