"""The quarterly review: as a page, printed, as PDF and as a workbook; its texts are edited here."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import formats
from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from metrics.charts import Chart, svg_file
from metrics.forms.quarter_reviews import ReviewForm
from metrics.reports.document import Section, Term
from metrics.reports.pdf import Picture, Words, write_pdf
from metrics.reports.quarterly import Asked, Review, quarterly_review
from metrics.reports.workbook import write_workbook
from metrics.selectors.definitions import terms
from metrics.selectors.quarter_reviews import Written, written_of
from metrics.selectors.sign_off_words import signature_texts
from metrics.selectors.sign_offs import sign_offs_of
from metrics.services.quarter_reviews import write_review
from metrics.views.asking import style_of
from metrics.views.funnel_charts import whole_funnel
from metrics.views.quarters_asking import OneQuarter, address, one_quarter
from metrics.views.velocity_charts import velocity_charts
from pipeline.services.history import NotFound
from pipeline.views import answers
from pipeline.views.deal_asking import may

PERMISSION = "quarter.review"
_KINDS = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _review(request: HttpRequest, asked: OneQuarter, written: Written) -> Review:
    company = request.company  # type: ignore[attr-defined]
    assert asked.pipeline_id is not None  # a quarter has figures of a pipeline
    style, start = style_of(request), asked.quarter.start
    signed = sign_offs_of(company=company, pipeline_id=asked.pipeline_id, quarter_start=start)
    return quarterly_review(
        Asked(
            company=company,
            pipeline_id=asked.pipeline_id,
            quarter=asked.quarter,
            quarters=[q for q in asked.quarters if q.start <= start],
            versions=asked.versions,
            signatures=signature_texts(
                signed.get(start, ()),
                quarter_url=address(request, "quarter", label=asked.quarter.label),
                style=style,
            ),
            written=written,
            today=company.clock(timezone.now()).astimezone(company.zone),
            style=style,
            language=translation.get_language() or "en",
        )
    )


def _charts(request: HttpRequest, review: Review) -> dict[str, Chart]:
    style = style_of(request)
    charts = velocity_charts(review.velocity, style=style) if review.velocity else {}
    if review.funnel is not None:
        charts["funnel"] = whole_funnel(review.funnel, style=style)
    return charts


def _of(request: HttpRequest, label: str) -> tuple[OneQuarter, Written]:
    asked = one_quarter(request, label)
    return asked, written_of(pipeline_id=asked.pipeline_id, start=asked.quarter.start)


@company_view("quarter.view")
@require_safe
def quarter_review(request: HttpRequest, label: str) -> HttpResponse:
    """The page: sentences, pictures, tables; the same report as the files."""
    asked, written = _of(request, label)
    review = _review(request, asked, written)
    charts = _charts(request, review)
    sections: list[tuple[Section, tuple[Chart, ...]]] = [
        (part, tuple(charts[name] for name in part.pictures if name in charts))
        for part in review.report.sections
    ]
    context: dict[str, object] = {
        "report": review.report,
        "sections": sections,
        "written": written,
        "quarter_url": address(request, "quarter", label=label),
        "list_url": address(request, "quarter_list"),
        "definitions_url": address(request, "definitions"),
        "edit_url": address(request, "quarter_review_edit", label=label)
        if may(request, PERMISSION)
        else "",
        "pdf_url": address(request, "quarter_review_file", label=label, kind="pdf"),
        "xlsx_url": address(request, "quarter_review_file", label=label, kind="xlsx"),
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
        body = write_pdf(report, pictures=_pictures(request, review), words=_words(report.printed))
    else:
        body = write_workbook(
            report,
            terms=[Term(name, text) for name, text in terms()],
            about=_("Review"),
            definitions=(_("Definitions"), _("Figure"), _("What it means")),
        )
    response = HttpResponse(body, content_type=_KINDS[kind])
    company = request.company  # type: ignore[attr-defined]
    name = f"{company.slug}-{label}-review.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pictures(request: HttpRequest, review: Review) -> dict[str, Picture]:
    drawn = {}
    for name, chart in _charts(request, review).items():
        svg = svg_file(chart, caption="")
        if svg is not None:
            drawn[name] = Picture(svg, chart.reading)
    return drawn


def _words(printed: str) -> Words:
    return Words(
        page=_("Page {n} of {total}"), footer=_("Printed on {moment}").format(moment=printed)
    )


@company_view(PERMISSION)
@require_http_methods(["GET", "HEAD", "POST"])
def quarter_review_edit(request: HttpRequest, label: str) -> HttpResponse:
    """The summary and the next quarter's three bets."""
    asked, written = _of(request, label)
    page = address(request, "quarter_review", label=label)
    context: dict[str, object] = {
        "title": _("Write the review of {quarter}").format(quarter=formats.quarter(label)),
        "action": request.path,
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
