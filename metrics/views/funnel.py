"""Funnel and danger points: where deals are lost, and why."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import formats
from accounts.access import company_view
from accounts.kept import kept
from accounts.services.looked_at import ahead, remember
from metrics.calc.types import SegmentFigures
from metrics.charts import HATCH
from metrics.selectors.cohort_today import CohortToday, cohort_today
from metrics.selectors.filters import Choice, segment_parts, segment_text
from metrics.selectors.funnel_page import FunnelPage, chosen_stage, funnel_page, with_cohort
from metrics.selectors.learned import learned_mark
from metrics.selectors.marks import Flag, MarkLine, flags, mark_lines, marks_of
from metrics.selectors.side_by_side import suggestions
from metrics.selectors.stage_block import TREND_QUARTERS
from metrics.selectors.stage_work import StageWork, stage_work
from metrics.tasks import prepare_soon
from metrics.views.asking import Asked, ask, empty_state, export_links
from metrics.views.exporting import chart_response
from metrics.views.funnel_charts import funnel_charts
from metrics.views.funnel_drawn import Drawn, draw
from pipeline.views import answers
from pipeline.views.deal_asking import may

ACCEPTS = ("unit", "at", "vs", "cohort", "view")
_RIGHTS = ("danger.manage", "finding.add", "change.record")


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


def _here(request: HttpRequest, query: QueryDict | None) -> str:
    """The page's whole address, also where an action draws it."""
    told = (request.GET if query is None else query).urlencode()
    return request.build_absolute_uri(_url(request, "funnel") + (f"?{told}" if told else ""))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A question with everything that the page says to it; `drawn` None without figures."""

    asked: Asked
    drawn: Drawn | None
    work: StageWork | None
    marks: tuple[MarkLine, ...]
    experiments: int = 0  # running at the selected stage


def _ask(request: HttpRequest, query: QueryDict | None = None) -> Asked:
    return ask(request, accepts=ACCEPTS, query=query, last=TREND_QUARTERS)


def _answer(
    request: HttpRequest, asked: Asked, now: datetime, query: QueryDict | None = None
) -> _Answer:
    first = asked.history[-1] if asked.history else None
    if first is None or not asked.quarters or first.quarter != asked.quarters[-1]:
        return _Answer(asked, None, None, ())
    work = _work(request, asked, chosen_stage(first, asked.question.at), now)
    flagged, lines, running = _marks(request, asked, work)
    today = _today(request, asked, asked.question.segment, first, now)
    drawn = _made(request, query, asked, _second(asked), today, flagged, now)
    return _Answer(asked, drawn, work, lines, running)


def _made(
    request: HttpRequest,
    query: QueryDict | None,
    asked: Asked,
    second: SegmentFigures | None,
    today: CohortToday | None,
    flagged: tuple[Flag, ...],
    now: datetime,
) -> Drawn:
    question = asked.question
    versus = None
    if question.versus:
        theirs = _today(request, asked, question.versus, second, now)
        versus = (question.versus, with_cohort(second, theirs) if second and theirs else second)
    page = funnel_page(
        history=asked.history,
        quarters=asked.quarters,
        unit=question.unit,
        at=question.at,
        reading=asked.reading,
        today=today,
        versus=versus,
        deals_url=_url(request, "funnel_deals"),
        exits=question.exits,
        pipeline=question.pipeline,
    )
    assert page is not None  # the caller looked
    here, others = _url(request, "funnel"), question.query(at=None)
    at = page.stage.position if page.stage else None
    charts = funnel_charts(page, style=asked.reading.style, flags=flagged)
    context = {
        "links": export_links(request, charts, view="metrics:funnel_chart", query=query),
        "page_url": here,
        "column_url": f"{here}{others}{'' if others == '?' else '&'}at=",
        "definitions_url": _url(request, "definitions"),
        "reasons_url": _url(request, "funnel_reasons")
        + question.query(at=at, versus="", today=False, exits=False),
        "comparing": _comparing(asked) if question.versus else None,
    }
    return draw(page, charts=charts, context=context)


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
    request: HttpRequest, asked: Asked, position: int | None, now: datetime
) -> StageWork | None:
    """What the team knows and does about the selected stage."""
    if position is None or asked.pipeline_id is None:
        return None
    company = request.company  # type: ignore[attr-defined]
    return stage_work(
        company=company,
        pipeline_id=asked.pipeline_id,
        start=asked.calendar[-1].start,
        position=position,
        segment=asked.question.segment,
        style=asked.reading.style,
        today=company.local_day(company.clock(now)),
    )


def _marks(
    request: HttpRequest, asked: Asked, work: StageWork | None
) -> tuple[tuple[Flag, ...], tuple[MarkLine, ...], int]:
    """What happened in the quarters of the trend: flags on the line, lines of text, and how many
    experiments run at the stage."""
    if asked.pipeline_id is None:
        return (), (), 0
    style, quarters = asked.reading.style, asked.calendar[-TREND_QUARTERS:]
    marks = marks_of(
        company=request.company,  # type: ignore[attr-defined]
        pipeline_id=asked.pipeline_id,
        segment=asked.question.segment,
        stage_id=work.stage_id if work else None,
        retired=work.stage_ids if work else (),
    )
    running = sum(mark.running for mark in marks)
    return flags(marks, quarters, style), mark_lines(marks, quarters, style), running


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


def _views(asked: Asked, page: FunnelPage) -> tuple[Choice, ...]:
    """The deals opened in the quarter, or what left the stages in it."""
    named = ((False, _("Cohort")), (True, _("Exits")))
    return tuple(
        Choice(
            text,
            asked.question.query(exits=exits, today=asked.question.today and not exits),
            "",
            page.exits == exits,
        )
        for exits, text in named
    )


def _cohorts(asked: Asked, page: FunnelPage) -> tuple[Choice, ...]:
    """The cohort as it stood when the quarter was closed, or as of today; none while it runs, and
    none for the exits, which do not change."""
    if not page.final or page.exits:
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


def _inner(request: HttpRequest, query: QueryDict | None = None) -> SafeString:
    """What of the page changes with its question.

    The same rows make the same page, so the one made last for them is handed out to whoever has
    the same rights; nothing else than the mark is in it.
    """
    now, asked = timezone.now(), _ask(request, query)
    company = request.company  # type: ignore[attr-defined]

    def make() -> SafeString:
        answer = _answer(request, asked, now, query)
        return render_to_string("metrics/funnel_page.html", _context(request, answer, query))

    def make_anew() -> SafeString:
        if not ahead(request):  # what changed this page changed the others
            prepare_soon(company.pk)
        return make()

    if asked.question.today:
        return make()  # read from the deals themselves, anew each time
    if query is None:
        remember(request)
    if asked.unread is None or asked.pipeline_id is None:
        return make()  # nothing to say yet
    mark = (
        (company.slug, company.name, company.timezone),
        company.local_day(company.clock(now)),
        _here(request, query),
        tuple(may(request, right) for right in _RIGHTS),
        (asked.question, asked.filters, asked.reading),
        (asked.pipeline_id, asked.calendar, asked.segments),
        asked.unread.rows,
        learned_mark(
            company=company,
            pipeline_id=asked.pipeline_id,
            start=asked.calendar[-1].start,
            segment=asked.question.segment,
        ),
    )
    return kept(company_id=company.pk, name="funnel", mark=mark, make=make_anew)


def _context(
    request: HttpRequest, answer: _Answer, query: QueryDict | None = None
) -> dict[str, object]:
    asked, drawn, work = answer.asked, answer.drawn, answer.work
    page = drawn.page if drawn else None
    here = _url(request, "funnel")
    charts = drawn.charts if drawn else {}
    links = export_links(request, charts, view="metrics:funnel_chart", query=query)
    at = page.stage.position if page and page.stage else None
    here_at = asked.question.query(at=at, versus="", today=False, exits=False)
    add = f"?stage={work.stage_id}" if work else ""
    return {
        "page": page,
        "company": request.company,  # type: ignore[attr-defined]
        "here": _here(request, query),
        "drawn": drawn,
        "filters": asked.filters,
        "exports": tuple(links[name] for name, chart in charts.items() if chart.table.raw),
        "units": _units(asked, page) if page else (),
        "views": _views(asked, page) if page else (),
        "cohorts": _cohorts(asked, page) if page else (),
        "comparing": _comparing(asked) if page else None,
        "hatch": HATCH,
        "empty": None if page else empty_state(asked, page_url=here),
        "page_url": here,
        "definitions_url": _url(request, "definitions"),
        "work": work,
        "marks": answer.marks,
        "experiments": answer.experiments,
        "open_url": _url(request, "danger_open") + here_at if may(request, "danger.manage") else "",
        "point_url": _url(request, "danger_point", danger_point_id=work.danger.id)
        if work and work.danger
        else "",
        "finding_add_url": _url(request, "finding_add") if may(request, "finding.add") else "",
        "add_here": add,
        "finding_url": _url(request, "finding", finding_id=0).removesuffix("0/"),
        "findings_url": _url(request, "finding_list"),
        "here_findings_url": _findings_here(request, asked, work),
        "changes_url": _url(request, "change_list"),
        "record_url": _url(request, "change_add") + add if may(request, "change.record") else "",
    }


def _findings_here(request: HttpRequest, asked: Asked, work: StageWork | None) -> str:
    """The list of the very findings that are counted at the stage; "" where there are none, or
    where the list cannot be asked for the segment."""
    if work is None or not work.findings.total:
        return ""
    parts = segment_parts(asked.question.segment)
    if parts.keys() - {"channel"}:
        return ""
    return f"{_url(request, 'finding_list')}?{urlencode({'stage': work.stage_id, **parts})}"


@company_view("funnel.view")
@require_safe
def funnel(request: HttpRequest) -> HttpResponse:
    """The page, or with htmx only what changes when a filter, unit or stage does."""
    whole = not getattr(request, "htmx", False) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    inner = _inner(request)
    return (
        render(request, "metrics/funnel.html", {"inner": inner}) if whole else HttpResponse(inner)
    )


@answers.surface("metrics:funnel", target="#page")
def draw_funnel(request: HttpRequest, asking: answers.Asking) -> str:
    """The page after a finding was added or a change recorded from it."""
    return _inner(request, asking.query)


@company_view("funnel.view")
@require_safe
def funnel_chart(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """One chart of the page as CSV or SVG, for the same query."""
    asked = _ask(request)
    answer = _answer(request, asked, timezone.now())
    chart = answer.drawn.charts.get(name) if answer.drawn else None
    return chart_response(request, chart, asked=asked, kind=kind)
