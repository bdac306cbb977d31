"""One stage in full: its exits against the usual, its time, its money, its reasons, its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.selectors import wording
from metrics.selectors.danger import stage_steps
from metrics.selectors.wording import Fact

TREND_QUARTERS = 8
CLEAR = 0.05  # an adjusted p under this is called a clear change (docs/metrics.md#change)


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


def stage_block(
    now: SegmentFigures,
    chosen: int,
    found: Mapping[str, SegmentFigures],
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
    found: Mapping[str, SegmentFigures],
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
