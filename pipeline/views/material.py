"""Enablement material: the list with its filters, one material, and changing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Membership
from pipeline.forms.material import MaterialForm
from pipeline.permissions import MATERIAL_MANAGE
from pipeline.selectors.material_filters import (
    MaterialFilter,
    MaterialPicker,
    material_filter,
    pickers,
)
from pipeline.selectors.material_list import MaterialList, material_list
from pipeline.selectors.material_page import MaterialFacts, material_facts, material_page
from pipeline.selectors.stage_choices import StageNames, stage_names
from pipeline.selectors.themes import ThemeBook, theme_book
from pipeline.services.history import NotFound
from pipeline.services.material import (
    MaterialValues,
    add_material,
    change_material,
    restore_material,
    retire_material,
)
from pipeline.views import answers
from pipeline.views.deal_asking import deal_prefix, may, query_lists, tidied


def material_url(request: HttpRequest, name: str, **more: int) -> str:
    """The address of a page of material in this company."""
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse(f"pipeline:{name}", kwargs={"company_slug": slug, **more})


def company_today(request: HttpRequest) -> date:
    """The company's day."""
    company = request.company  # type: ignore[attr-defined]
    found: date = company.local_day(company.clock(timezone.now()))
    return found


@dataclass(frozen=True, slots=True)
class Part:
    """A filter that is on: what it says, and the address without it."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list as its template prints it."""

    asked: MaterialFilter
    url: str
    notices: tuple[str, ...]
    pickers: tuple[MaterialPicker, ...]
    parts: tuple[Part, ...]
    found: MaterialList
    due_url: str
    retired_url: str
    previous: str
    next: str
    add_url: str
    gaps_url: str
    material_url: str


def _page(request: HttpRequest, query: Mapping[str, Sequence[str]]) -> ListPage:
    stages, themes = stage_names(), theme_book()
    asked, notices = material_filter(query, stages=stages, themes=themes)
    number = (list(query.get("page", [])) or ["1"])[-1]
    readable = number.isascii() and number.isdecimal() and len(number) < 8
    found = material_list(
        asked=asked,
        stages=stages,
        themes=themes,
        style=answers.style_of(request),
        today=company_today(request),
        page=int(number) if readable else 1,
    )
    url = material_url(request, "material_list")
    choices = pickers(asked, stages=stages, themes=themes)
    manages = may(request, MATERIAL_MANAGE)

    def at(page: int) -> str:
        return url + asked.query([("page", str(page))] if page > 1 else [])

    return ListPage(
        asked=asked,
        url=url,
        notices=notices,
        pickers=choices,
        parts=_parts(asked, choices, url),
        found=found,
        due_url=url + asked.query(due=not asked.due),
        retired_url=url + asked.query(retired=not asked.retired),
        previous=at(found.page - 1) if found.page > 1 else "",
        next=at(found.page + 1) if found.page < found.pages else "",
        add_url=material_url(request, "material_add") if manages else "",
        gaps_url=answers.address_or_none("metrics:material_gaps", company_slug=_slug(request)),
        material_url=material_url(request, "material", material_id=0).removesuffix("0/"),
    )


def _slug(request: HttpRequest) -> str:
    slug: str = request.company.slug  # type: ignore[attr-defined]
    return slug


def _parts(asked: MaterialFilter, choices: Sequence[MaterialPicker], url: str) -> tuple[Part, ...]:
    told = [(p.name, f"{p.label}: {p.text}") for p in choices if p.value]
    if asked.text:
        told.insert(0, ("text", f"“{asked.text}”"))
    return tuple(Part(text, url + asked.query(**{name: ""})) for name, text in told)


@company_view("material.view")
@require_safe
def material_list_page(request: HttpRequest) -> HttpResponse:
    """The list, or with htmx only what a filter changes."""
    if tidy := tidied(request):
        return redirect(tidy)
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "pipeline/material_list.html" if whole else "pipeline/material_list.html#page"
    return render(request, template, {"page": _page(request, query_lists(request.GET))})


