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
from metrics.selectors.wording import Fact, Reading

TREND_QUARTERS = 8
CLEAR = 0.05  # an adjusted p under this is called a clear change (docs/metrics.md#change)


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
class ReasonRow:
    """Deals and money lost at the stage for one reason (first level)."""

    name: str
    deals: int
    deals_text: str
    amount: float | None
    amount_text: str


@dataclass(frozen=True, slots=True)
class ConversionRow:
    """The stage's exit conversion in one quarter; shares in [0, 1]."""

    quarter: str
    label: str
    text: str
    status: str
    running: bool
    advanced: int
    lost: int
    conversion: float | None
    low: float | None
    high: float | None
    figure: str


@dataclass(frozen=True, slots=True)
class StageBlock:
    """The selected stage."""

    position: int
    name: str
    title: str
    tone: str
    word: str
    icon: str
    lede: str
    facts: tuple[Fact, ...]
    conversion: float | None
    interval: tuple[float, float] | None
    usual: float | None
    conversion_text: str
    interval_text: str
    usual_text: str
    reasons: tuple[ReasonRow, ...]
    reasons_note: str
    reasons_empty: str
    history: tuple[ConversionRow, ...]


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
        stage=_stage(now, chosen, found, quarters, style) if chosen is not None else None,
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


def _stage(
    now: SegmentFigures,
    chosen: int,
    found: dict[str, SegmentFigures],
    quarters: Sequence[str],
    style: Style,
) -> StageBlock:
    stage, following = next((s, f) for s, f in stage_steps(now) if s.position == chosen)
    word, icon = wording.verdict_text(stage.verdict)
    exits = stage.advanced + stage.lost_at
    usual_n = (stage.usual_advanced or 0) + (stage.usual_lost_at or 0)
    enough = exits >= wording.FEW
    reasons = _reasons(stage, style)
    return StageBlock(
        position=chosen,
        name=stage.name,
        title=f"{stage.name} \N{RIGHTWARDS ARROW} {following}",
        tone=stage.verdict,
        word=word,
        icon=icon,
        lede=_verdict_sentence(stage, style),
        facts=_stage_facts(stage, following, style),
        conversion=stage.exit_conversion if enough else None,
        interval=stage.exit_interval if enough else None,
        usual=(stage.usual_advanced or 0) / usual_n if usual_n >= wording.FEW else None,
        conversion_text=formats.rate(stage.advanced, exits, style) if exits else "",
        interval_text=formats.interval(stage.exit_interval, style) or "",
        usual_text=_("usual {rate}").format(
            rate=formats.rate(stage.usual_advanced or 0, usual_n, style)
        )
        if usual_n >= wording.FEW
        else "",
        reasons=reasons,
        reasons_note=_("{n} lost at this stage in {quarter}").format(
            n=wording.deals(stage.lost_at, style), quarter=formats.quarter(now.quarter)
        ),
        reasons_empty="" if reasons else _("No deal was lost at this stage in the quarter."),
        history=_history(chosen, stage.name, found, quarters, style),
    )


def _verdict_sentence(stage: StageFigures, style: Style) -> str:
    """The verdict with its chance; "too few" with what is missing."""
    exits = stage.advanced + stage.lost_at
    if stage.verdict == "too_few":
        usual_n = (stage.usual_advanced or 0) + (stage.usual_lost_at or 0)
        return _(
            "Too few deals to tell: {now} left this stage in the quarter and {usual} in the"
            " quarters before; a verdict needs 10 of each."
        ).format(now=formats.number(exits, style), usual=formats.number(usual_n, style))
    said = _("The chance that the loss is above usual is {chance}.").format(
        chance=formats.chance(stage.chance_worse, style)
    )
    if exits < wording.THIN:
        said += " " + _("Thin: under 20 deals left this stage.")
    return said


