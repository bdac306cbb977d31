"""The columns of the funnel: each stage of the cohort, and what was won at its end.

Those of the exits are made in `funnel_exits`.
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.selectors import wording
from metrics.selectors.deal_links import DealLinks, Line, line, plain


@dataclass(frozen=True, slots=True)
class FunnelColumn:
    """One stage, or the won deals at the end (position None).

    Of the cohort: `reached`, `lost_n` and `pending_n` of it. Of the exits: what left the stage,
    and what was lost at it; nothing is pending, and `cohort_line` says what was lost of it.
    """

    position: int | None
    name: str
    value: str
    value_href: str  # its deals
    value_is_long: bool
    count: Line
    verdict: str
    tone: str  # of the tag and of the drawing
    word: str
    icon: str
    cohort_line: Line
    exits_line: Line
    selected: bool
    # shares of the first stage (of what left, for exits), for the drawing
    level: float
    lost: float
    pending: float
    # the same as counts, for the table
    reached: int
    lost_n: int
    pending_n: int
    cells: tuple[Line, ...]  # of the table, between the name and the verdict


def columns_of(
    now: SegmentFigures, unit: str, chosen: int | None, links: DealLinks
) -> tuple[FunnelColumn, ...]:
    """A column per stage, then the won one. `unit` is per100, deals or money."""
    base = (now.stages[0].cohort_reached if now.stages else 0) or 1
    columns = []
    for stage in now.stages:
        word, icon = wording.verdict_text(stage.verdict)
        value, href, count = _value(stage, unit, base, links)
        columns.append(
            FunnelColumn(
                position=stage.position,
                name=stage.name,
                value=value,
                value_href=href,
                value_is_long=len(value) > 7,
                count=count,
                verdict=stage.verdict,
                tone=stage.verdict,
                word=word,
                icon=icon,
                cohort_line=_cohort_line(stage, unit, base, links),
                exits_line=exits_line(stage, links),
                selected=stage.position == chosen,
                level=stage.cohort_reached / base,
                lost=stage.cohort_lost / base,
                pending=stage.cohort_pending / base,
                reached=stage.cohort_reached,
                lost_n=stage.cohort_lost,
                pending_n=stage.cohort_pending,
                cells=(
                    links.count(stage.cohort_reached, "cohort_reached", stage.position),
                    links.count(stage.cohort_lost, "cohort_lost", stage.position),
                    links.count(stage.cohort_pending, "cohort_pending", stage.position),
                ),
            )
        )
    columns.append(_won_column(now, unit, base, links))
    return tuple(columns)


def per_100(share: float, style: Style) -> str:
    """A share of the cohort as so many of a hundred deals."""
    return formats.number(round(100 * share), style) or ""


def _value(stage: StageFigures, unit: str, base: int, links: DealLinks) -> tuple[str, str, Line]:
    """(big figure, its deals, what it counts) of a column."""
    style, at = links.style, stage.position
    reached = links.href("cohort_reached", at)
    if unit == "money":
        value = formats.money(stage.value_lost, style) or _("no amounts")
        return value, links.href("value_lost", at), plain(_("amount lost here in the quarter"))
    if unit == "deals":
        value = formats.number(stage.cohort_reached, style) or ""
        return value, reached, plain(_("reached this stage so far"))
    n = line(_("n = {n}"), n=links.count(stage.cohort_reached, "cohort_reached", at))
    return per_100(stage.cohort_reached / base, style), reached, n


def _cohort_line(stage: StageFigures, unit: str, base: int, links: DealLinks) -> Line:
    """10 lost of 100, 3 still open: of the deals that were opened in the quarter."""
    style, at = links.style, stage.position
    if unit == "money":
        return money_lost_line(stage, links)

    def told(value: int, figure: str) -> Line:
        said = per_100(value / base, style) if unit == "per100" else formats.number(value, style)
        return links.number(said, figure, at)

    lost, reached = (
        told(stage.cohort_lost, "cohort_lost"),
        told(stage.cohort_reached, "cohort_reached"),
    )
    if not stage.cohort_pending:
        return line(_("{lost} lost of {reached}"), lost=lost, reached=reached)
    return line(
        _("{lost} lost of {reached}, {pending} still open"),
        lost=lost,
        reached=reached,
        pending=told(stage.cohort_pending, "cohort_pending"),
    )


def money_lost_line(stage: StageFigures, links: DealLinks) -> Line:
    """How many deals the amount lost is of, or how many of them it leaves out."""
    without, at = stage.value_lost_without_amount, stage.position
    if not without:
        return links.number(wording.deals(stage.lost_at, links.style), "lost_at", at)
    template = ngettext(
        "{n} of {all} without an amount", "{n} of {all} without an amount", stage.lost_at
    )
    return line(
        template,
        n=links.count(without, "value_lost_without_amount", at),
        all=links.count(stage.lost_at, "lost_at", at),
    )


def exits_line(stage: StageFigures, links: DealLinks) -> Line:
    """15 of 86 (17%) lost on leaving, usual 19%: exits of the quarter against the usual."""
    exits = stage.advanced + stage.lost_at
    if not exits:
        return plain(_("No deal left this stage in the quarter"))
    lost = links.rate_of((stage.lost_at, "lost_at"), (exits, "exits"), stage.position)
    usual = usual_loss(stage, links)
    if usual:
        return line(_("{lost} lost on leaving, usual {usual}"), lost=lost, usual=usual)
    return line(_("{lost} lost on leaving, no usual yet"), lost=lost)


def usual_loss(stage: StageFigures, links: DealLinks) -> Line | None:
    """The usual loss as a rate, or its counts under n = 10; None without one."""
    if stage.usual_advanced is None or stage.usual_lost_at is None:
        return None
    n, at = stage.usual_advanced + stage.usual_lost_at, stage.position
    if not n:
        return None
    if n < formats.RATE_MINIMUM:
        return links.rate_of((stage.usual_lost_at, "usual_lost_at"), (n, "usual_exits"), at)
    return links.number(formats.rate(stage.usual_lost_at, n, links.style), "usual_lost_at", at)


def _won_column(now: SegmentFigures, unit: str, base: int, links: DealLinks) -> FunnelColumn:
    style = links.style
    cohort = now.stages[0].cohort_reached if now.stages else 0
    per100 = unit == "per100"
    won = per_100(now.cohort_won / base, style) if per100 else formats.number(now.cohort_won, style)
    reached = "100" if per100 and cohort else formats.number(cohort, style)
    money = formats.money(now.revenue_won, style) or _("no amounts")
    value = money if unit == "money" else won or ""
    first = 1 if now.stages else None
    counts = {"money": plain(_("revenue won in the quarter")), "deals": plain(_("won so far"))}
    n = line(_("n = {n}"), n=links.count(now.cohort_won, "cohort_won"))
    return FunnelColumn(
        position=None,
        name=_("Won"),
        value=value,
        value_href=links.href("won_with_amount" if unit == "money" else "cohort_won"),
        value_is_long=len(value) > 7,
        count=counts.get(unit, n),
        verdict="won",
        tone="accent",
        word=wording.deals(now.cohort_won, style),
        icon="trophy",
        cohort_line=line(
            _("{won} won of {reached}"),
            won=links.number(won, "cohort_won"),
            reached=links.number(reached, "cohort_reached", first) if first else reached,
        ),
        exits_line=line(
            _("{deals} won in the quarter, {money}"),
            deals=links.count(now.won, "won"),
            money=links.number(money, "won_with_amount"),
        ),
        selected=False,
        level=now.cohort_won / base,
        lost=0.0,
        pending=0.0,
        reached=now.cohort_won,
        lost_n=0,
        pending_n=0,
        cells=(links.count(now.cohort_won, "cohort_won"), plain(""), plain("")),
    )
