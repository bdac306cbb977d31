"""Adding and changing a finding: a dialog with htmx, a page without; deals found as one types."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from metrics.forms.findings import EVIDENCE, FindingAddForm, FindingEditForm, FindingForm
from metrics.selectors.finding_deals import deal_choices, known_deals, own_reps
from metrics.selectors.finding_evidence import evidence, stage_of_deal
from metrics.selectors.finding_page import FindingPage, finding_page, finding_values
from metrics.selectors.finding_rows import Writer
from metrics.selectors.finding_sources import SOURCES
from metrics.services.findings import add_finding, change_finding
from metrics.views.findings import (
    actor_of,
    evidence_url,
    here,
    may_change,
    page_writer,
    today_of,
)
from pipeline.services.history import NotFound
from pipeline.views import answers

_FIELDS = ("source", "stage", "towards", "statement", "quote", "severity", "learned_on", "deals")


def _id(text: str) -> int | None:
    """An id as an address says it; what is none asks for nothing."""
    readable = text.isascii() and text.isdecimal() and len(text) < 19
    return int(text) if readable else None


def _scope(by: Actor) -> frozenset[int] | None:
    """Whose deals may be found: a rep's own, a manager's all (None)."""
    return None if by.manages else own_reps(user_id=by.user_id)


def _prefilled(request: HttpRequest, writer: Writer) -> dict[str, Any]:
    """What the address says about the new finding; what this company does not have is left out."""
    query: QueryDict = request.GET
    ids = {name: _id(query.get(name, "")) for name in EVIDENCE}
    shown = evidence(**ids)
    named = {pk for text in query.getlist("deal") if (pk := _id(text)) is not None}
    deals = known_deals(named | {one.deal_id for one in shown if one.deal_id is not None})
    stage = _id(query.get("stage", ""))
    if stage is not None and stage not in writer.stages.stages:
        stage = None
    if stage is not None:
        stage = writer.stages.now(stage)
    elif deals:
        stage = stage_of_deal(deal_id=deals[0])
    source = query.get("source", "")
    days = [one.day for one in shown if one.day is not None]
    return {
        **{name: pk for name, pk in ids.items() if pk is not None and shown},
        "source": source if source in SOURCES else next((e.source for e in shown), ""),
        "stage": stage,
        "towards": _id(query.get("towards", "")),
        "theme": writer.themes.name(_id(query.get("theme", ""))),
        "deals": deals,
        "learned_on": min(days, default=today_of(request)),
    }


@company_view("finding.add")
@require_http_methods(["GET", "HEAD", "POST"])
def finding_add(request: HttpRequest) -> HttpResponse:
    """Add a finding, prefilled with what the address says (stage, deal, the evidence, source)."""
    writer = page_writer(request)
    themes = [name for _pk, name in writer.themes.in_use]
    if request.method != "POST":
        form: FindingForm = FindingAddForm(
            initial=_prefilled(request, writer), stages=writer.stages, themes=themes
        )
        return _show(request, form, writer)
    form = FindingAddForm(request.POST, stages=writer.stages, themes=themes)
    if _looks(request.POST):
        return _look(request, form, writer)
    if not form.is_valid():
        return _show(request, form, writer, status=422)
    given = form.cleaned_data
    try:
        added = add_finding(
            by=actor_of(request),
            now=timezone.now(),
            theme=given["theme"],
            idempotency_key=given["key"],
            **{name: given[name] for name in (*_FIELDS, *EVIDENCE)},
        )
    except DomainError as refusal:
        return _refused(request, form, writer, refusal)
    page = here(request, "finding", finding_id=added.pk)
    return answers.done(
        request,
        text=_("Finding added"),
        default=page,
        undo=here(request, "finding_withdraw", finding_id=added.pk),
        link=(page, _("Look at it")),
        stay=True,
    )


@company_view("finding.add")
@require_http_methods(["GET", "HEAD", "POST"])
def finding_edit(request: HttpRequest, finding_id: int) -> HttpResponse:
    """Change a finding; what stood there before is kept in its history."""
    writer = page_writer(request)
    by = actor_of(request)
    company = request.company  # type: ignore[attr-defined]
    page = finding_page(finding_id=finding_id, writer=writer, zone=company.zone)
    values = finding_values(finding_id=finding_id, writer=writer)
    if page is None or values is None:
        raise Http404
    sentence = _("Somebody else recorded this finding. They or a manager can change it.")
    if not may_change(by, page):
        back = here(request, "finding", finding_id=finding_id)
        return answers.refuse(request, sentence=sentence, status=403, back=back)
    told: dict[str, Any] = {
        "stages": writer.stages,
        "themes": [name for _pk, name in writer.themes.in_use],
        "kept_stage": values.stage,
        "kept_towards": values.towards,
        "kept_source": values.source,
    }
    if request.method != "POST":
        initial = {name: getattr(values, name) for name in (*_FIELDS, "theme", "version")}
        return _show(request, FindingEditForm(initial=initial, **told), writer, page=page)
    form = FindingEditForm(request.POST, **told)
    if _looks(request.POST):
        return _look(request, form, writer, page=page)
    if not form.is_valid():
        return _show(request, form, writer, page=page, status=422)
    given = form.cleaned_data
    changed: dict[str, Any] = {name: given[name] for name in _FIELDS}
    if given["theme"] != values.theme:  # a retired theme that stands there stays
        changed["theme"] = given["theme"]
    try:
        change_finding(
            by=by,
            now=timezone.now(),
            finding_id=finding_id,
            values=changed,
            version=given["version"],
        )
    except DomainError as refusal:
        return _refused(request, form, writer, refusal, page=page)
    return answers.done(
        request,
        text=_("Finding saved"),
        default=here(request, "finding", finding_id=finding_id),
    )


def _looks(data: Mapping[str, Any]) -> bool:
    """Was a deal looked for, by its button or by Enter in its field, and not saved?"""
    return "look" in data or ("save" not in data and bool(data.get("find", "").strip()))


def _look(
    request: HttpRequest, form: FindingForm, writer: Writer, page: FindingPage | None = None
) -> HttpResponse:
    """The form as it was filled in, with the deals that were found; no field is to blame yet."""
    form.errors.clear()
    return _show(request, form, writer, page=page)


def _refused(
    request: HttpRequest,
    form: FindingForm,
    writer: Writer,
    refusal: DomainError,
    page: FindingPage | None = None,
) -> HttpResponse:
    if isinstance(refusal, NotFound):
        raise Http404 from refusal
    form.add_error(None, refusal.sentence)
    if refusal.status == 409 and page is not None:
        # What stands there now is beside what was typed; saving again is a decision.
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["version"] = str(page.version)  # type: ignore[index]
    return _show(request, form, writer, page=page, status=refusal.status)


def _chosen(form: FindingForm) -> list[int]:
    """The deals that are ticked in the form as it stands."""
    if not form.is_bound:
        return list(form.initial.get("deals") or ())
    told = form.data.getlist("deals")  # type: ignore[attr-defined]
    return [pk for text in told if (pk := _id(text)) is not None]


def _show(
    request: HttpRequest,
    form: FindingForm,
    writer: Writer,
    *,
    page: FindingPage | None = None,
    status: int = 200,
) -> HttpResponse:
    by = actor_of(request)
    ids = {name: _id(str(form[name].value() or "")) for name in EVIDENCE if name in form.fields}
    shown = page.evidence if page is not None else evidence(**ids)
    default = (
        here(request, "finding_list")
        if page is None
        else here(request, "finding", finding_id=page.row.id)
    )
    back = answers.came_from(request, default=default)
    severities = tuple(
        (radio, {"high": "triangle-alert", "medium": "flag"}.get(str(radio.data["value"]), "minus"))
        for radio in form["severity"]
    )
    context: dict[str, object] = {
        "form": form,
        "tiles": tuple(zip(form.sources, form["source"], strict=True)),
        "severities": severities,
        "edits": page is not None,
        "evidence": tuple((one, evidence_url(request, one)) for one in shown),
        "choices": deal_choices(
            text=str(form["find"].value() or ""), chosen=_chosen(form), own=_scope(by)
        ),
        "looked": str(form["find"].value() or "").strip(),
        "own_only": not by.manages,
        "url": request.path,
        "deals_url": here(request, "finding_deals"),
        "back": default if back.startswith(request.path) else back,
    }
    return answers.form_page(request, "metrics/finding_form.html", context, status=status)


@company_view("finding.add")
@require_safe
def finding_deals(request: HttpRequest) -> HttpResponse:
    """The boxes under the deal field, as one types; without htmx the form itself."""
    if not answers.scripted(request):
        return redirect(here(request, "finding_add"))
    ticked = [pk for text in request.GET.getlist("deals") if (pk := _id(text)) is not None]
    looked = request.GET.get("find", "")
    context = {
        "choices": deal_choices(text=looked, chosen=ticked[:200], own=_scope(actor_of(request))),
        "looked": looked.strip(),
    }
    return render(request, "metrics/finding_form.html#deals", context)
