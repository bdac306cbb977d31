"""The Funnel page: where deals are lost, and why. Frozen rows, ready to print.

The columns show the cohort (deals opened in the quarter), or the exits of the quarter; verdicts,
time in stage and money come from the exits either way. Definitions: docs/metrics.md, "Funnel and
danger points".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from metrics.calc.types import SegmentFigures
from metrics.selectors import wording
from metrics.selectors.cohort_today import CohortToday
from metrics.selectors.danger import stage_steps
from metrics.selectors.deal_links import DealLinks, Line, bold, joined, line, plain
from metrics.selectors.funnel_columns import FunnelColumn, columns_of, per_100, usual_loss
from metrics.selectors.funnel_exits import exit_columns, exits_note, exits_sentence, few_exits
from metrics.selectors.side_by_side import SideBySide, side_by_side
from metrics.selectors.stage_block import StageBlock, stage_block
from metrics.selectors.wording import Reading


@dataclass(frozen=True, slots=True)
class FunnelPage:
    """Everything that the page prints."""

    lede: Line
    columns: tuple[FunnelColumn, ...]
    unit: str
    exits: bool  # the columns are those of the exits
    cohort_note: Line
    unfinished: Line | None  # how many of the cohort are still under way
    today: str  # "as of 23 Nov 2026" where the cohort is that of today, else ""
    stage: StageBlock | None
    versus: SideBySide | None
    notices: tuple[Line, ...]
    final: bool
    status: str
    status_tone: str
    status_note: str
    quarter: str
    figures: tuple[SegmentFigures, ...]  # what all of it is made of: the segment, and a second one


def funnel_page(
    *,
    history: Sequence[SegmentFigures],
    quarters: Sequence[str],
    unit: str,
    at: int | None,
    reading: Reading,
    today: CohortToday | None = None,
    versus: tuple[str, SegmentFigures | None] | None = None,
    deals_url: str = "",
    exits: bool = False,
    pipeline: int | None = None,
) -> FunnelPage | None:
    """The page for the last of `quarters` (labels, oldest first). `unit` is per100, deals or
    money, `at` the position of the selected stage (None, or one that does not exist: the worst).

    With `exits` the columns show what left the stages, in place of the cohort. `today` replaces
    the cohort by how it stands now; `versus` is a second segment's name with its figures of the
    same quarter. `pipeline` is what the links to deals say of it: None for the one shown first.
    None where the segment has no figures in that quarter.
    """
    found = {f.quarter: f for f in history}
    now = found.get(quarters[-1]) if quarters else None
    if now is None:
        return None
    style = reading.style
    if today is not None:
        now = with_cohort(now, today)
    positions = {s.position for s in now.stages}
    chosen = chosen_stage(now, at)
    cohort = now.stages[0].cohort_reached if now.stages else 0
    notices = []
    if unit == "per100" and exits and few_exits(now):
        unit = "deals"
        notices.append(
            plain(_("Fewer than 10 deals left any stage, so counts are shown instead of rates."))
        )
    elif unit == "per100" and not exits and 0 < cohort < wording.FEW:
        unit = "deals"
        notices.append(
            plain(_("Fewer than 10 deals opened, so counts are shown instead of rates."))
        )
    if at is not None and at not in positions:
        notices.append(plain(_("There is no stage of that number; the worst one is shown.")))
    links = DealLinks(
        deals_url, now.quarter, now.segment, style, unit, today is not None, exits, pipeline
    )
    if now.path_unknown:
        template = ngettext(
            "{n} deal came without its path through the stages and is left out of this page.",
            "{n} deals came without their path through the stages and are left out of this page.",
            now.path_unknown,
        )
        notices.append(line(template, n=links.count(now.path_unknown, "path_unknown")))
    word, tone, note = wording.status_text(now, style)
    found[now.quarter] = now
    return FunnelPage(
        lede=_lede(now, links),
        columns=(exit_columns if exits else columns_of)(now, unit, chosen, links),
        unit=unit,
        exits=exits,
        cohort_note=exits_note(now) if exits else _cohort_note(now, links),
        unfinished=None if exits else _unfinished(now, links),
        today=formats.day(today.as_of, style) if today else "",
        stage=stage_block(now, chosen, found, quarters, links) if chosen is not None else None,
        versus=side_by_side(now, versus[0], versus[1], links) if versus else None,
        notices=tuple(notices),
        final=now.status == "final",
        status=word,
        status_tone=tone,
        status_note=note,
        quarter=formats.quarter(now.quarter),
        figures=(now, versus[1]) if versus and versus[1] else (now,),
    )


def chosen_stage(now: SegmentFigures, at: int | None) -> int | None:
    """The position of the selected stage: the asked one, else the worst; None without stages."""
    if at in {stage.position for stage in now.stages}:
        return at
    return now.danger_order[0] if now.danger_order else None


def with_cohort(now: SegmentFigures, today: CohortToday) -> SegmentFigures:
    """The quarter's figures with its cohort as it stands today; exits stay as they were."""
    cohorts = {stage.position: stage for stage in today.stages}
    stages = tuple(
        replace(
            stage,
            cohort_reached=cohorts[stage.position].cohort_reached,
            cohort_lost=cohorts[stage.position].cohort_lost,
            cohort_pending=cohorts[stage.position].cohort_pending,
        )
        if stage.position in cohorts
        else stage
        for stage in now.stages
    )
    return replace(now, stages=stages, cohort_won=today.cohort_won)


