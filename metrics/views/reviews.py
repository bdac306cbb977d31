"""Reviews: what to look at next, those that there are, and their answers as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from io import BytesIO

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import company_view
from accounts.actors import Actor
from metrics.models import Review
from metrics.permissions import GUIDE_MANAGE, REVIEW_RECORD
from metrics.selectors import figures
from metrics.selectors.filters import Choice, Question, pipeline_choices, question_from
from metrics.selectors.quarters_picker import kept_of
from metrics.selectors.review_list import (
    ReviewFilter,
    ReviewList,
    export_headings,
    export_rows,
    review_filter,
    review_list,
)
from metrics.selectors.review_queue import ReviewQueues, review_queues
from metrics.selectors.review_words import KINDS, Word, kind_word, state_word
from metrics.views.asking import with_pipeline
from pipeline.exports import write_csv
from pipeline.views import answers
from pipeline.views.deal_asking import deal_prefix, may, query_lists, tidied


def here(request: HttpRequest, name: str, **more: object) -> str:
    """The address of a page of reviews in this company."""
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse(f"metrics:{name}", kwargs={"company_slug": slug, **more})


def actor_of(request: HttpRequest) -> Actor:
    return Actor.member(request.membership)  # type: ignore[attr-defined]


def today_of(request: HttpRequest) -> date:
    """The company's day."""
    company = request.company  # type: ignore[attr-defined]
    found: date = company.local_day(company.clock(timezone.now()))
    return found


@dataclass(frozen=True, slots=True)
class Tab:
    """A link among others."""

    text: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class GuideLink:
    """The questions of one kind, and a sheet of them to print."""

    kind: Word
    href: str
    blank: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """The page as its template prints it: of `queues` and `found` one is there."""

    url: str
    asked: ReviewFilter
    notices: tuple[str, ...]
    pipelines: tuple[Choice, ...]  # that the proposals may be of; none where there is one
    pipeline: int | None  # None for the one shown first
    tabs: tuple[Tab, ...]
    kinds: tuple[Tab, ...]
    states: tuple[Tab, ...]
    queues: ReviewQueues | None
    found: ReviewList | None
    previous: str
    next: str
    csv: str
    done_url: str
    start_url: str  # empty for those who only read
    guides: tuple[GuideLink, ...]
    manages_guides: bool
    deal_url: str
    review_url: str
    deals_url: str


def _page(request: HttpRequest, query: Mapping[str, Sequence[str]]) -> ListPage:
    told = dict(query)
    listed = (list(told.pop("view", [])) or [""])[-1] == "done"
    number = (list(told.pop("page", [])) or ["1"])[-1]
    question, pipelines = Question(), {}
    if not listed:  # the reviews so far are of all pipelines
        question = question_from({"pipeline": told.pop("pipeline", ())}, accepts=("pipeline",))
    asked, notices = review_filter(told)
    url = here(request, "review_list")
    company = request.company  # type: ignore[attr-defined]
    style = answers.style_of(request)
    queues = found = None
    if listed:
        readable = number.isascii() and number.isdecimal() and len(number) < 8
        found = review_list(asked=asked, style=style, page=int(number) if readable else 1)
    else:
        pipelines = figures.pipelines_of(company=company)
        question, pipeline_id = with_pipeline(question, pipelines)
        queues = review_queues(
            company=company,
            now=timezone.now(),
            style=style,
            kind=asked.kind,
            pipeline_id=pipeline_id,
        )
    view = (("view", "done"),) if listed else kept_of(question)

    def at(page: int) -> str:
        return url + asked.query([*view, ("page", str(page))])

    return ListPage(
        url=url,
        asked=asked,
        notices=(*notices, *question.notices),
        pipelines=pipeline_choices(
            question,
            pipelines,
            address=lambda one: asked.query(kept_of(replace(question, pipeline=one))),
        ),
        pipeline=question.pipeline,
        tabs=(
            Tab(
                _("What to look at next"),
                url + asked.query(state="", author="", deal="", text=""),
                not listed,
            ),
            Tab(_("Reviews so far"), url + asked.query([("view", "done")]), listed),
        ),
        kinds=(
            Tab(_("All kinds"), url + asked.query(view, kind=""), not asked.kind),
            *(
                Tab(kind_word(kind).word, url + asked.query(view, kind=kind), asked.kind == kind)
                for kind in KINDS
            ),
        ),
        states=tuple(
            Tab(
                state_word(state).word,
                url + asked.query(view, state="" if asked.state == state else state),
                asked.state == state,
            )
            for state in Review.State.values
        )
        if listed
        else (),
        queues=queues,
        found=found,
        previous=at(found.page - 1) if found and found.page > 1 else "",
        next=at(found.page + 1) if found and found.page < found.pages else "",
        csv=here(request, "review_export") + asked.query(),
        done_url=f"{url}?view=done",
        start_url=here(request, "review_start") if may(request, REVIEW_RECORD) else "",
        guides=tuple(
            GuideLink(
                kind_word(kind),
                here(request, "guide", kind=kind),
                here(request, "guide_blank", kind=kind),
            )
            for kind in KINDS
        ),
        manages_guides=may(request, GUIDE_MANAGE),
        deal_url=deal_prefix(company.slug),
        review_url=here(request, "review", review_id=0).removesuffix("0/"),
        deals_url=answers.address_or_none("metrics:funnel_deals", company_slug=company.slug),
    )


@company_view("review.view")
@require_safe
def review_list_page(request: HttpRequest) -> HttpResponse:
    """What to look at next, or the reviews so far; with htmx only what a filter changes."""
    if tidy := tidied(request):
        return redirect(tidy)
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/review_list.html" if whole else "metrics/review_list.html#page"
    return render(request, template, {"page": _page(request, query_lists(request.GET))})


@answers.surface("metrics:review_list", target="#page")
def draw_list(request: HttpRequest, asking: answers.Asking) -> str:
    """The page after a review was withdrawn or put back from it."""
    context = {"page": _page(request, query_lists(asking.query))}
    return render_to_string("metrics/review_list.html#page", context, request)


@company_view("review.view")
@require_safe
def review_export(request: HttpRequest) -> HttpResponse:
    """The answers of the reviews that the filter means, as CSV."""
    asked, _notices = review_filter(query_lists(request.GET))
    file = BytesIO()
    write_csv(file, headings=export_headings(), rows=export_rows(asked=asked))
    response = HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")
    slug = request.company.slug  # type: ignore[attr-defined]
    name = f"{slug}-reviews-{today_of(request).isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
