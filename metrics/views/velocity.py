"""Velocity: how much a day, and what moved it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import company_view
from metrics.reports.velocity_charts import velocity_charts
from metrics.selectors.channels import channel_segments
from metrics.selectors.marks import Flag, MarkLine, flags, mark_lines, marks_of
from metrics.selectors.velocity_page import TREND_QUARTERS, VelocityPage, velocity_page
from metrics.views.asking import Asked, ask, empty_state, export_links
from metrics.views.exporting import chart_response


def _parts(segment: str) -> tuple[str, ...]:
    """Inbound and outbound of the segment; for all deals also those without a channel."""
    unknown = ("channel=unknown",) if segment == "all" else ()
    return (*channel_segments(segment), *unknown)


def _page(request: HttpRequest) -> tuple[Asked, VelocityPage | None]:
    asked = ask(request, parts=_parts)
    page = velocity_page(
        history=asked.history,
        channels=asked.figures,
        quarters=asked.quarters,
        segment=asked.question.segment,
        reading=asked.reading,
    )
    return asked, page


def _marks(
    request: HttpRequest, asked: Asked, page: VelocityPage | None
) -> tuple[tuple[Flag, ...], tuple[MarkLine, ...]]:
    """What happened in the quarters of the trend: flags on the line, and lines of text."""
    if page is None or asked.pipeline_id is None:
        return (), ()
    style, quarters = asked.reading.style, asked.calendar[-TREND_QUARTERS:]
    marks = marks_of(
        company=request.company,  # type: ignore[attr-defined]
        pipeline_id=asked.pipeline_id,
        segment=asked.question.segment,
    )
    return flags(marks, quarters, style), mark_lines(marks, quarters, style)


@company_view("velocity.view")
@require_safe
def velocity(request: HttpRequest) -> HttpResponse:
    """The page, or with htmx only what changes when a filter does."""
    company = request.company  # type: ignore[attr-defined]
    asked, page = _page(request)
    here = reverse("metrics:velocity", kwargs={"company_slug": company.slug})
    funnel = reverse("metrics:funnel", kwargs={"company_slug": company.slug})
    marks, lines = _marks(request, asked, page)
    charts = velocity_charts(page, style=asked.reading.style, flags=marks) if page else {}
    links = export_links(request, charts, view="metrics:velocity_chart")
    simulator = reverse("metrics:what_if", kwargs={"company_slug": company.slug})
    query = asked.question.query()
    context = {
        "page": page,
        "marks": lines,
        "changes_url": reverse("metrics:change_list", kwargs={"company_slug": company.slug}),
        "filters": asked.filters,
        "charts": charts,
        "links": links,
        "exports": tuple(links.values()),
        "empty": None if page else empty_state(asked, page_url=here),
        "page_url": here,
        "funnel_url": funnel + (query if query != "?" else ""),
        "simulator_url": simulator + (query if query != "?" else ""),
        "funnel_at": f"{funnel}{query}{'' if query == '?' else '&'}at=",
        "definitions_url": reverse("metrics:definitions", kwargs={"company_slug": company.slug}),
    }
    whole = not getattr(request, "htmx", False) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/velocity.html" if whole else "metrics/velocity.html#page"
    return render(request, template, context)


@company_view("velocity.view")
@require_safe
def velocity_chart(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """One chart of the page as CSV or SVG, for the same query."""
    asked, page = _page(request)
    marks, _lines = _marks(request, asked, page)
    charts = velocity_charts(page, style=asked.reading.style, flags=marks) if page else {}
    return chart_response(request, charts.get(name), asked=asked, kind=kind)
