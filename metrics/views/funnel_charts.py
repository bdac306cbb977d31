"""From the rows of the Funnel page to its charts."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.charts import (
    Bar,
    Chart,
    Estimate,
    Event,
    Mark,
    Point,
    Table,
    bars,
    interval,
    line,
)
from metrics.reports.funnel_chart import whole_funnel
from metrics.selectors.funnel_page import FunnelPage
from metrics.selectors.marks import Flag
from metrics.selectors.stage_block import StageBlock
from metrics.views.funnel_file import every_stage


def funnel_charts(
    page: FunnelPage, *, style: Style, flags: Sequence[Flag] = ()
) -> dict[str, Chart]:
    """The page's charts by the name of their permalink; `flags` stand on the trend."""
    charts = {"funnel": whole_funnel(page, style=style)}
    if page.stage is not None:
        charts["conversion"] = conversion(page.stage, style=style, flags=flags)
        charts["reasons"] = reasons(page.stage, style=style)
        charts["interval"] = exits(page.stage, style=style)
    charts["stages"] = every_stage(page, style=style)
    return charts


def reasons(stage: StageBlock, *, style: Style) -> Chart:
    """Why deals were lost: shares of the losses beside the usual ones, counts where few."""
    rows: Sequence[Bar] = [
        Bar(
            label=r.name,
            text=r.text,
            value=float(r.deals) if r.share is None else r.share,
            tip=f"{r.name}: {r.deals_line.text}, {r.amount_line.text}"
            + ("\n" + _("usual {rate}").format(rate=r.usual_line.text) if r.usual_line else ""),
            usual=r.usual_share,
            usual_text=r.usual_line.text,
        )
        for r in stage.reasons
    ]
    said = ", ".join(f"{r.name} {r.text}" for r in stage.reasons)
    return bars(
        name="reasons",
        title=_("Why deals were lost at {stage}").format(stage=stage.name),
        reading=said,
        rows=rows,
        table=Table(
            head=(_("Reason"), _("Deals"), _("Usual"), _("Amount")),
            rows=tuple(
                (r.name, r.deals_line.linked, r.usual_line.linked, r.amount_line.linked)
                for r in stage.reasons
            ),
            raw_head=("reason", "deals", "amount", "currency", "usual_deals"),
            raw=tuple(
                (r.name, r.deals, r.amount, style.currency, r.usual_deals) for r in stage.reasons
            ),
        ),
    )


def _share(value: float, style: Style) -> str:
    """A share on an axis: a decimal only where the tick has one."""
    whole = abs(value * 100 - round(value * 100)) < 1e-6
    return formats.percent(value, style, decimals=0 if whole else 1) or ""


def conversion(stage: StageBlock, *, style: Style, flags: Sequence[Flag] = ()) -> Chart:
    """The share that went on, quarter by quarter, with what happened meanwhile."""
    rows = stage.history
    known = [r for r in rows if r.conversion is not None]
    return line(
        name="conversion",
        title=_("Share that went on from {stage}").format(stage=stage.name),
        reading=_("Last: {figure} in {quarter}.").format(
            figure=known[-1].figure.text, quarter=known[-1].text
        )
        if known
        else "",
        points=[
            Point(
                label=r.label,
                tip=f"{r.text}, {r.status}\n{r.figure.text}",
                value=r.conversion,
                low=r.low,
                high=r.high,
                running=r.running,
            )
            for r in rows
        ],
        tick=lambda value: _share(value, style),
        height=190,
        events=[Event(flag.index, flag.text, flag.short) for flag in flags],
        table=Table(
            head=(_("Quarter"), _("Status"), _("Went on")),
            rows=tuple((r.text, r.status, r.figure.linked) for r in rows),
            raw_head=("quarter", "advanced", "lost", "conversion", "interval_low", "interval_high"),
            raw=tuple((r.quarter, r.advanced, r.lost, r.conversion, r.low, r.high) for r in rows),
        ),
    )


def exits(stage: StageBlock, *, style: Style) -> Chart:
    """This quarter's conversion with its interval beside the usual one."""
    title = _("Share that went on from {stage}, with its interval").format(stage=stage.name)
    if stage.conversion is None or stage.interval is None:
        return Chart("interval", title, "", Table((), (), (), ()), ())
    low, high = stage.interval
    rows: list[tuple[str, ...]] = [
        (_("This quarter"), stage.conversion_line.linked, stage.interval_text)
    ]
    raw: list[tuple[str | int | float | None, ...]] = [("quarter", stage.conversion, low, high)]
    marks: tuple[Mark, ...] = ()
    if stage.usual is not None:
        marks = (Mark(stage.usual, stage.usual_text),)
        rows.append((_("Usual"), stage.usual_line.linked, ""))
        raw.append(("usual", stage.usual, None, None))
    return interval(
        name="interval",
        title=title,
        reading=f"{stage.conversion_line.text}, {stage.interval_text}. {stage.usual_text}",
        estimate=Estimate(
            value=stage.conversion,
            low=low,
            high=high,
            text=stage.conversion_line.text,
            low_text=formats.percent(low, style) or "",
            high_text=formats.percent(high, style) or "",
        ),
        tick=lambda value: _share(value, style),
        marks=marks,
        bounds=(0.0, 1.0),
        table=Table(
            head=(
                _("When"),
                _("Went on"),
                # xgettext:no-python-format
                _("95% interval"),
            ),
            rows=tuple(rows),
            raw_head=("what", "conversion", "interval_low", "interval_high"),
            raw=tuple(raw),
        ),
    )
