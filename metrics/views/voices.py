"""Two voices: the rep's and the buyer's reason for a loss, and whom we asked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import formats
from accounts.access import company_view
from metrics.calc.calendar import Quarter
from metrics.selectors import figures
from metrics.selectors.filters import Choice, Filters, Question, filters_for, question_from
from metrics.selectors.interview_coverage import (
    InterviewCoverage,
    coverage_file_rows,
    coverage_headings,
    interview_coverage,
)
from metrics.selectors.lost_deals import LostPeriod, lost_deals
from metrics.selectors.voices import (
    Voices,
    interviewed_of,
    voices,
    voices_file_rows,
    voices_headings,
)
from metrics.views.asking import Empty, in_file_name, style_of, with_pipeline
from metrics.views.reviews import here
from pipeline.exports import Value, write_csv
from pipeline.views.deal_asking import deal_prefix

RECENT = 5  # quarters: the newest and the four before it


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address asks, and the lost deals that it means. `chosen` is empty where there is
    no such quarter."""

    question: Question
    quarters: tuple[Quarter, ...]
    chosen: tuple[Quarter, ...]
    period: LostPeriod
    pipelines: dict[int, str]
    pipeline_id: int | None


def _asked(request: HttpRequest) -> _Asked:
    company = request.company  # type: ignore[attr-defined]
    pipelines, now = figures.pipelines_of(company=company), timezone.now()
    question, pipeline_id = with_pipeline(
        question_from(dict(request.GET.lists()), accepts=("pipeline",)), pipelines
    )
    quarters = figures.quarters_of(company=company, pipeline_id=pipeline_id)
    chosen = quarters[-RECENT:]
    if question.quarter is not None:
        chosen = tuple(q for q in quarters if q.label == question.quarter)
        if not chosen:
            notice = _("There is no quarter called {quarter}").format(quarter=question.quarter)
            chosen = quarters[-RECENT:]
            notices = (*question.notices, notice + ".")
            question = replace(question, quarter=None, notices=notices)

    def lost(segment: str) -> LostPeriod:
        return lost_deals(
            company=company, quarters=chosen, segment=segment, now=now, pipeline_id=pipeline_id
        )

    try:
        period = lost(question.segment)
    except ValueError:
        notices = (*question.notices, _("There is no segment of that name."))
        question = replace(question, segment="all", notices=notices)
        period = lost("all")
    return _Asked(question, quarters, chosen, period, pipelines, pipeline_id)


def _filters(request: HttpRequest, asked: _Asked) -> Filters:
    """The filter row; without a quarter the recent ones together are meant."""
    company = request.company  # type: ignore[attr-defined]
    labels = [q.label for q in asked.quarters]
    segments: tuple[str, ...] = ()
    if asked.chosen:
        segments = figures.segments_of(
            company=company, quarter=asked.chosen[-1], pipeline_id=asked.pipeline_id
        )
    filters = filters_for(
        question=asked.question,
        quarters=labels,
        statuses={},
        segments=segments,
        pipelines=asked.pipelines,
    )
    together = asked.question.quarter is None
    recent = Choice(_recent_text(asked), asked.question.query(quarter=None), "", together)
    single = tuple(
        replace(choice, current=choice.current and not together) for choice in filters.quarters
    )
    return replace(
        filters,
        quarter=recent.text if together and labels else filters.quarter,
        compared="",
        quarters=(recent, *single) if labels else (),
    )


def _recent_text(asked: _Asked) -> str:
    recent = asked.quarters[-RECENT:]
    if not recent:
        return ""
    first, last = formats.quarter(recent[0].label), formats.quarter(recent[-1].label)
    return first if first == last else _("{first} to {last}").format(first=first, last=last)


@dataclass(frozen=True, slots=True)
class VoicesPage:
    """The page as its template prints it: `found` and `coverage`, or why there is nothing."""

    url: str
    filters: Filters
    found: Voices | None
    coverage: InterviewCoverage | None
    empty: Empty | None
    behind: bool
    deals_csv: str
    coverage_csv: str
    deal_url: str
    review_url: str


def _page(request: HttpRequest) -> VoicesPage:
    company, style = request.company, style_of(request)  # type: ignore[attr-defined]
    asked = _asked(request)
    url, query = here(request, "voices"), asked.question.query()
    found = voices(deals=asked.period.deals, style=style)
    empty = None if found.rows else _empty(request, asked, found)
    return VoicesPage(
        url=url,
        filters=_filters(request, asked),
        found=None if empty else found,
        coverage=None
        if empty
        else interview_coverage(
            deals=asked.period.deals, interviewed=found.interviewed, style=style
        ),
        empty=empty,
        behind=asked.period.behind,
        deals_csv=here(request, "voices_export") + query,
        coverage_csv=here(request, "voices_coverage") + query,
        deal_url=deal_prefix(company.slug),
        review_url=here(request, "review", review_id=0).removesuffix("0/"),
    )


def _empty(request: HttpRequest, asked: _Asked, found: Voices) -> Empty:
    question = asked.question
    wide = question.query(quarter=None, segment="all")  # all that this page can show
    reviews = here(request, "review_list") + f"{wide}&kind=lost_interview".replace("?&", "?")
    if found.elsewhere:
        return Empty(
            _("No interview about these deals"),
            _("The finished interviews are about deals of other quarters or segments."),
            here(request, "voices") + wide if question.query() != wide else reviews,
            _("Show all deals of the last quarters")
            if question.query() != wide
            else _("See whom to ask next"),
        )
    return Empty(
        _("No lost prospect interviewed yet"),
        _(
            "Start with one who was lost lately: the page of reviews proposes whom to ask, and the"
            " guide says what. Here the buyer's reason will stand beside the rep's."
        ),
        reviews,
        _("See whom to ask"),
    )


@company_view("voices.view")
@require_safe
def voices_page(request: HttpRequest) -> HttpResponse:
    """Both reasons of each interviewed loss; with htmx only what a filter changes."""
    whole = not getattr(request, "htmx", False) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/voices.html" if whole else "metrics/voices.html#page"
    return render(request, template, {"page": _page(request)})


@company_view("voices.view")
@require_safe
def voices_export(request: HttpRequest) -> HttpResponse:
    """The deals with both voices that the address means, as CSV."""
    asked = _asked(request)
    rows = voices_file_rows(deals=asked.period.deals)
    return _file(request, asked, "two-voices", voices_headings, rows)


@company_view("voices.view")
@require_safe
def voices_coverage(request: HttpRequest) -> HttpResponse:
    """Interviewed and lost deals by group, as CSV."""
    asked = _asked(request)
    deals = asked.period.deals
    rows = coverage_file_rows(
        deals=deals, interviewed=interviewed_of(deals=deals), style=style_of(request)
    )
    return _file(request, asked, "interview-coverage", coverage_headings, rows)


def _file(
    request: HttpRequest,
    asked: _Asked,
    name: str,
    headings: Callable[[], Sequence[str]],
    rows: Iterable[Sequence[Value]],
) -> HttpResponse:
    file = BytesIO()
    write_csv(file, headings=headings(), rows=rows)
    response = HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")
    period = "-to-".join(dict.fromkeys(q.label for q in (asked.chosen[:1] + asked.chosen[-1:])))
    slug = request.company.slug  # type: ignore[attr-defined]
    parts = [slug, *in_file_name(asked.question), name, *([period] if period else [])]
    response["Content-Disposition"] = f'attachment; filename="{"-".join(parts)}.csv"'
    return response
