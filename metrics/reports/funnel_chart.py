"""The whole funnel as one chart: on its page and in the review."""

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.charts import Chart, Column, Table, funnel
from metrics.selectors.funnel_page import FunnelColumn, FunnelPage


def column_of(column: FunnelColumn) -> Column:
    return Column(
        label=column.name,
        text=column.value,
        level=column.level,
        lost=column.lost,
        pending=column.pending,
        tone=column.tone,
        tip=f"{column.name}: {column.value}\n{column.cohort_line.text}\n{column.exits_line.text}",
        note=column.word,
    )


def whole_funnel(page: FunnelPage, *, style: Style) -> Chart:
    def count(value: int) -> str:
        return formats.number(value, style) or ""

    return funnel(
        name="funnel",
        title=_("Funnel, {quarter}").format(quarter=page.quarter),
        reading=", ".join(f"{c.name} {count(c.reached)}" for c in page.columns) + ".",
        columns=[column_of(c) for c in page.columns],
        table=Table(
            head=(_("Stage"), _("Reached"), _("Lost"), _("Still open"), _("Verdict"), _("Exits")),
            rows=tuple(
                (
                    c.name,
                    count(c.reached),
                    count(c.lost_n),
                    count(c.pending_n),
                    c.word if c.position else "",
                    c.exits_line.text,
                )
                for c in page.columns
            ),
            raw_head=("stage", "cohort_reached", "cohort_lost", "cohort_pending", "verdict"),
            raw=tuple(
                (c.name, c.reached, c.lost_n, c.pending_n, c.verdict if c.position else "")
                for c in page.columns
            ),
        ),
    )
