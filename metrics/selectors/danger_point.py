"""The page of one danger point: its figures quarter by quarter, what changed since, its log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.danger_states import ENDED, State, moves
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.models import DangerPoint
from metrics.selectors import wording
from metrics.selectors.danger_agenda import cost_text
from metrics.selectors.danger_log import Learned, LogRow, learned_at, log_of, person
from metrics.selectors.danger_words import (
    DueText,
    StateText,
    due_text,
    possible_owners,
    state_text,
)
from metrics.selectors.figures import default_pipeline, figures_of, quarters_of
from metrics.selectors.filters import Question, segment_text
from metrics.selectors.marks import Flag, MarkLine, flags, mark_lines, marks_of
from metrics.selectors.stage_places import (
    QuarterStages,
    all_stages,
    heir_of,
    stage_lists,
    stage_of,
)
from pipeline.models import Stage


@dataclass(frozen=True, slots=True)
class QuarterRow:
    """The stage in one quarter. Numbers are those of the snapshot, None where there are none."""

    label: str
    text: str
    short: str
    status: str
    running: bool
    opened: bool  # the quarter that it was opened in
    exits: str
    lost: str
    conversion_text: str
    interval_text: str
    verdict: str
    word: str
    icon: str
    chance: str
    worth: str
    loss: str
    days: str
    advanced: int | None
    lost_at: int | None
    conversion: float | None  # for drawing: None under 10 exits
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Move:
    """A state that may follow, and the button for it."""

    value: str
    button: str
    icon: str
    needs_reason: bool


@dataclass(frozen=True, slots=True)
class DangerPointPage:
    """Everything that the page prints."""

    id: int
    version: int
    title: str  # the stage and the next
    stage: str
    stage_ids: tuple[int, ...]  # the stage, and the one it counts as
    segment: str
    segment_name: str
    lede: str
    since: str
    retired: str
    verdict: str
    word: str
    icon: str
    state: StateText
    ended: bool
    moves: tuple[Move, ...]
    owner: str
    owner_id: int | None
    owner_note: str
    owners: tuple[tuple[int, str], ...]
    due: DueText | None
    opened: str
    quarters: tuple[QuarterRow, ...]  # oldest first
    opened_index: int | None  # of the quarter that it was opened in
    flags: tuple[Flag, ...]  # what happened meanwhile, by the place of its quarter
    marks: tuple[MarkLine, ...]  # the same with its days, newest first
    log: tuple[LogRow, ...]  # newest first
    findings: tuple[Learned, ...]  # the newest at this stage
    findings_more: int
    funnel_query: str  # of the funnel page; empty where it does not show this stage


def danger_point_page(
    *, company: Company, danger_point_id: int, today: date, style: Style
) -> DangerPointPage | None:
    """One danger point; None where there is none of that id."""
    point: DangerPoint | None = (
        DangerPoint.objects.select_related("owner", "opened_by", "stage")
        .filter(pk=danger_point_id)
        .first()
    )
    if point is None:
        return None
    stage, stages = point.stage, all_stages()
    lists = stage_lists(company=company).get(point.pipeline_id, ())
    figures = {
        f.quarter: f
        for f in figures_of(company=company, segment=point.segment, pipeline_id=point.pipeline_id)
    }
    rows = tuple(_quarter(q, figures.get(q.label), point, style) for q in lists)
    newest = lists[-1] if lists else None
    now = _stage(newest, figures, stage) if newest else None
    word, icon = wording.verdict_text(now.verdict if now else "too_few")
    owners = possible_owners()
    heir = stages.get(heir_of(stage.pk, stages))
    stage_ids = tuple(dict.fromkeys((stage.pk, heir.pk if heir else stage.pk)))
    known = {q.label: q for q in quarters_of(company=company, pipeline_id=point.pipeline_id)}
    days = [known[q.label] for q in lists if q.label in known]
    happened = marks_of(
        company=company,
        pipeline_id=point.pipeline_id,
        segment=point.segment,
        stage_id=stage_ids[-1],
        retired=stage_ids,
    )
    findings, more = learned_at(stage_ids=stage_ids, today=today, style=style)
    return DangerPointPage(
        id=point.pk,
        version=point.version,
        title=_title(stage, newest),
        stage=stage.name,
        stage_ids=stage_ids,
        segment=segment_text(point.segment),
        segment_name=point.segment,
        lede=_lede(now, newest, style),
        since=_since(point, lists, figures, style),
        retired=_retired(stage, heir),
        verdict=now.verdict if now else "too_few",
        word=word,
        icon=icon,
        state=state_text(point.state),
        ended=point.state in ENDED,
        moves=_moves(point.state),  # type: ignore[arg-type]
        owner=person(point.owner),
        owner_id=point.owner_id,
        owner_note=_owner_note(point, owners),
        owners=owners,
        due=due_text(point.due_on, ended=point.state in ENDED, today=today, style=style),
        opened=_opened(point, company, style),
        quarters=rows,
        opened_index=next((i for i, r in enumerate(rows) if r.opened), None),
        flags=flags(happened, days, style) if len(days) == len(lists) else (),
        marks=mark_lines(happened, days, style),
        log=log_of(point, company=company, today=today, style=style),
        findings=findings,
        findings_more=more,
        funnel_query=_funnel(point, stage, company, lists, figures),
    )


def _stage(
    quarter: QuarterStages, figures: dict[str, SegmentFigures], stage: Stage
) -> StageFigures | None:
    found = figures.get(quarter.label)
    return stage_of(found, quarter, stage_id=stage.pk, name=stage.name)


def _title(stage: Stage, newest: QuarterStages | None) -> str:
    place = newest.position(stage.pk, stage.name) if newest else None
    if newest is None or place is None:
        return str(stage.name)
    following = newest.names[place] if place < len(newest.names) else _("Won")
    return f"{stage.name} \N{RIGHTWARDS ARROW} {following}"


def _quarter(
    quarter: QuarterStages, whole: SegmentFigures | None, point: DangerPoint, style: Style
) -> QuarterRow:
    stage = stage_of(whole, quarter, stage_id=point.stage_id, name=point.stage.name)
    exits = stage.advanced + stage.lost_at if stage else 0
    enough = stage is not None and exits >= wording.FEW
    drawn = stage.exit_interval if stage is not None and enough else None
    word, icon = wording.verdict_text(stage.verdict) if stage else ("", "")
    return QuarterRow(
        label=quarter.label,
        text=formats.quarter(quarter.label),
        short=formats.quarter_short(quarter.label),
        status=wording.status_text(whole, style)[0] if whole else "",
        running=whole is not None and whole.status != "final",
        opened=quarter.label == point.opened_quarter,
        exits=(formats.number(exits, style) or "") if stage else _missing(quarter, point),
        lost=(formats.number(stage.lost_at, style) or "") if stage else "",
        conversion_text=formats.rate(stage.advanced, exits, style) if stage and exits else "",
        interval_text=formats.interval(drawn, style) or "",
        verdict=stage.verdict if stage else "",
        word=word,
        icon=icon,
        chance=formats.chance(stage.chance_worse, style) or "" if stage else "",
        worth=formats.money(stage.worth_of_one_more, style) or "" if stage else "",
        loss=formats.money(stage.expected_loss, style) or "" if stage else "",
        days=formats.days(stage.days_median, style) or "" if stage else "",
        advanced=stage.advanced if stage else None,
        lost_at=stage.lost_at if stage else None,
        conversion=stage.exit_conversion if stage and enough else None,
        low=drawn[0] if drawn else None,
        high=drawn[1] if drawn else None,
    )


def _missing(quarter: QuarterStages, point: DangerPoint) -> str:
    if quarter.position(point.stage_id, point.stage.name) is None:
        return _("not a stage then")
    return _("no deals")


def _lede(now: StageFigures | None, newest: QuarterStages | None, style: Style) -> str:
    if newest is None:
        return _("There are no figures yet. They appear with the first deals.")
    quarter = formats.quarter(newest.label)
    exits = now.advanced + now.lost_at if now else 0
    if now is None or not exits:
        return _("No deal left this stage in {quarter}.").format(quarter=quarter)
    said = ngettext(
        "{n} deal left this stage in {quarter}; {lost} lost.",
        "{n} deals left this stage in {quarter}; {lost} lost.",
        exits,
    ).format(
        n=formats.number(exits, style),
        quarter=quarter,
        lost=formats.rate(now.lost_at, exits, style),
    )
    cost = cost_text(now, style)
    return f"{said} {cost}." if cost else said


def _since(
    point: DangerPoint,
    lists: Sequence[QuarterStages],
    figures: dict[str, SegmentFigures],
    style: Style,
) -> str:
    """What became of it since it was opened, in one sentence."""
    then_q = next((q for q in lists if q.label == point.opened_quarter), None)
    if then_q is None or not lists:
        return _("There are no figures of the quarter that it was opened in.")
    now_q = lists[-1]
    if now_q.label == then_q.label:
        return _("Opened in the newest quarter, so there is nothing to compare with yet.")
    pair = [_stage(q, figures, point.stage) for q in (then_q, now_q)]
    exits = [s.advanced + s.lost_at if s else 0 for s in pair]
    then, now = pair
    if then is None or now is None or not all(exits):
        return _("No deal left this stage in one of the two quarters: nothing to compare.")
    said = _("Lost on leaving: {then} when opened ({a}), {now} now ({b}).").format(
        then=formats.rate(then.lost_at, exits[0], style),
        a=formats.quarter(then_q.label),
        now=formats.rate(now.lost_at, exits[1], style),
        b=formats.quarter(now_q.label),
    )
    if min(exits) < wording.FEW:
        said += " " + _("Too few deals to tell.")
    elif min(exits) < wording.THIN:
        said += " " + _("Thin: under 20 deals left the stage.")
    return said


def _retired(stage: Stage, heir: Stage | None) -> str:
    if stage.retired_at is None:
        return ""
    if heir is None or heir.pk == stage.pk:
        return _("This stage is retired: no deal enters it any more.")
    return _("This stage is retired: its deals count as {heir} now.").format(heir=heir.name)


def _moves(state: State) -> tuple[Move, ...]:
    buttons = {
        "watching": (_("Only watch it"), "eye"),
        "working": (_("Start working on it"), "activity"),
        "resolved": (_("Mark as resolved"), "check"),
        "dismissed": (_("Dismiss"), "ban"),
    }
    if state in ENDED:
        buttons["working"] = (_("Reopen and work on it"), "undo-2")
        buttons["watching"] = (_("Reopen and watch it"), "eye")
    return tuple(
        Move(to, buttons[to][0], buttons[to][1], needs_reason=to == "dismissed")
        for to in moves(state)
    )


def _owner_note(point: DangerPoint, owners: Sequence[tuple[int, str]]) -> str:
    if point.owner_id is None or point.owner_id in {user_id for user_id, _name in owners}:
        return ""
    return _("No longer someone who may write here")


def _opened(point: DangerPoint, company: Company, style: Style) -> str:
    day = formats.day(company.local_day(point.opened_at), style)
    quarter = formats.quarter(point.opened_quarter)
    who = person(point.opened_by)
    if not who:
        return _("Opened on {day}, seen in {quarter}").format(day=day, quarter=quarter)
    return _("Opened by {who} on {day}, seen in {quarter}").format(
        who=who, day=day, quarter=quarter
    )


def _funnel(
    point: DangerPoint,
    stage: Stage,
    company: Company,
    lists: Sequence[QuarterStages],
    figures: dict[str, SegmentFigures],
) -> str:
    """The newest quarter of the funnel that shows this stage."""
    first = default_pipeline(company=company)
    for quarter in reversed(lists):
        place = quarter.position(stage.pk, stage.name)
        if place is not None and quarter.label in figures:
            asked = Question(
                quarter=quarter.label,
                pipeline=None if point.pipeline_id == first else point.pipeline_id,
                segment=point.segment,
                at=place,
            )
            return asked.query()
    return ""