@answers.surface("pipeline:material_list", target="#page")
def draw_list(request: HttpRequest, asking: answers.Asking) -> str:
    """The list after material was added, retired or brought back."""
    context = {"page": _page(request, query_lists(asking.query))}
    return render_to_string("pipeline/material_list.html#page", context, request)


def _context(request: HttpRequest, material_id: int) -> dict[str, object] | None:
    page = material_page(
        material_id=material_id,
        stages=stage_names(),
        themes=theme_book(),
        style=answers.style_of(request),
        zone=request.company.zone,  # type: ignore[attr-defined]
        today=company_today(request),
    )
    if page is None:
        return None
    slug = _slug(request)
    manages = may(request, MATERIAL_MANAGE)
    listed = material_url(request, "material_list")

    def change(name: str) -> str:
        return material_url(request, name, material_id=material_id) if manages else ""

    finding_add = answers.address_or_none("metrics:finding_add", company_slug=slug)
    return {
        "page": page,
        "row": page.row,
        "list_url": listed,
        "stage_url": f"{listed}?stage={page.stage_id}" if page.stage_id else "",
        "theme_url": f"{listed}?theme={page.row.theme_id}" if page.row.theme_id else "",
        "deal_url": deal_prefix(slug),
        "edit_url": change("material_edit"),
        "retire_url": "" if page.row.retired else change("material_retire"),
        "restore_url": change("material_restore") if page.row.retired else "",
        "effect_url": answers.address_or_none(
            "metrics:material_effect", company_slug=slug, material_id=material_id
        ),
        "finding_url": f"{finding_add}?material={material_id}&source=material_review"
        if finding_add and manages
        else "",
    }


@company_view("material.view")
@require_safe
def material(request: HttpRequest, material_id: int) -> HttpResponse:
    """One material: what it is for, who had it, its effect, its history."""
    context = _context(request, material_id)
    if context is None:
        raise Http404
    return render(request, "pipeline/material.html", context)


@answers.surface("pipeline:material", target="#material")
def draw_material(request: HttpRequest, asking: answers.Asking) -> str:
    """The page after a change that was asked for from it."""
    context = _context(request, asking.match.kwargs["material_id"])
    if context is None:
        raise Http404
    return render_to_string("pipeline/material.html#material", context, request)


def _owners(kept: int | None) -> list[tuple[int, str]]:
    """The members, and who owns it though no member any more stays with "(has left)"."""
    rows = Membership.objects.select_related("user").order_by("user__name", "user__email")
    owners = [(row.user_id, str(row.user)) for row in rows]
    if kept is not None and kept not in dict(owners):
        owners.append((kept, _("As it was")))
    return owners


def _form(
    data: Any, facts: MaterialFacts | None, stages: StageNames, themes: ThemeBook, **initial: Any
) -> MaterialForm:
    kept = facts.stage if facts else None
    if facts is not None:
        names = (*MaterialFacts.__dataclass_fields__,)
        initial = {name: getattr(facts, name) for name in names}
    return MaterialForm(
        data,
        initial=initial,
        stages=stages.choices(_("Any stage"), kept=kept),
        themes=[name for _pk, name in themes.in_use],
        owners=_owners(facts.owner if facts else None),
    )


def _values(form: MaterialForm) -> MaterialValues:
    given = form.cleaned_data
    return MaterialValues(
        title=given["title"],
        kind=given["kind"],
        address=given["address"],
        edition=given["edition"],
        about=given["about"],
        stage_id=given["stage"],
        theme=given["theme"],
        owner_id=given["owner"],
        review_by=given["review_by"],
    )


