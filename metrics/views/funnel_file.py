"""Every figure of every stage as a file: what `dump_snapshots` says of the stages, row by row."""

from django.utils.translation import gettext as _

from accounts.formats import Style
from metrics.calc.expected import stage_cells
from metrics.calc.types import SegmentFigures
from metrics.charts import Chart, Table
from metrics.selectors.funnel_page import FunnelPage

Cell = str | int | float | None


def every_stage(page: FunnelPage, *, style: Style) -> Chart:
    """One row per stage of the page's segment, then of the second one that stands beside it.

    The columns are the names of docs/metrics.md. There is no drawing: it is a file alone.
    """
    rows = [row for figures in page.figures for row in _rows(figures, style)]
    head = tuple(rows[0]) if rows else ()
    return Chart(
        name="stages",
        title=_("Every figure of every stage"),
        reading="",
        table=Table((), (), head, tuple(tuple(row.values()) for row in rows)),
        drawings=(),
    )


def _rows(figures: SegmentFigures, style: Style) -> list[dict[str, Cell]]:
    told: dict[str, Cell] = {
        "quarter": figures.quarter,
        "segment": figures.segment,
        "status": figures.status,
        "as_of": figures.as_of.isoformat(),
        "version": figures.version,
    }
    return [{**told, **stage_cells(stage), "currency": style.currency} for stage in figures.stages]