def _stage_facts(stage: StageFigures, following: str, style: Style) -> tuple[Fact, ...]:
    exits = stage.advanced + stage.lost_at
    usual_n = (stage.usual_advanced or 0) + (stage.usual_lost_at or 0)
    none = _("no deal left this stage")
    conversion = formats.rate_of(stage.advanced, exits, style) if exits else none
    facts = [
        Fact(
            _("Went on to {stage}").format(stage=following),
            "exit-conversion",
            conversion,
            formats.interval(stage.exit_interval, style) or "" if exits >= wording.FEW else "",
        ),
        Fact(
            _("Usually"),
            "usual",
            formats.rate_of(stage.usual_advanced or 0, usual_n, style)
            if usual_n
            else _("nothing to compare with yet"),
            _("the four quarters before") if usual_n else "",
        ),
        Fact(_("Change"), "change", _change(stage), _change_note(stage, style)),
        Fact(
            _("Time in stage"),
            "time-in-stage",
            _("median {days}").format(days=formats.days(stage.days_median, style))
            if stage.days_median is not None
            else none,
            _("nine in ten within {days}").format(days=formats.days(stage.days_p90, style))
            if stage.days_p90 is not None
            else "",
        ),
        Fact(
            _("Of those who came in"),
            "kaplan-meier",
            _("half have left after {days}").format(days=formats.days(stage.days_median_km, style))
            if stage.days_median_km is not None
            else _("not yet half have left"),
            _("counts those still inside"),
        ),
        Fact(
            _("Amount lost here"),
            "value-lost",
            formats.money(stage.value_lost, style) or _("no amounts"),
            wording.deals(stage.lost_at, style),
        ),
        Fact(
            _("Worth of one more"),
            "worth-of-one-more",
            formats.money(stage.worth_of_one_more, style) or _("not computable: too little won"),
            _("thin: under 5 won deals") if stage.worth_is_thin else "",
        ),
        Fact(
            _("Expected loss"),
            "expected-loss",
            _("up to {money}").format(money=formats.money(stage.expected_loss, style))
            if stage.expected_loss is not None
            else _("not computable: too little won"),
            _("what the losses of the quarter cost at most")
            if stage.expected_loss is not None
            else "",
        ),
    ]
    return tuple(facts)


def _change(stage: StageFigures) -> str:
    if stage.change_p_adjusted is None:
        return _("not computable")
    if stage.change_p_adjusted < CLEAR:
        return _("a clear change")
    return _("no clear change")


def _change_note(stage: StageFigures, style: Style) -> str:
    if stage.change_p_adjusted is None:
        return _("no exits on one side")
    return _("{p}, adjusted for looking at every stage").format(
        p=formats.p_value(stage.change_p_adjusted, style)
    )


def _reasons(stage: StageFigures, style: Style) -> tuple[ReasonRow, ...]:
    names = {
        "competitor": _("Competitor"),
        "no_decision": _("No decision"),
        "no decision": _("No decision"),
        "other": _("Other"),
        "unknown": _("Not recorded"),
    }
    rows = [
        ReasonRow(
            name=names.get(reason, reason),
            deals=deals,
            deals_text=formats.number(deals, style) or "",
            amount=amount,
            amount_text=formats.money(amount, style) or _("no amounts"),
        )
        for reason, (deals, amount) in stage.value_lost_by_reason.items()
        if deals
    ]
    return tuple(sorted(rows, key=lambda r: (-r.deals, r.name)))


def _history(
    position: int,
    name: str,
    found: dict[str, SegmentFigures],
    quarters: Sequence[str],
    style: Style,
) -> tuple[ConversionRow, ...]:
    """The stage's conversion in the last quarters. A quarter keeps its own list of stages, so
    the stage is found by its name first, else by its position."""
    rows = []
    for label in quarters[-TREND_QUARTERS:]:
        figures = found.get(label)
        stages = figures.stages if figures else ()
        stage = next((s for s in stages if s.name == name), None) or next(
            (s for s in stages if s.position == position), None
        )
        advanced, lost = (stage.advanced, stage.lost_at) if stage else (0, 0)
        enough = advanced + lost >= wording.FEW and stage is not None
        interval = stage.exit_interval if enough and stage else None
        rows.append(
            ConversionRow(
                quarter=label,
                label=formats.quarter_short(label),
                text=formats.quarter(label),
                status=wording.status_text(figures, style)[0] if figures else _("no deals"),
                running=figures is not None and figures.status != "final",
                advanced=advanced,
                lost=lost,
                conversion=stage.exit_conversion if enough and stage else None,
                low=interval[0] if interval else None,
                high=interval[1] if interval else None,
                figure=formats.rate_of(advanced, advanced + lost, style)
                if advanced + lost
                else _("no exits"),
            )
        )
    return tuple(rows)
