"""The quarterly review: as a page, printed, as PDF and as a workbook; its texts are edited here."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from metrics.charts import Chart
from metrics.forms.quarter_reviews import ReviewForm
from metrics.reports.document import Section, Term
from metrics.reports.quarterly import Review
from metrics.reports.quarterly_files import review_charts, review_of, review_pdf
from metrics.reports.workbook import write_workbook
from metrics.selectors.definitions import terms
from metrics.selectors.quarter_reviews import Written, written_of
from metrics.selectors.quarters_picker import query_of
from metrics.services.quarter_reviews import write_review
from metrics.views.asking import in_file_name, style_of
from metrics.views.quarters_asking import OneQuarter, address, one_quarter
from pipeline.services.history import NotFound
from pipeline.views import answers
from pipeline.views.deal_asking import may

PERMISSION = "quarter.review"
_KINDS = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _review(request: HttpRequest, asked: OneQuarter, written: Written) -> Review:
    assert asked.pipeline_id is not None  # a quarter has figures of a pipeline
    return review_of(
        company=request.company,  # type: ignore[attr-defined]
        pipeline_id=asked.pipeline_id,
        pipeline=asked.pipeline,
        quarter=asked.quarter,
        quarters=asked.quarters,
        versions=asked.versions,
        written=written,
        style=style_of(request),
        now=timezone.now(),
    )


def _of(request: HttpRequest, label: str) -> tuple[OneQuarter, Written]:
    asked = one_quarter(request, label)
    return asked, written_of(pipeline_id=asked.pipeline_id, start=asked.quarter.start)


@company_view("quarter.view")
@require_safe
def quarter_review(request: HttpRequest, label: str) -> HttpResponse:
    """The page: sentences, pictures, tables; the same report as the files."""
    asked, written = _of(request, label)
    review = _review(request, asked, written)
    charts = review_charts(review, style=style_of(request))
    sections: list[tuple[Section, tuple[Chart, ...]]] = [
        (part, tuple(charts[name] for name in part.pictures if name in charts))
        for part in review.report.sections
    ]
    kept = query_of(asked.kept)
    context: dict[str, object] = {
        "report": review.report,
        "sections": sections,
        "written": written,
        "quarter_url": address(request, "quarter", label=label) + kept,
        "list_url": address(request, "quarter_list") + kept,
        "definitions_url": address(request, "definitions"),
        "edit_url": address(request, "quarter_review_edit", label=label) + kept
        if may(request, PERMISSION)
        else "",
        "pdf_url": address(request, "quarter_review_file", label=label, kind="pdf") + kept,
        "xlsx_url": address(request, "quarter_review_file", label=label, kind="xlsx") + kept,
    }
    return render(request, "metrics/quarter_review.html", context)


@company_view("quarter.view")
@require_safe
def quarter_review_file(request: HttpRequest, label: str, kind: str) -> HttpResponse:
    """The review as `pdf` or `xlsx`."""
    if kind not in _KINDS:
        raise Http404
    asked, written = _of(request, label)
    review = _review(request, asked, written)
    report = review.report
    if kind == "pdf":
        body = review_pdf(review, style=style_of(request))
    else:
        body = write_workbook(
            report,
            terms=[Term(name, text) for name, text in terms()],
            about=_("Review"),
            definitions=(_("Definitions"), _("Figure"), _("What it means")),
        )
    response = HttpResponse(body, content_type=_KINDS[kind])
    company = request.company  # type: ignore[attr-defined]
    name = "-".join((company.slug, *in_file_name(asked.question), label, f"review.{kind}"))
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@company_view(PERMISSION)
@require_http_methods(["GET", "HEAD", "POST"])
def quarter_review_edit(request: HttpRequest, label: str) -> HttpResponse:
    """The summary and the next quarter's three bets."""
    asked, written = _of(request, label)
    page = address(request, "quarter_review", label=label) + query_of(asked.kept)
    context: dict[str, object] = {
        "title": _("Write the review of {quarter}").format(quarter=asked.name),
        "action": request.get_full_path(),
        "back": answers.came_from(request, default=page),
    }
    if request.method != "POST":
        form = ReviewForm(initial=_initial(written))
        return answers.form_page(
            request, "metrics/quarter_review_form.html", {**context, "form": form}
        )
    form, status = ReviewForm(request.POST), 422
    if form.is_valid():
        try:
            _save(request, asked, form)
        except NotFound as missing:
            raise Http404 from missing
        except DomainError as refusal:
            form.add_error(None, refusal.sentence)
            status = refusal.status
            if status == 409:
                _show_both(form, written)
        else:
            return answers.done(request, text=_("Review saved"), default=page)
    context["form"] = form
    return answers.form_page(request, "metrics/quarter_review_form.html", context, status=status)


def _initial(written: Written) -> dict[str, Any]:
    bets = {f"bet_{n}": bet for n, bet in enumerate(written.bets, start=1)}
    return {"summary": written.summary, "version": written.version, **bets}


def _save(request: HttpRequest, asked: OneQuarter, form: ReviewForm) -> None:
    assert asked.pipeline_id is not None
    write_review(
        by=Actor.member(request.membership),  # type: ignore[attr-defined]
        now=timezone.now(),
        pipeline_id=asked.pipeline_id,
        quarter_start=asked.quarter.start,
        summary=form.cleaned_data["summary"],
        bets=form.bets,
        version=form.cleaned_data["version"],
    )


def _show_both(form: ReviewForm, written: Written) -> None:
    """What stands there now, beside what was typed; sent again, it is a decision."""
    form.data = form.data.copy()  # type: ignore[attr-defined]
    form.data["version"] = str(written.version)  # type: ignore[index]
    for name, value in _initial(written).items():
        if name != "version" and value and value != form.data.get(name):
            form.add_error(name, _("There now: {text}").format(text=value))
