"""From a number to its deals: the list, and the same list as a file."""

from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import formats
from accounts.access import company_view
from accounts.formats import Style
from metrics.calc.calendar import Quarter
from metrics.calc.drill import NoSuchFigureError
from metrics.selectors import drill_words, figures
from metrics.selectors.drill import (
    PAGE,
    DrillRow,
    FoundDeals,
    amount_text,
    deals_of_figure,
    drill_file_rows,
    drill_headings,
    drill_rows,
    without_text,
)
from metrics.selectors.drill_query import ACCEPTS, DrillQuestion, drill_question
from metrics.selectors.filters import Question, question_from
from metrics.views.asking import in_file_name, pipeline_name, style_of, with_pipeline
from pipeline.exports import write_csv
from pipeline.views.deal_asking import deal_prefix

_MEMORY = 4_000_000  # bytes of a file that are kept in memory, more goes to disk


@dataclass(frozen=True, slots=True)
class _Answer:
    """The deals that were asked for, or the sentence that says why there are none to list."""

    question: Question
    pipeline: str  # its name, where one has to be named
    drilled: DrillQuestion
    quarter: Quarter | None
    found: FoundDeals | None
    refused: str


@dataclass(frozen=True, slots=True)
class DealsPage:
    """The list as its template prints it."""

    words: drill_words.DrillWords
    rows: tuple[DrillRow, ...]
    total: int
    count: str
    amount: str
    without: str
    first: str
    last: str
    previous: str
    next: str
    csv: str
    several: bool  # of several quarters: each row says its own
    losses: bool  # a row may have a reason


def _answer(request: HttpRequest) -> _Answer:
    company = request.company  # type: ignore[attr-defined]
    query = dict(request.GET.lists())
    drilled = drill_question(query)
    own = {name: values for name, values in query.items() if name not in ACCEPTS}
    pipelines = figures.pipelines_of(company=company)
    question, pipeline_id = with_pipeline(question_from(own, accepts=("pipeline",)), pipelines)
    quarters = figures.quarters_of(company=company, pipeline_id=pipeline_id)
    named = {quarter.label: quarter for quarter in quarters}
    newest = quarters[-1].label if quarters else ""
    quarter = named.get(question.quarter or newest)
    found, refused = None, drilled.refused
    if quarter is None:
        refused = refused or _no_quarter(question)
    elif drilled.asked is not None:
        try:
            found = deals_of_figure(
                company=company,
                quarter=quarter,
                segment=question.segment,
                asked=drilled.asked,
                now=timezone.now(),
                pipeline_id=pipeline_id,
            )
        except NoSuchFigureError:
            refused = _("This quarter has no stage of that number.")
        except ValueError:
            refused = _("There is no segment of that name.")
    named_pipeline = pipeline_name(question, pipelines)
    return _Answer(question, named_pipeline, drilled, quarter, found, refused)


def _no_quarter(question: Question) -> str:
    if question.quarter is None:
        return _("There are no figures yet, so there are no deals behind them.")
    return _("There is no quarter called {quarter}").format(quarter=question.quarter) + "."


def _page(request: HttpRequest, answer: _Answer, style: Style) -> DealsPage | None:
    found, asked, quarter = answer.found, answer.drilled.asked, answer.quarter
    if found is None or asked is None or quarter is None:
        return None
    company = request.company  # type: ignore[attr-defined]
    here = reverse("metrics:funnel_deals", kwargs={"company_slug": company.slug})
    pages = max(1, -(-found.count // PAGE))
    page = min(max(1, answer.drilled.page), pages)
    rows = drill_rows(company=company, found=found, style=style, page=page)

    def address(url: str, number: int = 1) -> str:
        return url + asked.query(
            quarter=quarter.label,
            segment=answer.question.segment,
            pipeline=answer.question.pipeline,
            page=number,
            unit=answer.drilled.unit,
        )

    start = (page - 1) * PAGE
    return DealsPage(
        words=drill_words.drill_words(
            found=found, quarter=quarter.label, style=style, pipeline=answer.pipeline
        ),
        rows=rows,
        total=found.count,
        count=formats.number(found.count, style) or "",
        amount=amount_text(found, style),
        without=without_text(found, style),
        first=formats.number(start + 1 if rows else 0, style) or "",
        last=formats.number(start + len(rows), style) or "",
        previous=address(here, page - 1) if page > 1 else "",
        next=address(here, page + 1) if page < pages else "",
        csv=address(
            reverse("metrics:funnel_deals_file", kwargs={"company_slug": company.slug}),
        ),
        several=len(found.quarters) > 1,
        losses=found.losses,
    )


def _back(request: HttpRequest, answer: _Answer) -> str:
    """The funnel with the same question: quarter, segment, unit and stage."""
    slug = request.company.slug  # type: ignore[attr-defined]
    asked = answer.drilled.asked
    url = reverse("metrics:funnel", kwargs={"company_slug": slug})
    back = answer.question.query(
        unit=answer.drilled.unit,
        at=asked.at if asked else None,
        today=asked is not None and asked.today,
        exits=asked is not None and asked.exits,
    )
    return url + ("" if back == "?" else back)


@company_view("deal.view")
@require_safe
def funnel_deals(request: HttpRequest) -> HttpResponse:
    """The deals behind a number of the funnel, a hundred to a page."""
    company = request.company  # type: ignore[attr-defined]
    style = style_of(request)
    answer = _answer(request)
    context = {
        "page": _page(request, answer, style),
        "refused": answer.refused,
        "notices": answer.question.notices,
        "back_url": _back(request, answer),
        "deal_url": deal_prefix(company.slug),
        "definitions_url": reverse("metrics:definitions", kwargs={"company_slug": company.slug}),
    }
    whole = not getattr(request, "htmx", False) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/funnel_deals.html" if whole else "metrics/funnel_deals.html#page"
    return render(request, template, context)


@company_view("deal.view")
@require_safe
def funnel_deals_file(request: HttpRequest) -> HttpResponse:
    """All of them as CSV. What is not understood is said as a page, not as a file."""
    company = request.company  # type: ignore[attr-defined]
    answer = _answer(request)
    found, quarter = answer.found, answer.quarter
    if found is None or quarter is None:
        return funnel_deals(request)
    file = cast(IO[bytes], SpooledTemporaryFile(max_size=_MEMORY))  # noqa: SIM115  FileResponse closes it
    write_csv(
        file,
        headings=drill_headings(currency=company.currency),
        rows=drill_file_rows(company=company, found=found),
    )
    file.seek(0)
    told = (company.slug, *in_file_name(answer.question), quarter.label, found.asked.figure)
    name = f"{'-'.join(told)}.csv"
    response = FileResponse(
        file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8"
    )
    return cast(HttpResponse, response)
