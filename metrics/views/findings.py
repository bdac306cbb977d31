"""Findings: the list with its filters, one finding, and withdrawing it with undo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import formats
from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.permissions import allows
from metrics.permissions import FINDING_ADD
from metrics.selectors.coverage import Coverage, coverage
from metrics.selectors.finding_deals import own_reps
from metrics.selectors.finding_evidence import Evidence
from metrics.selectors.finding_filters import FindingFilter, Picker, finding_filter, pickers
from metrics.selectors.finding_list import FindingList, export_rows, finding_list
from metrics.selectors.finding_page import FindingPage, finding_page
from metrics.selectors.finding_rows import Writer, writer_for
from metrics.selectors.findings import findings_of_deal
from metrics.selectors.themes_by_stage import ThemesByStage, themes_by_stage
from metrics.selectors.voices import voices_of_deal
from metrics.services.findings import put_back_finding, withdraw_finding
from pipeline.exports import write_csv
from pipeline.models import Deal
from pipeline.permissions import THEME_MANAGE
from pipeline.services.history import NotFound
from pipeline.views import answers
from pipeline.views.deal_asking import deal_prefix, may, query_lists, tidied


def actor_of(request: HttpRequest) -> Actor:
    return Actor.member(request.membership)  # type: ignore[attr-defined]


def here(request: HttpRequest, name: str, **more: object) -> str:
    """The address of a page of findings in this company."""
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse(f"metrics:{name}", kwargs={"company_slug": slug, **more})


def finding_prefix(request: HttpRequest) -> str:
    """What stands before a finding's id in the address of its page."""
    return here(request, "finding", finding_id=0).removesuffix("0/")


def today_of(request: HttpRequest) -> date:
    """The company's day."""
    company = request.company  # type: ignore[attr-defined]
    found: date = company.local_day(company.clock(timezone.now()))
    return found


def page_writer(request: HttpRequest) -> Writer:
    """What rows of findings are written with for this reader."""
    company = request.company  # type: ignore[attr-defined]
    return writer_for(company=company, style=answers.style_of(request), today=today_of(request))


