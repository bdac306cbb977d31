"""Funnel and danger points: where deals are lost, and why."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import formats
from accounts.access import company_view
from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.charts import HATCH, area
from metrics.selectors.cohort_today import CohortToday, cohort_today
from metrics.selectors.filters import Choice, segment_parts, segment_text
from metrics.selectors.funnel_page import FunnelPage, funnel_page, with_cohort
from metrics.selectors.marks import Flag, MarkLine, flags, mark_lines, marks_of
from metrics.selectors.side_by_side import suggestions
from metrics.selectors.stage_block import TREND_QUARTERS
from metrics.selectors.stage_work import StageWork, stage_work
from metrics.views.asking import Asked, ask, empty_state, export_links
from metrics.views.exporting import chart_response
from metrics.views.funnel_charts import column_of, funnel_charts
from pipeline.views import answers
from pipeline.views.deal_asking import may

ACCEPTS = ("unit", "at", "vs", "cohort")


@dataclass(frozen=True, slots=True)
class Comparing:
    """How to set two segments side by side, and how to take one away again."""

    offers: tuple[Choice, ...]
    choices: tuple[Choice, ...]  # of the picker
    hidden: tuple[tuple[str, str], ...]
    swap: str
    close: str


def _url(request: HttpRequest, name: str, **more: int) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse(f"metrics:{name}", kwargs={"company_slug": slug, **more})


def _page(
    request: HttpRequest, now: datetime, query: QueryDict | None = None
) -> tuple[Asked, FunnelPage | None]:
    asked = ask(request, accepts=ACCEPTS, query=query)
    question = asked.question
    other = None
    if question.versus:
        second = _second(asked)
        today = _today(request, asked, question.versus, second, now)
        other = (question.versus, with_cohort(second, today) if second and today else second)
    first = asked.history[-1] if asked.history else None
    page = funnel_page(
        history=asked.history,
        quarters=asked.quarters,
        unit=question.unit,
        at=question.at,
        reading=asked.reading,
        today=_today(request, asked, question.segment, first, now),
        versus=other,
        deals_url=_url(request, "funnel_deals"),
    )
    return asked, page


def _second(asked: Asked) -> SegmentFigures | None:
    """The second segment in the asked quarter; None where it has no deal in it."""
    found = asked.figures.get(asked.question.versus, ())
    last = asked.quarters[-1] if asked.quarters else ""
    return next((f for f in found if f.quarter == last), None)


def _today(
    request: HttpRequest,
    asked: Asked,
    segment: str,
    figures: SegmentFigures | None,
    now: datetime,
) -> CohortToday | None:
    """The cohort as of today, where it is asked for and the quarter's own is fixed."""
    if not asked.question.today or figures is None or figures.status != "final":
        return None
    return cohort_today(
        company=request.company,  # type: ignore[attr-defined]
        quarter=asked.calendar[-1],
        segment=segment,
        pipeline_id=asked.pipeline_id,
        now=now,
    )


def _work(
    request: HttpRequest, asked: Asked, page: FunnelPage | None, now: datetime
) -> StageWork | None:
    """What the team knows and does about the selected stage."""
    if page is None or page.stage is None or asked.pipeline_id is None:
        return None
    company = request.company  # type: ignore[attr-defined]
    return stage_work(
        company=company,
        pipeline_id=asked.pipeline_id,
        quarter=asked.quarters[-1],
        position=page.stage.position,
        segment=asked.question.segment,
        style=asked.reading.style,
        today=company.local_day(company.clock(now)),
    )


def _marks(
    request: HttpRequest, asked: Asked, work: StageWork | None
) -> tuple[tuple[Flag, ...], tuple[MarkLine, ...]]:
    """What happened in the quarters of the trend: flags on the line, and lines of text."""
    if asked.pipeline_id is None:
        return (), ()
    style, quarters = asked.reading.style, asked.calendar[-TREND_QUARTERS:]
    marks = marks_of(
        company=request.company,  # type: ignore[attr-defined]
        pipeline_id=asked.pipeline_id,
        segment=asked.question.segment,
        stage_id=work.stage_id if work else None,
        retired=work.stage_ids if work else (),
    )
    return flags(marks, quarters, style), mark_lines(marks, quarters, style)


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


