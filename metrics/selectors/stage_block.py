"""One stage in full: its exits against the usual, its time, its money, its reasons, its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.selectors import wording
from metrics.selectors.danger import stage_steps
from metrics.selectors.deal_links import DealLinks, Line, joined, line, plain

TREND_QUARTERS = 8
USUAL_QUARTERS = 4
CLEAR = 0.05  # an adjusted p under this is called a clear change (docs/metrics.md#change)

Past = Sequence[tuple[str, StageFigures]]  # (quarter, the stage in it), oldest first


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """Deals and money lost at the stage for one reason (first level), beside the usual.

    `share` and `usual_share` are of all that were lost at the stage, None under 10 of them.
    """

    name: str
    deals: int
    deals_line: Line
    text: str  # beside the bar: the share, or the deals where there are few
    amount: float | None
    amount_line: Line
    share: float | None
    usual_deals: int
    usual_share: float | None
    usual_line: Line  # empty where the two are not compared


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
    figure: Line


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One figure of the stage beside its usual; `usual` None where it has none to stand beside."""

    term: str
    anchor: str
    figure: Line
    note: Line
    usual: Line | None = None
    usual_note: str = ""


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
    median: str  # "Median 34 days at this stage.", empty without one
    rows: tuple[FigureRow, ...]
    conversion: float | None
    interval: tuple[float, float] | None
    usual: float | None
    conversion_line: Line
    interval_text: str
    usual_text: str
    usual_line: Line  # the rate alone
    reasons: tuple[ReasonRow, ...]
    reasons_note: Line
    reasons_deals: Line  # "Competitor 12, Not recorded 8", each leading to its deals
    reasons_empty: str
    history: tuple[ConversionRow, ...]


def stage_block(
    now: SegmentFigures,
    chosen: int,
    found: Mapping[str, SegmentFigures],
    quarters: Sequence[str],
    links: DealLinks,
) -> StageBlock:
    """Everything about one stage of the last of `quarters`, from the segment's figures."""
    style = links.style
    stage, following = next((s, f) for s, f in stage_steps(now) if s.position == chosen)
    word, icon = wording.verdict_text(stage.verdict)
    exits = stage.advanced + stage.lost_at
    usual_n = (stage.usual_advanced or 0) + (stage.usual_lost_at or 0)
    enough = exits >= wording.FEW
    past = _usual_quarters(stage, found, quarters)
    reasons = _reasons(stage, past, links)
    usual_rate = formats.rate(stage.usual_advanced or 0, usual_n, style)
    lost = links.number(wording.deals(stage.lost_at, style), "lost_at", chosen)
    return StageBlock(
        position=chosen,
        name=stage.name,
        title=f"{stage.name} \N{RIGHTWARDS ARROW} {following}",
        tone=stage.verdict,
        word=word,
        icon=icon,
        lede=_verdict_sentence(stage, style),
        median=_("Median {days} at this stage.").format(days=formats.days(stage.days_median, style))
        if stage.days_median is not None
        else "",
        rows=_rows(stage, following, past, links),
        conversion=stage.exit_conversion if enough else None,
        interval=stage.exit_interval if enough else None,
        usual=(stage.usual_advanced or 0) / usual_n if usual_n >= wording.FEW else None,
        conversion_line=links.number(formats.rate(stage.advanced, exits, style), "advanced", chosen)
        if exits
        else plain(""),
        interval_text=formats.interval(stage.exit_interval, style) or "",
        usual_text=_("usual {rate}").format(rate=usual_rate) if usual_n >= wording.FEW else "",
        usual_line=links.number(usual_rate, "usual_advanced", chosen)
        if usual_n >= wording.FEW
        else plain(""),
        reasons=reasons,
        reasons_note=line(
            _("{n} lost at this stage in {quarter}"), n=lost, quarter=formats.quarter(now.quarter)
        ),
        reasons_deals=_reasons_deals(stage, links),
        reasons_empty="" if reasons else _("No deal was lost at this stage in the quarter."),
        history=_history(chosen, stage.name, found, quarters, links),
    )


def _usual_quarters(
    stage: StageFigures, found: Mapping[str, SegmentFigures], quarters: Sequence[str]
) -> Past:
    """The stage in the four quarters before, without the incomplete first one."""
    if stage.usual_advanced is None:
        return ()
    before = [found[q] for q in quarters[-1 - USUAL_QUARTERS : -1] if q in found]
    seen = [(f.quarter, same_stage(f, stage.name, stage.position)) for f in before if not f.first]
    return tuple((quarter, one) for quarter, one in seen if one is not None)


