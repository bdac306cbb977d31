"""The Funnel page: where deals are lost, and why. Frozen rows, ready to print.

The columns show the cohort (deals opened in the quarter); verdicts, time in stage and money come
from the exits of the quarter. Definitions: docs/metrics.md, "Funnel and danger points".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.selectors import wording
from metrics.selectors.danger import loss_line, stage_steps, usual_loss
from metrics.selectors.stage_block import StageBlock, stage_block
from metrics.selectors.wording import Reading


@dataclass(frozen=True, slots=True)
class FunnelColumn:
    """One stage of the cohort, or the won deals at the end (position None)."""

    position: int | None
    name: str
    value: str
    value_is_long: bool
    count: str
    verdict: str
    tone: str  # of the tag and of the drawing
    word: str
    icon: str
    cohort_line: str
    exits_line: str
    selected: bool
    # shares of the first stage, for the drawing
    level: float
    lost: float
    pending: float
    # the same as counts, for the table
    reached: int
    lost_n: int
    pending_n: int


@dataclass(frozen=True, slots=True)
class FunnelPage:
    """Everything that the page prints."""

    lede: SafeString
    columns: tuple[FunnelColumn, ...]
    unit: str
    cohort_note: str
    stage: StageBlock | None
    notices: tuple[str, ...]
    status: str
    status_tone: str
    status_note: str
    quarter: str


def funnel_page(
    *,
    history: Sequence[SegmentFigures],
    quarters: Sequence[str],
    unit: str,
    at: int | None,
    reading: Reading,
) -> FunnelPage | None:
    """The page for the last of `quarters` (labels, oldest first). `unit` is per100, deals or
    money, `at` the position of the selected stage (None, or one that does not exist: the worst).
    None where the segment has no figures in that quarter."""
    found = {f.quarter: f for f in history}
    now = found.get(quarters[-1]) if quarters else None
    if now is None:
        return None
    style = reading.style
    positions = {s.position for s in now.stages}
    chosen = at if at in positions else (now.danger_order[0] if now.danger_order else None)
    cohort = now.stages[0].cohort_reached if now.stages else 0
    notices = []
    if unit == "per100" and 0 < cohort < wording.FEW:
        unit = "deals"
        notices.append(_("Fewer than 10 deals opened, so counts are shown instead of rates."))
    if at is not None and at not in positions:
        notices.append(_("There is no stage of that number; the worst one is shown."))
    if now.path_unknown:
        notices.append(
            ngettext(
                "{n} deal came without its path through the stages and is left out of this page.",
                "{n} deals came without their path through the stages and are left out of this"
                " page.",
                now.path_unknown,
            ).format(n=formats.number(now.path_unknown, style))
        )
    word, tone, note = wording.status_text(now, style)
    return FunnelPage(
        lede=_lede(now, style),
        columns=_columns(now, unit, chosen, style),
        unit=unit,
        cohort_note=_cohort_note(now, style),
        stage=stage_block(now, chosen, found, quarters, style) if chosen is not None else None,
        notices=tuple(notices),
        status=word,
        status_tone=tone,
        status_note=note,
        quarter=formats.quarter(now.quarter),
    )


def _lede(now: SegmentFigures, style: Style) -> SafeString:
    """The cohort in one sentence, the worst danger point in another."""
    quarter = formats.quarter(now.quarter)
    cohort = now.stages[0].cohort_reached if now.stages else 0
    if not cohort:
        said = [wording.sentence(_("No deal was opened in {quarter}."), quarter=quarter)]
    elif cohort < wording.FEW:
        template = ngettext(
            "Of {cohort} deal opened in {quarter}, {won} is won so far.",
            "Of {cohort} deals opened in {quarter}, {won} are won so far.",
            cohort,
        )
        said = [
            wording.sentence(
                template,
                cohort=formats.number(cohort, style),
                quarter=quarter,
                won=formats.number(now.cohort_won, style),
            )
        ]
    else:
        pending = sum(s.cohort_pending for s in now.stages)
        template = (
            _("Of 100 deals opened in {quarter}, {won} are won so far.")
            if pending
            else _("Of 100 deals opened in {quarter}, {won} were won.")
        )
        won = formats.number(round(100 * now.cohort_won / cohort), style)
        said = [wording.sentence(template, quarter=quarter, won=won)]
    return wording.joined([*said, *_worst(now, style)])


def _worst(now: SegmentFigures, style: Style) -> list[str]:
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
        return [
            wording.sentence(
                template,
                stage=stage.name,
                lost=formats.rate_of(stage.lost_at, exits, style),
                usual=usual_loss(stage, style),
            )
        ]
    if all(s.verdict == "too_few" for s in now.stages):
        return [_("Too few deals left the stages to say where it got worse.")]
    costly = [steps[p][0] for p in now.danger_order if steps[p][0].lost_at]
    if costly and costly[0].expected_loss:
        return [
            wording.sentence(
                _("No stage is clearly worse than usual; the costliest losses are at {stage}."),
                stage=costly[0].name,
            )
        ]
    return []


def _per_100(share: float, style: Style) -> str:
    return formats.number(round(100 * share), style) or ""


def _columns(
    now: SegmentFigures, unit: str, chosen: int | None, style: Style
) -> tuple[FunnelColumn, ...]:
    cohort = now.stages[0].cohort_reached if now.stages else 0
    base = cohort or 1
    columns = []
    for stage in now.stages:
        word, icon = wording.verdict_text(stage.verdict)
        value, count = _value(stage, unit, base, style)
        columns.append(
            FunnelColumn(
                position=stage.position,
                name=stage.name,
                value=value,
                value_is_long=len(value) > 7,
                count=count,
                verdict=stage.verdict,
                tone=stage.verdict,
                word=word,
                icon=icon,
                cohort_line=_cohort_line(stage, unit, base, style),
                exits_line=loss_line(stage, style),
                selected=stage.position == chosen,
                level=stage.cohort_reached / base,
                lost=stage.cohort_lost / base,
                pending=stage.cohort_pending / base,
                reached=stage.cohort_reached,
                lost_n=stage.cohort_lost,
                pending_n=stage.cohort_pending,
            )
        )
    columns.append(_won_column(now, unit, base, style))
    return tuple(columns)


def _value(stage: StageFigures, unit: str, base: int, style: Style) -> tuple[str, str]:
    """(big figure, what it counts) of a column."""
    n = _("n = {n}").format(n=formats.number(stage.cohort_reached, style))
    if unit == "money":
        value = formats.money(stage.value_lost, style) or _("no amounts")
        return value, _("amount lost here in the quarter")
    if unit == "deals":
        return formats.number(stage.cohort_reached, style) or "", _("reached this stage so far")
    return _per_100(stage.cohort_reached / base, style), n


def _cohort_line(stage: StageFigures, unit: str, base: int, style: Style) -> str:
    """10 lost of 100, 3 still open: of the deals that were opened in the quarter."""
    if unit == "money":
        without = ""
        if stage.value_lost_without_amount:
            without = ngettext(
                "{n} of {all} without an amount",
                "{n} of {all} without an amount",
                stage.lost_at,
            ).format(
                n=formats.number(stage.value_lost_without_amount, style),
                all=formats.number(stage.lost_at, style),
            )
        return without or wording.deals(stage.lost_at, style)
    if unit == "per100":
        lost, pending, reached = (
            _per_100(n / base, style)
            for n in (stage.cohort_lost, stage.cohort_pending, stage.cohort_reached)
        )
    else:
        lost, pending, reached = (
            formats.number(n, style) or ""
            for n in (stage.cohort_lost, stage.cohort_pending, stage.cohort_reached)
        )
    if not stage.cohort_pending:
        return _("{lost} lost of {reached}").format(lost=lost, reached=reached)
    return _("{lost} lost of {reached}, {pending} still open").format(
        lost=lost, reached=reached, pending=pending
    )


def _won_column(now: SegmentFigures, unit: str, base: int, style: Style) -> FunnelColumn:
    deals = wording.deals(now.cohort_won, style)
    if unit == "per100":
        won, reached = _per_100(now.cohort_won / base, style), "100"
    else:
        won = formats.number(now.cohort_won, style) or ""
        cohort = now.stages[0].cohort_reached if now.stages else 0
        reached = formats.number(cohort, style) or ""
    value = {
        "money": formats.money(now.revenue_won, style) or _("no amounts"),
        "deals": formats.number(now.cohort_won, style) or "",
    }.get(unit, _per_100(now.cohort_won / base, style))
    exits_line = _("{deals} won in the quarter, {money}").format(
        deals=formats.number(now.won, style),
        money=formats.money(now.revenue_won, style) or _("no amounts"),
    )
    return FunnelColumn(
        position=None,
        name=_("Won"),
        value=value,
        value_is_long=len(value) > 7,
        count={
            "money": _("revenue won in the quarter"),
            "deals": _("won so far"),
        }.get(unit, _("n = {n}").format(n=formats.number(now.cohort_won, style))),
        verdict="won",
        tone="accent",
        word=deals,
        icon="trophy",
        cohort_line=_("{won} won of {reached}").format(won=won, reached=reached),
        exits_line=exits_line,
        selected=False,
        level=now.cohort_won / base,
        lost=0.0,
        pending=0.0,
        reached=now.cohort_won,
        lost_n=0,
        pending_n=0,
    )


def _cohort_note(now: SegmentFigures, style: Style) -> str:
    pending = sum(s.cohort_pending for s in now.stages)
    cohort = now.stages[0].cohort_reached if now.stages else 0
    quarter = formats.quarter(now.quarter)
    if not pending:
        return ngettext(
            "Cohort: {n} deal opened in {quarter}; all have ended.",
            "Cohort: {n} deals opened in {quarter}; all have ended.",
            cohort,
        ).format(n=formats.number(cohort, style), quarter=quarter)
    return ngettext(
        "Cohort: {n} deal opened in {quarter}. Unfinished: {pending} still under way, so the later"
        " stages will still grow.",
        "Cohort: {n} deals opened in {quarter}. Unfinished: {pending} still under way, so the"
        " later stages will still grow.",
        cohort,
    ).format(
        n=formats.number(cohort, style),
        quarter=quarter,
        pending=formats.number(pending, style),
    )
