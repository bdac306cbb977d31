"""Funnel and danger points: where deals are lost, and why."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import formats
from accounts.access import company_view
from metrics.charts import HATCH, area
from metrics.selectors.filters import Choice
from metrics.selectors.funnel_page import FunnelPage, funnel_page
from metrics.views.asking import Asked, ask, empty_state, export_links
from metrics.views.exporting import chart_response
from metrics.views.funnel_charts import column_of, funnel_charts


def _page(request: HttpRequest) -> tuple[Asked, FunnelPage | None]:
    asked = ask(request, accepts=("unit", "at"))
    page = funnel_page(
        history=asked.history,
        quarters=asked.quarters,
        unit=asked.question.unit,
        at=asked.question.at,
        reading=asked.reading,
    )
    return asked, page


def _units(asked: Asked, page: FunnelPage) -> tuple[Choice, ...]:
    symbol = formats.currency_symbol(asked.reading.style)
    named = (
        ("per100", _("Per 100"), ""),
        ("deals", _("Deals"), ""),
        ("money", symbol, _("Money lost")),
    )
    return tuple(
        Choice(text, asked.question.query(unit=unit), unit, page.unit == unit, hint)
        for unit, text, hint in named
    )


@company_view("funnel.view")
@require_safe
def funnel(request: HttpRequest) -> HttpResponse:
    """The page, or with htmx only what changes when a filter, unit or stage does."""
    company = request.company  # type: ignore[attr-defined]
    asked, page = _page(request)
    here = reverse("metrics:funnel", kwargs={"company_slug": company.slug})
    charts = funnel_charts(page, style=asked.reading.style) if page else {}
    links = export_links(request, charts, view="metrics:funnel_chart")
    query = asked.question.query(at=None)
    context = {
        "page": page,
        "filters": asked.filters,
        "charts": charts,
        "links": links,
        "exports": tuple(link for name, link in links.items() if name != "interval"),
        "columns": [(c, area(column_of(c))) for c in page.columns] if page else [],
        "units": _units(asked, page) if page else (),
        "hatch": HATCH,
        "empty": None if page else empty_state(asked, page_url=here),
        "page_url": here,
        "column_url": f"{here}{query}{'' if query == '?' else '&'}at=",
        "definitions_url": reverse("metrics:definitions", kwargs={"company_slug": company.slug}),
    }
    whole = not getattr(request, "htmx", False) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/funnel.html" if whole else "metrics/funnel.html#page"
    return render(request, template, context)


@company_view("funnel.view")
@require_safe
def funnel_chart(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """One chart of the page as CSV or SVG, for the same query."""
    asked, page = _page(request)
    charts = funnel_charts(page, style=asked.reading.style) if page else {}
    return chart_response(request, charts.get(name), asked=asked, kind=kind)
