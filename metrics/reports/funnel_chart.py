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
    def told(column: FunnelColumn) -> str:
        if page.exits:
            return formats.k_of_n(column.reached - column.lost_n, column.reached, style)
        return formats.number(column.reached, style) or ""

    return funnel(
        name="funnel",
        title=(_("Exits, {quarter}") if page.exits else _("Funnel, {quarter}")).format(
            quarter=page.quarter
        ),
        reading=", ".join(f"{c.name} {told(c)}" for c in page.columns) + ".",
        columns=[column_of(c) for c in page.columns],
        table=_exits_table(page, style) if page.exits else _cohort_table(page),
    )


def _row(column: FunnelColumn) -> tuple[str, ...]:
    """Name, numbers that lead to their deals, verdict."""
    cells = (cell.linked for cell in column.cells)
    return (column.name, *cells, column.word if column.position else "")


def _cohort_table(page: FunnelPage) -> Table:
    return Table(
        head=(_("Stage"), _("Reached"), _("Lost"), _("Still open"), _("Verdict"), _("Exits")),
        rows=tuple((*_row(column), column.exits_line.linked) for column in page.columns),
        raw_head=("stage", "cohort_reached", "cohort_lost", "cohort_pending", "verdict"),
        raw=tuple(
            (c.name, c.reached, c.lost_n, c.pending_n, c.verdict if c.position else "")
            for c in page.columns
        ),
    )


def _exits_table(page: FunnelPage, style: Style) -> Table:
    # xgettext:no-python-format
    interval = _("95% interval")
    counts = (_("Left it"), _("Went on"), _("Lost"), interval, _("Amount lost here"))
    return Table(
        head=(_("Stage"), *counts, _("Verdict")),
        rows=tuple(_row(column) for column in page.columns),
        raw_head=(
            "stage",
            "advanced",
            "lost_at",
            "exit_conversion",
            "exit_interval_low",
            "exit_interval_high",
            "value_lost",
            "currency",
            "verdict",
        ),
        raw=tuple(
            (
                s.name,
                s.advanced,
                s.lost_at,
                s.exit_conversion,
                *(s.exit_interval or (None, None)),
                s.value_lost,
                style.currency,
                s.verdict,
            )
            for s in page.figures[0].stages
        ),
    )
