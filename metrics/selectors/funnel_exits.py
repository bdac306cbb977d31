"""The view of the exits: what left each stage in the quarter, whenever it was opened.

Where the cohort follows the same deals from stage to stage, each stage here has deals of its own:
those that got past it in the quarter and those that were lost at it. Definitions: docs/metrics.md,
"Funnel and danger points".
"""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.selectors import wording
from metrics.selectors.deal_links import DealLinks, Line, bold, line, plain
from metrics.selectors.funnel_columns import FunnelColumn, money_lost_line, per_100


def few_exits(now: SegmentFigures) -> bool:
    """Did fewer than ten deals leave any one stage, so that no rate can be told?"""
    return 0 < _most(now) < wording.FEW


def exit_columns(
    now: SegmentFigures, unit: str, chosen: int | None, links: DealLinks
) -> tuple[FunnelColumn, ...]:
    """A column per stage, then what was won of what closed. `unit` is per100, deals or money.

    Drawn to the height of what left: of a hundred each stage begins anew, else the stage that
    most deals left is the highest.
    """
    most = 0 if unit == "per100" else _most(now)
    stages = [_stage_column(stage, unit, most, chosen, links) for stage in now.stages]
    return (*stages, _won_column(now, unit, most, links))


def exits_sentence(now: SegmentFigures, links: DealLinks) -> Line:
    """Of 214 deals closed in Q3, 50 were won."""
    quarter = bold(plain(formats.quarter(now.quarter)))
    if not now.closed:
        return line(_("No deal closed in {quarter}."), quarter=quarter)
    template = ngettext(
        "Of {closed} deal closed in {quarter}, {won} was won.",
        "Of {closed} deals closed in {quarter}, {won} were won.",
        now.closed,
    )
    return line(
        template,
        closed=bold(links.count(now.closed, "closed")),
        quarter=quarter,
        won=bold(links.count(now.won, "won")),
    )


def exits_note(now: SegmentFigures) -> Line:
    """What the columns count."""
    return line(
        _(
            "Exits: the deals that got past a stage in {quarter} for the first time or were lost"
            " at it, whenever they were opened. A deal counts at each stage that it left."
        ),
        quarter=formats.quarter(now.quarter),
    )


def _left(stage: StageFigures) -> int:
    return stage.advanced + stage.lost_at


def _most(now: SegmentFigures) -> int:
    return max((_left(stage) for stage in now.stages), default=0)


def _stage_column(
    stage: StageFigures, unit: str, most: int, chosen: int | None, links: DealLinks
) -> FunnelColumn:
    word, icon = wording.verdict_text(stage.verdict)
    value, figure, count = _value(stage, unit, links)
    left, at, scale = _left(stage), stage.position, most or _left(stage) or 1
    interval = formats.interval(stage.exit_interval, links.style)
    return FunnelColumn(
        position=at,
        name=stage.name,
        value=value,
        value_href=links.href(figure, at),
        value_is_long=len(value) > 7,
        count=count,
        verdict=stage.verdict,
        tone=stage.verdict,
        word=word,
        icon=icon,
        cohort_line=_lost_line(stage, unit, links),
        exits_line=_cost_line(stage, links) if unit == "money" else _usual_line(stage, links),
        selected=at == chosen,
        level=left / scale,
        lost=stage.lost_at / scale,
        pending=0.0,
        reached=left,
        lost_n=stage.lost_at,
        pending_n=0,
        cells=(
            links.count(left, "exits", at),
            links.count(stage.advanced, "advanced", at),
            links.count(stage.lost_at, "lost_at", at),
            plain(interval if left >= wording.FEW else ""),
            links.number(
                formats.money(stage.value_lost, links.style) or _("no amounts"), "value_lost", at
            ),
        ),
    )


def _value(stage: StageFigures, unit: str, links: DealLinks) -> tuple[str, str, Line]:
    """(big figure, whose deals it has, what it counts) of a column."""
    style, left, at = links.style, _left(stage), stage.position
    if unit == "money":
        value = formats.money(stage.value_lost, style) or _("no amounts")
        return value, "value_lost", plain(_("amount lost here in the quarter"))
    if unit == "deals":
        value = formats.number(stage.advanced, style) or ""
        return value, "advanced", plain(_("went on in the quarter"))
    if not left:
        return "\N{EN DASH}", "exits", line(_("n = {n}"), n=links.count(0, "exits", at))
    if left < wording.FEW:
        return formats.k_of_n(stage.advanced, left, style), "advanced", plain(_("went on"))
    n = line(_("n = {n}"), n=links.count(left, "exits", at))
    return per_100(stage.advanced / left, style), "advanced", n


