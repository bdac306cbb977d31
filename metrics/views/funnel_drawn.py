"""The parts of the funnel page that its figures decide, as HTML: the columns, the drawings."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.template.loader import get_template
from django.utils.safestring import SafeString

from metrics.charts import Chart, area
from metrics.reports.funnel_chart import column_of
from metrics.selectors.funnel_page import FunnelPage

_PARTS = ("columns", "table", "versus", "figures", "reasons", "trend")


@dataclass(frozen=True, slots=True)
class Drawn:
    """The page's rows and charts, and its parts as HTML, by the names of funnel_drawn.html."""

    page: FunnelPage
    charts: Mapping[str, Chart]
    columns: str  # HTML
    table: str  # HTML
    versus: str  # HTML
    figures: str  # HTML
    reasons: str  # HTML
    trend: str  # HTML


def draw(page: FunnelPage, *, charts: Mapping[str, Chart], context: Mapping[str, object]) -> Drawn:
    """Make the parts of a page. `context` holds the addresses that they lead to."""
    told = {
        **context,
        "page": page,
        "charts": charts,
        "columns": [(column, area(column_of(column))) for column in page.columns],
    }
    names = _PARTS if page.stage is not None else ("columns", "table", "versus")
    parts = {name: _part(name, told) if name in names else "" for name in _PARTS}
    return Drawn(page=page, charts=charts, **parts)


def _part(name: str, context: dict[str, object]) -> SafeString:
    html: SafeString = get_template(f"metrics/funnel_drawn.html#{name}").render(context)
    return html
