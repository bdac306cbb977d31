"""All quarters of the company, side by side: how they went, and whether to believe it."""

import io
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import company_view
from accounts.permissions import allows
from accounts.roles import Role
from metrics.calc.calendar import Quarter
from metrics.selectors import figures
from metrics.selectors.filters import Choice, Question, question_from, segment_text
from metrics.selectors.marks import Mark, flags, mark_lines, marks_of
from metrics.selectors.quarters_definitions import changes_over_time
from metrics.selectors.quarters_export import quarter_table
from metrics.selectors.quarters_list import quarter_list as rows_of
from metrics.selectors.quarters_picker import kept_of, query_of, segment_picker, side_by_side_chip
from metrics.selectors.quarters_versions import (
    definitions_by_quarter,
    every_segment,
    signatures,
    versions_by_quarter,
)
from metrics.views.asking import Empty, in_file_name, style_of, with_pipeline
from metrics.views.quarters_asking import address, drawn
from metrics.views.quarters_charts import multiples
from pipeline.exports import write_csv


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address asks, and where its figures come from."""

    question: Question
    pipelines: dict[int, str]
    pipeline_id: int | None
    quarters: tuple[Quarter, ...]
    names: tuple[str, ...]  # the segment, or the two that stand side by side


def _none_yet(request: HttpRequest) -> Empty:
    """Before the first deal: who may open one is offered to."""
    title = _("No quarter yet")
    if not allows(Role(request.membership.role), "deal.open"):  # type: ignore[attr-defined]
        return Empty(title, _("A quarter appears with the first deals."))
    slug = request.company.slug  # type: ignore[attr-defined]
    return Empty(
        title,
        _("A quarter appears with the first deals. Import your deals to see it."),
        reverse("pipeline:deal_open", kwargs={"company_slug": slug}),
        _("New deal"),
    )


def _asked(request: HttpRequest) -> _Asked:
    company = request.company  # type: ignore[attr-defined]
    pipelines = figures.pipelines_of(company=company)
    question, pipeline_id = with_pipeline(
        question_from(dict(request.GET.lists()), accepts=("pipeline", "vs")), pipelines
    )
    return _Asked(
        question=question,
        pipelines=pipelines,
        pipeline_id=pipeline_id,
        quarters=figures.quarters_of(company=company, pipeline_id=pipeline_id),
        names=(question.segment, *((question.versus,) if question.versus else ())),
    )


def _read(request: HttpRequest, asked: _Asked) -> dict[str, object]:
    """What both the page and its file are made of."""
    company = request.company  # type: ignore[attr-defined]
    versions = versions_by_quarter(
        company=company, pipeline_id=asked.pipeline_id, segment=asked.question.segment
    )
    return {
        "quarters": asked.quarters,
        "segments": asked.names,
        "figures": figures.figures_by_segment(
            company=company, segments=asked.names, pipeline_id=asked.pipeline_id
        ),
        "versions": versions,
        "signed": signatures(company=company, pipeline_id=asked.pipeline_id, versions=versions),
        "definitions": definitions_by_quarter(company=company, pipeline_id=asked.pipeline_id),
    }


@company_view("quarter.view")
@require_safe
def quarter_list(request: HttpRequest) -> HttpResponse:
    """The page, or with htmx only what changes when a filter does."""
    company = request.company  # type: ignore[attr-defined]
    style, asked = style_of(request), _asked(request)
    here = address(request, "quarter_list")
    read = _read(request, asked)
    today = company.local_day(timezone.now())
    page = rows_of(**read, style=style, today=today)  # type: ignore[arg-type]
    empty = None
    if page is None:
        empty = _none_yet(request)
    elif not any(line.cells for row in page.rows for line in row.lines):
        empty = Empty(
            _("No deals here"),
            _("{segment} has no deal in any quarter.").format(
                segment=segment_text(asked.question.segment)
            ),
            here + query_of(kept_of(asked.question)),
            _("Show all deals"),
        )
    happened: tuple[Mark, ...] = ()
    if asked.pipeline_id is not None:
        happened = marks_of(
            company=company, pipeline_id=asked.pipeline_id, segment=asked.question.segment
        )
    segments = every_segment(company=company, pipeline_id=asked.pipeline_id)
    question = asked.question
    kept, of = kept_of(question), ("seg", question.segment)
    told = query_of((*kept, of, ("vs", question.versus)))
    beside: Choice | None = side_by_side_chip(question, segments, kept)
    context: dict[str, object] = {
        "page": None if empty else page,
        "empty": empty,
        "picker": segment_picker(
            question=question, segments=segments, kept=kept, pipelines=asked.pipelines
        ),
        "beside": beside,
        "alone": query_of((*kept, of)) if question.versus else "",
        "charts": multiples(page, flags(happened, asked.quarters, style))
        if page and not empty
        else (),
        "marks": mark_lines(happened, asked.quarters, style),
        "changes": changes_over_time(asked.quarters, read["definitions"], style),  # type: ignore[arg-type]
        "page_url": here,
        "query": query_of((*kept, of)).removeprefix("?"),
        "kept": query_of(kept),
        "csv_url": address(request, "quarter_export") + told,
        "compare_url": address(request, "quarter_compare") + query_of((*kept, of)),
        "definitions_url": address(request, "definitions"),
    }
    return drawn(request, "metrics/quarter_list.html", context)


@company_view("quarter.view")
@require_safe
def quarter_export(request: HttpRequest) -> HttpResponse:
    """All quarters as CSV, for the same question: numbers with all their digits."""
    company = request.company  # type: ignore[attr-defined]
    asked = _asked(request)
    headings, rows = quarter_table(**_read(request, asked), currency=company.currency)  # type: ignore[arg-type]
    file = io.BytesIO()
    write_csv(file, headings=headings, rows=rows)
    response = HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")
    name = "-".join((company.slug, *in_file_name(asked.question), "quarters"))
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