def _lede(now: SegmentFigures, links: DealLinks) -> Line:
    """The cohort in one sentence (or the exits), the worst danger point in another."""
    if links.exits:
        return joined([exits_sentence(now, links), *_worst(now, links)])
    style, quarter = links.style, formats.quarter(now.quarter)
    cohort = now.stages[0].cohort_reached if now.stages else 0
    if not cohort:
        said = [line(_("No deal was opened in {quarter}."), quarter=bold(plain(quarter)))]
    else:
        few = cohort < wording.FEW
        if few:
            template = ngettext(
                "Of {cohort} deal opened in {quarter}, {won} is won so far.",
                "Of {cohort} deals opened in {quarter}, {won} are won so far.",
                cohort,
            )
        elif sum(s.cohort_pending for s in now.stages):
            template = _("Of 100 deals opened in {quarter}, {won} are won so far.")
        else:
            template = _("Of 100 deals opened in {quarter}, {won} were won.")
        won = (
            formats.number(now.cohort_won, style)
            if few
            else per_100(now.cohort_won / cohort, style)
        )
        said = [
            line(
                template,
                cohort=bold(links.count(cohort, "cohort_reached", 1)),
                quarter=bold(plain(quarter)),
                won=bold(links.number(won, "cohort_won")),
            )
        ]
    return joined([*said, *_worst(now, links)])


def _worst(now: SegmentFigures, links: DealLinks) -> list[Line]:
    steps = {s.position: (s, following) for s, following in stage_steps(now)}
    worse = [steps[p][0] for p in now.danger_order if steps[p][0].verdict in {"danger", "watch"}]
    if worse:
        stage = next((s for s in worse if s.verdict == "danger"), worse[0])
        exits = stage.advanced + stage.lost_at
        template = (
            _("Worse than usual: {stage}, where {lost} are lost on leaving, usually {usual}.")
            if stage.verdict == "danger"
            else _("To watch: {stage}, where {lost} are lost on leaving, usually {usual}.")
        )
        lost = links.rate_of((stage.lost_at, "lost_at"), (exits, "exits"), stage.position)
        usual = usual_loss(stage, links) or plain("")
        name = bold(plain(stage.name))
        return [line(template, stage=name, lost=bold(lost), usual=bold(usual))]
    if all(s.verdict == "too_few" for s in now.stages):
        return [plain(_("Too few deals left the stages to say where it got worse."))]
    costly = [steps[p][0] for p in now.danger_order if steps[p][0].lost_at]
    if costly and costly[0].expected_loss:
        return [
            line(
                _("No stage is clearly worse than usual; the costliest losses are at {stage}."),
                stage=bold(plain(costly[0].name)),
            )
        ]
    return []


def _cohort_note(now: SegmentFigures, links: DealLinks) -> Line:
    cohort = now.stages[0].cohort_reached if now.stages else 0
    quarter = formats.quarter(now.quarter)
    n = links.count(cohort, "cohort_reached", 1)
    template = (
        ngettext(
            "Cohort: {n} deal opened in {quarter}.",
            "Cohort: {n} deals opened in {quarter}.",
            cohort,
        )
        if _pending(now)
        else ngettext(
            "Cohort: {n} deal opened in {quarter}; all have ended.",
            "Cohort: {n} deals opened in {quarter}; all have ended.",
            cohort,
        )
    )
    return line(template, n=n, quarter=quarter)


def _unfinished(now: SegmentFigures, links: DealLinks) -> Line | None:
    """The mark of a cohort that is still under way, with its number; None where all ended."""
    pending = _pending(now)
    if not pending:
        return None
    template = ngettext(
        "Unfinished: {n} still under way, so the later stages will still grow",
        "Unfinished: {n} still under way, so the later stages will still grow",
        pending,
    )
    return line(template, n=links.count(pending, "cohort_open"))


def _pending(now: SegmentFigures) -> int:
    return sum(stage.cohort_pending for stage in now.stages)
