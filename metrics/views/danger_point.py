"""One danger point: its page, and the small forms that change it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import formats
from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.formats import Style
from metrics.charts import Chart, Event, Point, Table, line
from metrics.forms.danger_points import DueForm, OwnerForm, RemarkForm, StateForm
from metrics.models import DangerPoint
from metrics.selectors.danger_point import DangerPointPage, danger_point_page
from metrics.selectors.danger_words import possible_owners, state_text
from metrics.services.danger_points import (
    remark,
    set_due,
    set_owner,
    set_state,
    take_back_state,
)
from metrics.views.asking import style_of
from metrics.views.danger_points import list_url, may_manage, point_url
from pipeline.services.history import NotFound
from pipeline.views import answers
from pipeline.views.deal_asking import query_lists

Act = Callable[[dict[str, Any], dict[str, Any]], Any]


def _page(request: HttpRequest, danger_point_id: int) -> DangerPointPage:
    company = request.company  # type: ignore[attr-defined]
    page = danger_point_page(
        company=company,
        danger_point_id=danger_point_id,
        today=company.local_day(company.clock(timezone.now())),
        style=style_of(request),
    )
    if page is None:
        raise Http404
    return page


def _context(request: HttpRequest, danger_point_id: int, **bound: forms.Form) -> dict[str, object]:
    page = _page(request, danger_point_id)
    version = {"version": page.version}
    shown: dict[str, forms.Form] = {
        "state_form": StateForm(initial=version),
        "owner_form": OwnerForm(owners=page.owners, initial={**version, "owner": page.owner_id}),
        "due_form": DueForm(initial={**version, "due_on": page.due.iso if page.due else None}),
        "remark_form": RemarkForm(),
    }
    for name, form in bound.items():
        # Sending it again is a decision made in view of both values.
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["version"] = str(page.version)  # type: ignore[index]
        shown[name] = form
    for name, form in shown.items():
        form.auto_id = f"{name}_%s"
    slug_url = list_url(request, "funnel")
    return {
        **shown,
        "page": page,
        "chart": conversion_chart(page, style=style_of(request)),
        "marks": page.marks,
        "may_manage": may_manage(request),
        "list_url": list_url(request),
        "funnel_url": slug_url + page.funnel_query if page.funnel_query else "",
        "definitions_url": list_url(request, "definitions"),
        "here": point_url(request, page.id),
        "urls": {
            name: point_url(request, page.id, f"danger_{name}")
            for name in ("state", "owner", "due", "remark")
        },
        "findings": [(row, _finding_url(request, row.id)) for row in page.findings],
        "findings_url": _findings_url(request, page),
        "finding_url": _finding_add_url(request, page),
        "test_url": f"{list_url(request, 'experiment_new')}?danger={page.id}"
        if may_manage(request)
        else "",
    }


def _findings_url(request: HttpRequest, page: DangerPointPage) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    url = answers.address_or_none("metrics:finding_list", company_slug=slug)
    return f"{url}?stage={page.stage_ids[-1]}" if url else ""


def _finding_url(request: HttpRequest, finding_id: int) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    return answers.address_or_none("metrics:finding", company_slug=slug, finding_id=finding_id)


def _finding_add_url(request: HttpRequest, page: DangerPointPage) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    url = answers.address_or_none("metrics:finding_add", company_slug=slug)
    return f"{url}?stage={page.stage_ids[-1]}" if url and may_manage(request) else ""


@company_view("danger.view")
@require_safe
def danger_point(request: HttpRequest, danger_point_id: int) -> HttpResponse:
    """The page, or with htmx its changing part."""
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/danger_point.html" if whole else "metrics/danger_point.html#page"
    return render(request, template, _context(request, danger_point_id))


@answers.surface("metrics:danger_point", target="#page")
def draw_danger_point(request: HttpRequest, asking: answers.Asking) -> str:
    """The page after a change of it."""
    context = _context(request, asking.match.kwargs["danger_point_id"])
    return render(request, "metrics/danger_point.html#page", context).content.decode()


@company_view("danger.manage")
@require_POST
def danger_state(request: HttpRequest, danger_point_id: int) -> HttpResponse:
    """Another state, with the reason; can be taken back from the toast."""

    def act(common: dict[str, Any], given: dict[str, Any]) -> DangerPoint:
        return set_state(to=given["to"], version=given["version"], reason=given["reason"], **common)

    return _change(
        request,
        danger_point_id,
        "state_form",
        StateForm(request.POST),
        act,
        said=lambda point: state_text(point.state).word,
        undo=lambda point: f"{point_url(request, point.pk, 'danger_undo')}?version={point.version}",
    )


@company_view("danger.manage")
@require_POST
def danger_undo(request: HttpRequest, danger_point_id: int) -> HttpResponse:
    """Take the newest change of state back, as long as nobody changed it since."""
    told = (query_lists(request.GET).get("version") or [""])[-1]
    version = int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else 0
    here = point_url(request, danger_point_id)
    try:
        point = take_back_state(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            now=timezone.now(),
            danger_point_id=danger_point_id,
            version=version,
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=here)
    said = _("Taken back: {state}").format(state=state_text(point.state).word)
    return answers.done(request, text=said, default=here)


@company_view("danger.manage")
@require_POST
def danger_owner(request: HttpRequest, danger_point_id: int) -> HttpResponse:
    """Who works on it."""

    def act(common: dict[str, Any], given: dict[str, Any]) -> DangerPoint:
        return set_owner(owner_id=given["owner"], version=given["version"], **common)

    form = OwnerForm(request.POST, owners=possible_owners())
    return _change(
        request, danger_point_id, "owner_form", form, act, said=lambda _point: _("Owner saved")
    )


@company_view("danger.manage")
@require_POST
def danger_due(request: HttpRequest, danger_point_id: int) -> HttpResponse:
    """By when."""

    def act(common: dict[str, Any], given: dict[str, Any]) -> DangerPoint:
        return set_due(due_on=given["due_on"], version=given["version"], **common)

    form = DueForm(request.POST)
    return _change(
        request, danger_point_id, "due_form", form, act, said=lambda _point: _("Due day saved")
    )


@company_view("danger.manage")
@require_POST
def danger_remark(request: HttpRequest, danger_point_id: int) -> HttpResponse:
    """Say something about it."""

    def act(common: dict[str, Any], given: dict[str, Any]) -> object:
        return remark(text=given["remark"], **common)

    form = RemarkForm(request.POST)
    return _change(
        request, danger_point_id, "remark_form", form, act, said=lambda _entry: _("Remark added")
    )


def _change(
    request: HttpRequest,
    danger_point_id: int,
    name: str,
    form: forms.Form,
    act: Act,
    *,
    said: Callable[[Any], str],
    undo: Callable[[Any], str] | None = None,
) -> HttpResponse:
    """Do what a form asks and show the page; refused, the page has the form with its values."""
    common = {
        "by": Actor.member(request.membership),  # type: ignore[attr-defined]
        "now": timezone.now(),
        "danger_point_id": danger_point_id,
    }
    if not form.is_valid():
        return _refused(request, danger_point_id, name, form, status=422)
    try:
        changed = act(common, form.cleaned_data)
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        status = 409 if refusal.status == 409 else 422
        return _refused(request, danger_point_id, name, form, status=status)
    return answers.done(
        request,
        text=said(changed),
        undo=undo(changed) if undo else "",
        default=point_url(request, danger_point_id),
    )


def _refused(
    request: HttpRequest, danger_point_id: int, name: str, form: forms.Form, *, status: int
) -> HttpResponse:
    context = _context(request, danger_point_id, **{name: form})
    part = "#page" if answers.scripted(request) else ""
    return render(request, f"metrics/danger_point.html{part}", context, status=status)


def _events(page: DangerPointPage) -> list[Event]:
    """A flag a quarter: changes and experiments, and "Opened" with them where it was."""
    found = {flag.index: Event(flag.index, flag.text, flag.short) for flag in page.flags}
    at = page.opened_index
    if at is not None:
        also = found.get(at)
        text = _("Opened; {what}").format(what=also.text) if also else _("Opened")
        found[at] = Event(at, text, _("Opened"))
    return [found[index] for index in sorted(found)]


def conversion_chart(page: DangerPointPage, *, style: Style) -> Chart:
    """The share that went on, quarter by quarter: what happened is marked, and when this was
    opened."""
    rows = page.quarters
    known = [r for r in rows if r.conversion is not None]
    return line(
        name="conversion",
        title=_("Share that went on from {stage}").format(stage=page.stage),
        reading=_("Last: {figure} in {quarter}.").format(
            figure=known[-1].conversion_text, quarter=known[-1].text
        )
        if known
        else "",
        points=[
            Point(
                label=r.short,
                tip=f"{r.text}, {r.status}\n{r.conversion_text or r.exits}",
                value=r.conversion,
                low=r.low,
                high=r.high,
                running=r.running,
            )
            for r in rows
        ],
        tick=lambda value: (
            formats.percent(
                value, style, decimals=0 if abs(value * 100 - round(value * 100)) < 1e-6 else 1
            )
            or ""
        ),
        height=200,
        events=_events(page) if known else (),
        table=Table(
            head=(_("Quarter"), _("Status"), _("Went on")),
            rows=tuple((r.text, r.status, r.conversion_text) for r in rows),
            raw_head=("quarter", "advanced", "lost", "conversion", "interval_low", "interval_high"),
            raw=tuple((r.label, r.advanced, r.lost_at, r.conversion, r.low, r.high) for r in rows),
        ),
    )