def same_stage(figures: SegmentFigures | None, name: str, position: int) -> StageFigures | None:
    """A stage in another quarter. A quarter keeps its own list of stages, so it is found by its
    name first, else by its position."""
    stages = figures.stages if figures else ()
    return next((s for s in stages if s.name == name), None) or next(
        (s for s in stages if s.position == position), None
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


def _rows(
    stage: StageFigures, following: str, past: Past, links: DealLinks
) -> tuple[FigureRow, ...]:
    style, at = links.style, stage.position
    none = plain("")
    return (
        _conversion_row(stage, following, links),
        FigureRow(_("Change"), "change", plain(_change(stage)), plain(_change_note(stage, style))),
        _time_row(stage, past, links),
        FigureRow(
            _("Of those who came in"),
            "kaplan-meier",
            links.number(
                _("half have left after {days}").format(
                    days=formats.days(stage.days_median_km, style)
                )
                if stage.days_median_km is not None
                else _("not yet half have left"),
                "entered",
                at,
            ),
            plain(_("counts those still inside")),
        ),
        FigureRow(
            _("Amount lost here"),
            "value-lost",
            links.number(
                formats.money(stage.value_lost, style) or _("no amounts"), "value_lost", at
            ),
            links.number(wording.deals(stage.lost_at, style), "lost_at", at),
        ),
        FigureRow(
            _("Worth of one more"),
            "worth-of-one-more",
            plain(
                formats.money(stage.worth_of_one_more, style) or _("not computable: too little won")
            ),
            plain(_("thin: under 5 won deals")) if stage.worth_is_thin else none,
        ),
        FigureRow(
            _("Expected loss"),
            "expected-loss",
            plain(
                _("up to {money}").format(money=formats.money(stage.expected_loss, style))
                if stage.expected_loss is not None
                else _("not computable: too little won")
            ),
            plain(_("what the losses of the quarter cost at most"))
            if stage.expected_loss is not None
            else none,
        ),
    )


def _conversion_row(stage: StageFigures, following: str, links: DealLinks) -> FigureRow:
    exits, at = stage.advanced + stage.lost_at, stage.position
    usual_n = (stage.usual_advanced or 0) + (stage.usual_lost_at or 0)
    return FigureRow(
        _("Went on to {stage}").format(stage=following),
        "exit-conversion",
        links.rate_of((stage.advanced, "advanced"), (exits, "exits"), at)
        if exits
        else plain(_("no deal left this stage")),
        plain(formats.interval(stage.exit_interval, links.style) if exits >= wording.FEW else ""),
        links.rate_of((stage.usual_advanced or 0, "usual_advanced"), (usual_n, "usual_exits"), at)
        if usual_n
        else plain(_("nothing to compare with yet")),
        _("the four quarters before") if usual_n else "",
    )


def _time_row(stage: StageFigures, past: Past, links: DealLinks) -> FigureRow:
    """The median of the quarter beside the middle one of the four quarters' medians."""
    style = links.style
    medians = [(q, s.days_median) for q, s in past if s.days_median is not None]
    usual, which = plain(_("nothing to compare with yet")), ""
    if medians:
        usual = plain(formats.days(median(days for _q, days in medians), style))
        which = _("the middle of the medians of {quarters}").format(
            quarters=", ".join(
                f"{formats.quarter_short(q)} ({formats.number(days, style)})" for q, days in medians
            )
        )
    if stage.days_median is None:
        shown, note = plain(_("no deal left this stage")), plain("")
    else:
        shown = plain(_("median {days}").format(days=formats.days(stage.days_median, style)))
        note = line(
            _("nine in ten within {days}, n = {n}"),
            days=formats.days(stage.days_p90, style),
            n=links.count(stage.days_count, "days", stage.position),
        )
    return FigureRow(_("Time in stage"), "time-in-stage", shown, note, usual, which)


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


def reason_text(level: str) -> str:
    """The first level of a lost reason for people."""
    names = {
        "competitor": _("Competitor"),
        "no_decision": _("No decision"),
        "no decision": _("No decision"),
        "other": _("Other"),
        "unknown": _("Not recorded"),
    }
    return names.get(level, level)


def by_frequency(stage: StageFigures) -> list[tuple[str, int, float | None]]:
    """(first level, deals, amount) of the losses, the most frequent first."""
    rows = [
        (k, deals, amount) for k, (deals, amount) in stage.value_lost_by_reason.items() if deals
    ]
    return sorted(rows, key=lambda row: (-row[1], reason_text(row[0])))


def _reasons_deals(stage: StageFigures, links: DealLinks) -> Line:
    return joined(
        (
            line(
                "{reason} {n}",
                reason=reason_text(level),
                n=links.count(deals, "lost_at", stage.position, level.replace("_", " ")),
            )
            for level, deals, _amount in by_frequency(stage)
        ),
        ", ",
    )


def _reasons(stage: StageFigures, past: Past, links: DealLinks) -> tuple[ReasonRow, ...]:
    style, at = links.style, stage.position
    before = sum(one.lost_at for _q, one in past)
    enough = stage.lost_at >= wording.FEW
    rows = []
    for level, deals, amount in by_frequency(stage):
        usual = sum(one.value_lost_by_reason.get(level, (0, None))[0] for _q, one in past)
        compared = enough and before >= wording.FEW
        named = level.replace("_", " ")
        rows.append(
            ReasonRow(
                name=reason_text(level),
                deals=deals,
                deals_line=links.count(deals, "lost_at", at, named),
                text=formats.rate(deals, stage.lost_at, style)
                if enough
                else formats.number(deals, style) or "",
                amount=amount,
                amount_line=links.number(
                    formats.money(amount, style) or _("no amounts"), "value_lost", at, named
                ),
                share=deals / stage.lost_at if enough else None,
                usual_deals=usual,
                usual_share=usual / before if compared else None,
                usual_line=links.number(
                    formats.rate(usual, before, style), "usual_lost_at", at, named
                )
                if compared
                else plain(""),
            )
        )
    return tuple(rows)


def _history(
    position: int,
    name: str,
    found: Mapping[str, SegmentFigures],
    quarters: Sequence[str],
    links: DealLinks,
) -> tuple[ConversionRow, ...]:
    """The stage's conversion in the last quarters, each leading to its deals of that quarter."""
    rows, style = [], links.style
    for label in quarters[-TREND_QUARTERS:]:
        figures = found.get(label)
        stage = same_stage(figures, name, position)
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
                figure=replace(links, quarter=label).rate_of(
                    (advanced, "advanced"), (advanced + lost, "exits"), stage.position
                )
                if stage is not None and advanced + lost
                else plain(_("no exits")),
            )
        )
    return tuple(rows)