@company_view("material.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def material_add(request: HttpRequest) -> HttpResponse:
    """Add material; the address may name the stage and the worry that lack it."""
    stages, themes = stage_names(), theme_book()
    if request.method != "POST":
        return _show(request, _form(None, None, stages, themes, **_asked(request, stages, themes)))
    form = _form(request.POST, None, stages, themes)
    if not form.is_valid():
        return _show(request, form, status=422)
    try:
        added = add_material(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            values=_values(form),
            now=timezone.now(),
        )
    except DomainError as refusal:
        return _refused(request, form, refusal)
    page = material_url(request, "material", material_id=added.pk)
    return answers.done(
        request,
        text=_("{title} added").format(title=added.title),
        default=page,
        link=(page, _("Open")),
    )


def _asked(request: HttpRequest, stages: StageNames, themes: ThemeBook) -> dict[str, Any]:
    """What the address fills in: ?stage=3&theme=5. What is not known fills in nothing."""
    stage, theme = request.GET.get("stage", ""), request.GET.get("theme", "")
    offered = {str(pk) for _title, rows in stages.in_use for pk, _name in rows}
    named = {str(pk): name for pk, name in themes.in_use}
    user = request.user.pk
    return {
        "stage": int(stage) if stage in offered else None,
        "theme": named.get(theme, ""),
        "owner": user,
        "kind": "article",
    }


@company_view("material.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def material_edit(request: HttpRequest, material_id: int) -> HttpResponse:
    """Change what a material says; a stale screen is told."""
    stages, themes = stage_names(), theme_book()
    facts = material_facts(material_id=material_id, themes=themes)
    if facts is None:
        raise Http404
    if request.method != "POST":
        return _show(request, _form(None, facts, stages, themes), facts, material_id)
    form = _form(request.POST, facts, stages, themes)
    if not form.is_valid():
        return _show(request, form, facts, material_id, status=422)
    version = form.cleaned_data["version"]
    try:
        change_material(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            material_id=material_id,
            values=_values(form),
            version=0 if version is None else version,
            now=timezone.now(),
        )
    except DomainError as refusal:
        return _refused(request, form, refusal, facts, material_id)
    return answers.done(
        request,
        text=_("Material saved"),
        default=material_url(request, "material", material_id=material_id),
    )


def _refused(
    request: HttpRequest,
    form: MaterialForm,
    refusal: DomainError,
    facts: MaterialFacts | None = None,
    material_id: int = 0,
) -> HttpResponse:
    if isinstance(refusal, NotFound):
        raise Http404 from refusal
    form.add_error(None, refusal.sentence)
    if refusal.status == 409 and facts is not None:
        # What stands there now has been told; saving again is a decision.
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["version"] = str(facts.version)  # type: ignore[index]
    return _show(request, form, facts, material_id, status=refusal.status)


def _show(
    request: HttpRequest,
    form: MaterialForm,
    facts: MaterialFacts | None = None,
    material_id: int = 0,
    *,
    status: int = 200,
) -> HttpResponse:
    default = (
        material_url(request, "material_list")
        if facts is None
        else material_url(request, "material", material_id=material_id)
    )
    back = answers.came_from(request, default=default)
    context: dict[str, object] = {
        "form": form,
        "edits": facts is not None,
        "url": request.path,
        "back": default if back.startswith(request.path) else back,
    }
    return answers.form_page(request, "pipeline/material_form.html", context, status=status)


@company_view("material.manage")
@require_POST
def material_retire(request: HttpRequest, material_id: int) -> HttpResponse:
    """Take material out of use; the toast offers to bring it back."""
    undo = material_url(request, "material_restore", material_id=material_id)
    return _set(request, material_id, retired=True, undo=undo)


@company_view("material.manage")
@require_POST
def material_restore(request: HttpRequest, material_id: int) -> HttpResponse:
    """Bring retired material back into use."""
    return _set(request, material_id, retired=False)


def _set(request: HttpRequest, material_id: int, *, retired: bool, undo: str = "") -> HttpResponse:
    act = retire_material if retired else restore_material
    back = material_url(request, "material", material_id=material_id)
    try:
        row = act(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            material_id=material_id,
            now=timezone.now(),
        )
    except NotFound as missing:
        raise Http404 from missing
    said = _("{title} retired") if retired else _("{title} is in use again")
    return answers.done(request, text=said.format(title=row.title), default=back, undo=undo)
