"""The deals in and out of a quarter, and the money that stands beside velocity."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.selectors import wording
from metrics.selectors.wording import Fact


def bridge_of(now: SegmentFigures, before: SegmentFigures | None, style: Style) -> tuple[Fact, ...]:
    """From the open deals of the start to those of the end."""
    rows = []
    if now.came_back:
        before_end = now.open_at_start - now.came_back
        rows.append(
            Fact(
                _("Open when {quarter} ended").format(
                    quarter=formats.quarter(before.quarter) if before else _("the quarter before")
                ),
                "counts",
                formats.number(before_end, style) or "",
            )
        )
        rows.append(
            Fact(_("Came back"), "came-back", formats.signed_number(now.came_back, style) or "")
        )
    else:
        rows.append(
            Fact(_("Open at the start"), "counts", formats.number(now.open_at_start, style) or "")
        )
    rows += [
        Fact(_("Opened"), "counts", formats.signed_number(now.opened, style) or ""),
        Fact(_("Won"), "counts", formats.signed_number(-now.won, style) or ""),
        Fact(_("Lost"), "counts", formats.signed_number(-now.lost, style) or ""),
    ]
    end = _("Open now") if now.status == "running" else _("Open at the end")
    rows.append(Fact(end, "counts", formats.number(now.open_at_end, style) or ""))
    return tuple(rows)


def facts_of(now: SegmentFigures, style: Style) -> tuple[Fact, ...]:
    """Figures that stand beside velocity."""
    rows = [
        Fact(
            _("Revenue won"),
            "revenue-won",
            formats.money(now.revenue_won, style) or _("no amounts"),
            wording.deals(now.won, style),
        )
    ]
    if now.win_rate_value is not None and now.closed >= wording.FEW:
        rows.append(
            Fact(
                _("Win rate by value"),
                "win-rate-by-value",
                formats.percent(now.win_rate_value, style) or "",
                _("of the money that was decided"),
            )
        )
    if now.cycle_p90 is not None:
        rows.append(
            Fact(
                _("Nine in ten cycles within"),
                "cycle",
                formats.days(now.cycle_p90, style) or "",
            )
        )
    rows.append(_open_value(now, style))
    weighted = _weighted(now, _("Weighted pipeline"), style)
    if weighted is not None:
        rows.append(weighted)
    return tuple(rows)


def expected_of(now: SegmentFigures, style: Style) -> Fact | None:
    """What the open deals are worth at the company's own chances, while the quarter lasts."""
    if now.status != "running":
        return None
    return _weighted(now, _("Expected, at your own rates"), style)


def _weighted(now: SegmentFigures, term: str, style: Style) -> Fact | None:
    if now.weighted_pipeline is None:
        return None
    without = ""
    if now.weighted_pipeline_without:
        without = ngettext(
            "{n} deal without amount or chance left out",
            "{n} deals without amount or chance left out",
            now.weighted_pipeline_without,
        ).format(n=formats.number(now.weighted_pipeline_without, style))
    figure = formats.money(now.weighted_pipeline, style) or ""
    return Fact(term, "weighted-pipeline", figure, without)


def _open_value(now: SegmentFigures, style: Style) -> Fact:
    without = ""
    if now.open_at_end_without_amount:
        without = ngettext(
            "{n} deal without an amount",
            "{n} deals without an amount",
            now.open_at_end_without_amount,
        ).format(n=formats.number(now.open_at_end_without_amount, style))
    return Fact(
        _("Amount of open deals"),
        "amount-open-at-end",
        formats.money(now.amount_open_at_end, style) or _("no amounts"),
        without,
    )