def _cohorts(asked: Asked, page: FunnelPage) -> tuple[Choice, ...]:
    """The cohort as it stood when the quarter was closed, or as of today; none while it runs."""
    if not page.final:
        return ()
    named = ((False, _("As it stood at its close")), (True, _("As of today")))
    return tuple(
        Choice(text, asked.question.query(today=today), "", bool(page.today) == today)
        for today, text in named
    )


def _comparing(asked: Asked) -> Comparing:
    question = asked.question
    one = [name for name in asked.segments if len(segment_parts(name)) == 1]
    names = [name for name in ("all", *one) if name != question.segment]
    rest = question.query(versus="").removeprefix("?")
    return Comparing(
        offers=tuple(
            Choice(offer.text, offer.query, "", False)
            for offer in suggestions(question, asked.segments)
        ),
        choices=tuple(
            Choice(segment_text(name), "", name, name == question.versus) for name in names
        ),
        hidden=tuple(parse_qsl(rest)),
        swap=question.query(segment=question.versus, versus=question.segment)
        if question.versus
        else "",
        close=question.query(versus="") if question.versus else "",
    )


def _context(request: HttpRequest, query: QueryDict | None = None) -> dict[str, object]:
    now = timezone.now()
    asked, page = _page(request, now, query)
    work = _work(request, asked, page, now)
    marks, lines = _marks(request, asked, work) if page else ((), ())
    here = _url(request, "funnel")
    charts = funnel_charts(page, style=asked.reading.style, flags=marks) if page else {}
    links = export_links(request, charts, view="metrics:funnel_chart", query=query)
    question = asked.question
    others = question.query(at=None)
    stage = page.stage if page else None
    here_at = question.query(at=stage.position if stage else None, versus="", today=False)
    add = f"?stage={work.stage_id}" if work else ""
    return {
        "page": page,
        "filters": asked.filters,
        "charts": charts,
        "links": links,
        "exports": tuple(link for name, link in links.items() if name != "interval"),
        "columns": [(c, area(column_of(c))) for c in page.columns] if page else [],
        "units": _units(asked, page) if page else (),
        "cohorts": _cohorts(asked, page) if page else (),
        "comparing": _comparing(asked) if page else None,
        "hatch": HATCH,
        "empty": None if page else empty_state(asked, page_url=here),
        "page_url": here,
        "column_url": f"{here}{others}{'' if others == '?' else '&'}at=",
        "definitions_url": _url(request, "definitions"),
        "work": work,
        "marks": lines,
        "reasons_url": _url(request, "funnel_reasons") + here_at,
        "open_url": _url(request, "danger_open") + here_at if may(request, "danger.manage") else "",
        "point_url": _url(request, "danger_point", danger_point_id=work.danger.id)
        if work and work.danger
        else "",
        "finding_add_url": _url(request, "finding_add") if may(request, "finding.add") else "",
        "add_here": add,
        "finding_url": _url(request, "finding", finding_id=0).removesuffix("0/"),
        "findings_url": _url(request, "finding_list"),
        "changes_url": _url(request, "change_list"),
        "record_url": _url(request, "change_add") + add if may(request, "change.record") else "",
    }


@company_view("funnel.view")
@require_safe
def funnel(request: HttpRequest) -> HttpResponse:
    """The page, or with htmx only what changes when a filter, unit or stage does."""
    whole = not getattr(request, "htmx", False) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/funnel.html" if whole else "metrics/funnel.html#page"
    return render(request, template, _context(request))


@answers.surface("metrics:funnel", target="#page")
def draw_funnel(request: HttpRequest, asking: answers.Asking) -> str:
    """The page after a finding was added or a change recorded from it."""
    context = _context(request, asking.query)
    return render(request, "metrics/funnel.html#page", context).content.decode()


@company_view("funnel.view")
@require_safe
def funnel_chart(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """One chart of the page as CSV or SVG, for the same query."""
    now = timezone.now()
    asked, page = _page(request, now)
    marks: tuple[Flag, ...] = ()
    if name == "conversion" and page is not None:
        marks, _lines = _marks(request, asked, _work(request, asked, page, now))
    style: Style = asked.reading.style
    charts = funnel_charts(page, style=style, flags=marks) if page else {}
    return chart_response(request, charts.get(name), asked=asked, kind=kind)