@dataclass(frozen=True, slots=True)
class Part:
    """A filter that is on: what it says, and the address without it."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A view of the findings, an order, a pipeline: a link among others."""

    text: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list as its template prints it; of `found`, `themes` and `grid` one is there."""

    asked: FindingFilter
    url: str
    hidden: tuple[tuple[str, str], ...]  # what the search field carries along
    notices: tuple[str, ...]
    pickers: tuple[Picker, ...]
    parts: tuple[Part, ...]
    tabs: tuple[Tab, ...]
    sorts: tuple[Tab, ...]
    pipelines: tuple[Tab, ...]
    found: FindingList | None
    themes: ThemesByStage | None
    grid: Coverage | None
    previous: str
    next: str
    csv: str
    add_url: str
    themes_url: str
    finding_url: str


def _page(request: HttpRequest, query: Mapping[str, Sequence[str]]) -> ListPage:
    writer = page_writer(request)
    asked, notices = finding_filter(query, stages=writer.stages, themes=writer.themes)
    url = here(request, "finding_list")
    company = request.company  # type: ignore[attr-defined]
    asked_pipeline = int(asked.pipeline) if asked.pipeline else writer.stages.first_pipeline()
    found = themes = grid = None
    if asked.view == "themes" and asked_pipeline is not None:
        themes = themes_by_stage(
            company=company,
            pipeline_id=asked_pipeline,
            segment=asked.segment,
            since=asked.since,
            until=asked.until,
            today=today_of(request),
            style=writer.style,
        )
    elif asked.view == "coverage" and asked_pipeline is not None:
        grid = coverage(company=company, pipeline_id=asked_pipeline, stages=writer.stages)
    else:
        number = (list(query.get("page", [])) or ["1"])[-1]
        readable = number.isascii() and number.isdecimal() and len(number) < 8
        found = finding_list(asked=asked, writer=writer, page=int(number) if readable else 1)
    choices = pickers(asked, stages=writer.stages, themes=writer.themes)

    def at(page: int) -> str:
        return url + asked.query([("page", str(page))] if page > 1 else [])

    return ListPage(
        asked=asked,
        url=url,
        hidden=tuple(pair for pair in asked.pairs() if pair[0] != "text"),
        notices=notices,
        pickers=choices,
        parts=_parts(asked, choices, url, writer),
        tabs=_tabs(asked, url),
        sorts=_sorts(asked, url),
        pipelines=tuple(
            Tab(name, url + asked.query(pipeline=str(pk), stage=""), pk == asked_pipeline)
            for pk, name in writer.stages.pipelines
        )
        if asked.view and len(writer.stages.pipelines) > 1
        else (),
        found=found,
        themes=themes,
        grid=grid,
        previous=at(found.page - 1) if found and found.page > 1 else "",
        next=at(found.page + 1) if found and found.page < found.pages else "",
        csv=here(request, "finding_export") + asked.query(view="", sort="weight"),
        add_url=here(request, "finding_add") if may(request, FINDING_ADD) else "",
        themes_url=here(request, "theme_list") if may(request, THEME_MANAGE) else "",
        finding_url=finding_prefix(request),
    )


def _parts(
    asked: FindingFilter, choices: Sequence[Picker], url: str, writer: Writer
) -> tuple[Part, ...]:
    told = [(p.name, f"{p.label}: {p.text}") for p in choices if p.value]
    if asked.text:
        told.insert(0, ("text", f"“{asked.text}”"))
    if asked.deal:
        name = Deal.objects.filter(pk=int(asked.deal)).values_list("name", flat=True).first()
        told.append(("deal", _("Deal: {name}").format(name=name or "")))
    if asked.withdrawn:
        told.append(("withdrawn", _("Withdrawn")))
    parts = [
        Part(text, url + asked.query(**{name: False if name == "withdrawn" else ""}))
        for name, text in told
    ]
    for field, sentence in (("since", _("From {day}")), ("until", _("Up to {day}"))):
        day = getattr(asked, field)
        if day is not None:
            text = formats.day(day, writer.style, today=writer.today)
            parts.append(Part(sentence.format(day=text), url + asked.query(**{field: None})))
    return tuple(parts)


def _tabs(asked: FindingFilter, url: str) -> tuple[Tab, ...]:
    words = {"": _("List"), "themes": _("Themes by stage"), "coverage": _("Where you have looked")}
    return tuple(
        Tab(text, url + asked.query(view=view, sort="weight"), asked.view == view)
        for view, text in words.items()
    )


def _sorts(asked: FindingFilter, url: str) -> tuple[Tab, ...]:
    words = {
        "weight": _("Severe first"),
        "-day": _("Newest first"),
        "day": _("Oldest first"),
        "stage": _("By stage"),
        "theme": _("By theme"),
        "deals": _("Most deals first"),
    }
    return tuple(
        Tab(text, url + asked.query(sort=sort), asked.sort == sort) for sort, text in words.items()
    )


@company_view("finding.view")
@require_safe
def finding_list_page(request: HttpRequest) -> HttpResponse:
    """The list, or with htmx only what a filter changes."""
    if tidy := tidied(request):
        return redirect(tidy)
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/finding_list.html" if whole else "metrics/finding_list.html#page"
    return render(request, template, {"page": _page(request, query_lists(request.GET))})


@answers.surface("metrics:finding_list", target="#page")
def draw_list(request: HttpRequest, asking: answers.Asking) -> str:
    """The list after something was added, withdrawn or put back."""
    context = {"page": _page(request, query_lists(asking.query))}
    return render_to_string("metrics/finding_list.html#page", context, request)


@company_view("finding.view")
@require_safe
def finding_export(request: HttpRequest) -> HttpResponse:
    """The findings that the filter means, as CSV."""
    writer = page_writer(request)
    asked, _notices = finding_filter(
        query_lists(request.GET), stages=writer.stages, themes=writer.themes
    )
    file = BytesIO()
    headings = (
        _("Finding number"),
        _("Statement"),
        _("Quote"),
        _("How it was learned"),
        _("Stage"),
        _("Towards"),
        _("Theme"),
        _("Severity"),
        _("Day learned"),
        _("By"),
        _("Deals"),
        _("Deal numbers"),
        _("Deal names"),
        _("Recorded on"),
    )
    write_csv(file, headings=headings, rows=export_rows(asked=asked, writer=writer))
    response = HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")
    slug = request.company.slug  # type: ignore[attr-defined]
    name = f"{slug}-findings-{today_of(request).isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def evidence_url(request: HttpRequest, one: Evidence) -> str:
    """Where a piece of evidence can be read; "" where there is no page."""
    slug = request.company.slug  # type: ignore[attr-defined]
    names = {
        "deal": ("pipeline:deal", "deal_id"),
        "note": ("pipeline:note", "note_id"),
        "email": ("pipeline:email", "email_id"),
        "review": ("metrics:review", "review_id"),
        "material": ("pipeline:material", "material_id"),
    }
    name, argument = names[one.target]
    page = answers.address_or_none(name, company_slug=slug, **{argument: one.target_id})
    return f"{page}#{one.anchor}" if page and one.anchor else page


def may_change(by: Actor, page: FindingPage) -> bool:
    """May this reader change it: a manager, or the rep who recorded it."""
    if by.role is None or not allows(by.role, FINDING_ADD):
        return False
    return by.manages or page.row.author_id == by.user_id


def _context(request: HttpRequest, finding_id: int) -> dict[str, object] | None:
    by = actor_of(request)
    company = request.company  # type: ignore[attr-defined]
    page = finding_page(
        finding_id=finding_id,
        writer=page_writer(request),
        zone=company.zone,
        own_reps=own_reps(user_id=by.user_id),
    )
    if page is None:
        return None
    changes = may_change(by, page)
    row = page.row
    listed = here(request, "finding_list")
    return {
        "page": page,
        "row": row,
        "tested": tuple(
            (title, here(request, "experiment", experiment_id=pk)) for pk, title in page.tested
        ),
        "evidence": tuple((one, evidence_url(request, one)) for one in page.evidence),
        "list_url": listed,
        "stage_url": f"{listed}?stage={row.stage_id}",
        "theme_url": f"{listed}?theme={row.theme_id}" if row.theme_id else "",
        "deal_url": deal_prefix(company.slug),
        "edit_url": here(request, "finding_edit", finding_id=finding_id) if changes else "",
        "test_url": f"{here(request, 'experiment_new')}?finding={finding_id}" if by.manages else "",
        "withdraw_url": here(request, "finding_withdraw", finding_id=finding_id)
        if changes and not row.withdrawn
        else "",
        "put_back_url": here(request, "finding_put_back", finding_id=finding_id)
        if changes and row.withdrawn
        else "",
    }


@company_view("finding.view")
@require_safe
def finding(request: HttpRequest, finding_id: int) -> HttpResponse:
    """One finding: what it says, what shows it, its deals, and its history."""
    context = _context(request, finding_id)
    if context is None:
        raise Http404
    return render(request, "metrics/finding.html", context)


@answers.surface("metrics:finding", target="#finding")
def draw_finding(request: HttpRequest, asking: answers.Asking) -> str:
    """The page after a change that was asked for from it."""
    context = _context(request, asking.match.kwargs["finding_id"])
    if context is None:
        raise Http404
    return render_to_string("metrics/finding.html#finding", context, request)


@company_view("finding.add")
@require_POST
def finding_withdraw(request: HttpRequest, finding_id: int) -> HttpResponse:
    """Take a finding back; the toast offers to put it back."""
    undo = here(request, "finding_put_back", finding_id=finding_id)
    return _set(request, finding_id, withdrawn=True, said=_("Finding withdrawn"), undo=undo)


@company_view("finding.add")
@require_POST
def finding_put_back(request: HttpRequest, finding_id: int) -> HttpResponse:
    """Put a withdrawn finding back."""
    return _set(request, finding_id, withdrawn=False, said=_("Finding put back"))


def _set(
    request: HttpRequest, finding_id: int, *, withdrawn: bool, said: str, undo: str = ""
) -> HttpResponse:
    back = here(request, "finding", finding_id=finding_id)
    act = withdraw_finding if withdrawn else put_back_finding
    try:
        act(by=actor_of(request), now=timezone.now(), finding_id=finding_id)
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    return answers.done(request, text=said, default=back, undo=undo)


@company_view("finding.view")
@require_safe
def deal_findings(request: HttpRequest, deal_id: int) -> HttpResponse:
    """What was learned from one deal, for its page to fetch; without htmx the filtered list."""
    deal = Deal.objects.filter(pk=deal_id).only("id", "rep_id").first()
    if deal is None:
        raise Http404
    listed = f"{here(request, 'finding_list')}?deal={deal_id}"
    if not answers.scripted(request):
        return redirect(listed)
    by = actor_of(request)
    company = request.company  # type: ignore[attr-defined]
    adds = may(request, FINDING_ADD) and (by.manages or deal.rep_id in own_reps(user_id=by.user_id))
    style = answers.style_of(request)
    both = voices_of_deal(deal_id=deal_id, style=style)
    context = {
        "rows": findings_of_deal(
            company=company, deal_id=deal_id, style=style, today=today_of(request)
        ),
        "voices": both,
        "review_url": here(request, "review", review_id=both.review_id) if both else "",
        "finding_url": finding_prefix(request),
        "list_url": listed,
        "add_url": f"{here(request, 'finding_add')}?deal={deal_id}" if adds else "",
    }
    return render(request, "metrics/deal_findings.html", context)