def _lost_line(stage: StageFigures, unit: str, links: DealLinks) -> Line:
    """20 lost of 100 that left, as so many of a hundred or as deals."""
    left, at = _left(stage), stage.position
    if unit == "money":
        return money_lost_line(stage, links)
    if not left:
        return plain(_("No deal left this stage in the quarter"))
    if unit == "per100" and left >= wording.FEW:
        lost = links.number(per_100(stage.lost_at / left, links.style), "lost_at", at)
        return line(
            _("{lost} lost of {left} that left"), lost=lost, left=links.number("100", "exits", at)
        )
    return line(
        _("{lost} lost of {left} that left"),
        lost=links.count(stage.lost_at, "lost_at", at),
        left=links.count(left, "exits", at),
    )


def _usual_line(stage: StageFigures, links: DealLinks) -> Line:
    """95% 71 to 87% went on, usual 80%; without the interval under n = 10."""
    usual_n = (stage.usual_advanced or 0) + (stage.usual_lost_at or 0)
    usual = plain("")
    if usual_n:
        told = formats.rate(stage.usual_advanced or 0, usual_n, links.style)
        usual = links.number(told, "usual_advanced", stage.position)
    if _left(stage) < wording.FEW:
        if not usual:
            return plain(_("no usual yet"))
        return line(_("usually {usual} went on"), usual=usual)
    within = formats.interval(stage.exit_interval, links.style)
    if not usual:
        return line(_("{interval} went on, no usual yet"), interval=within)
    return line(_("{interval} went on, usual {usual}"), interval=within, usual=usual)


def _cost_line(stage: StageFigures, links: DealLinks) -> Line:
    """What the losses of the quarter cost at most."""
    if stage.expected_loss is None:
        return plain(_("Expected loss not computable: too little won"))
    money = formats.money(stage.expected_loss, links.style)
    return line(_("Expected loss up to {money}"), money=money)


def _won_column(now: SegmentFigures, unit: str, most: int, links: DealLinks) -> FunnelColumn:
    style, few = links.style, now.closed < wording.FEW
    money = formats.money(now.revenue_won, style) or _("no amounts")
    won = links.count(now.won, "won")
    rate, closed = won, links.count(now.closed, "closed")
    n = line(_("n = {n}"), n=closed)
    if unit == "money":
        value, n = money, plain(_("revenue won in the quarter"))
    elif unit == "deals":
        value, n = won.text, plain(_("won in the quarter"))
    elif few:
        value = formats.k_of_n(now.won, now.closed, style) if now.closed else "\N{EN DASH}"
    else:
        value = per_100(now.won / now.closed, style)
        rate, closed = links.number(value, "won"), links.number("100", "closed")
    interval = formats.interval(now.win_rate_interval, style)
    scale = most or now.closed or 1
    return FunnelColumn(
        position=None,
        name=_("Won"),
        value=value,
        value_href=links.href("won_with_amount" if unit == "money" else "won"),
        value_is_long=len(value) > 7,
        count=n,
        verdict="won",
        tone="accent",
        word=wording.deals(now.won, style),
        icon="trophy",
        cohort_line=line(_("{won} won of {closed} that closed"), won=rate, closed=closed),
        exits_line=line(
            _("{deals} won in the quarter, {money}"),
            deals=won,
            money=links.number(money, "won_with_amount"),
        )
        if unit == "money" or few
        else line(_("{interval} of what closed was won"), interval=interval),
        selected=False,
        level=now.won / scale,
        lost=0.0,
        pending=0.0,
        reached=now.closed,
        lost_n=now.lost,
        pending_n=0,
        cells=(
            links.count(now.closed, "closed"),
            won,
            links.count(now.lost, "lost"),
            plain("" if few else interval),
            plain(""),
        ),
    )
