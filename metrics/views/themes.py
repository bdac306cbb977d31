"""Themes: the settings page on which managers add, rename, merge, retire and bring them back."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.errors import DomainError
from metrics.forms.themes import ThemeForm, ThemeMergeForm
from metrics.selectors.theme_list import theme_choices, theme_list, theme_name
from metrics.views.findings import actor_of, here
from pipeline.selectors.themes import THEMES
from pipeline.services.history import NotFound
from pipeline.services.themes import (
    add_theme,
    merge_theme,
    rename_theme,
    restore_theme,
    retire_theme,
)
from pipeline.views import answers
from pipeline.views.settings_frame import FormPage, form_page, frame, refuse_form


def _name(theme_id: int) -> str:
    found = theme_name(theme_id=theme_id)
    if found is None:
        raise Http404
    return found


@company_view("theme.manage")
@require_safe
def theme_list_page(request: HttpRequest) -> HttpResponse:
    """All themes, in use and retired, with what stands under each."""
    context = {
        **frame(request),
        "catalogue": THEMES,
        "page": theme_list(style=answers.style_of(request)),
        "findings_url": here(request, "finding_list"),
        "slug": request.company.slug,  # type: ignore[attr-defined]
    }
    return render(request, "metrics/theme_list.html", context)


def _answer(
    request: HttpRequest, page: FormPage, form: forms.Form, act: Callable[[], tuple[str, int]]
) -> HttpResponse:
    """Show the form, or do what it says: `act` gives the sentence and the theme to show."""
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return form_page(request, page, form, status=422)
    try:
        said, theme_id = act()
    except DomainError as refusal:
        return refuse_form(request, page, form, refusal)
    return answers.done(request, text=said, default=page.back, anchor=f"entry-{theme_id}")


@company_view("theme.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def theme_add(request: HttpRequest) -> HttpResponse:
    """Add a theme."""
    page = FormPage(str(THEMES.add), _("Add"), here(request, "theme_list"))
    form = ThemeForm(request.POST if request.method == "POST" else None)

    def act() -> tuple[str, int]:
        row = add_theme(by=actor_of(request), name=form.cleaned_data["name"], now=timezone.now())
        return _("{name} added").format(name=row.name), row.pk

    return _answer(request, page, form, act)


@company_view("theme.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def theme_rename(request: HttpRequest, theme_id: int) -> HttpResponse:
    """Give a theme another name; all that has it follows."""
    name = _name(theme_id)
    page = FormPage(name, _("Save"), here(request, "theme_list"))
    form = ThemeForm(
        request.POST if request.method == "POST" else None, initial={"name": name, "seen": name}
    )

    def act() -> tuple[str, int]:
        row = rename_theme(
            by=actor_of(request),
            theme_id=theme_id,
            name=form.cleaned_data["name"],
            seen=form.cleaned_data["seen"] or None,
            now=timezone.now(),
        )
        return _("{name} saved").format(name=row.name), row.pk

    return _answer(request, page, form, act)


@company_view("theme.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def theme_merge(request: HttpRequest, theme_id: int) -> HttpResponse:
    """Merge a theme into another; bringing it back parts them again."""
    name = _name(theme_id)
    page = FormPage(
        _("Merge {name}").format(name=name),
        _("Merge"),
        here(request, "theme_list"),
        lead=_(
            "Findings and material with {name} show the one that you choose from now on."
            " {name} is retired; bringing it back parts the two again."
        ).format(name=name),
    )
    form = ThemeMergeForm(
        request.POST if request.method == "POST" else None, choices=theme_choices(but=theme_id)
    )

    def act() -> tuple[str, int]:
        into = form.cleaned_data["into"]
        merged = merge_theme(
            by=actor_of(request), theme_id=theme_id, into_id=into, now=timezone.now()
        )
        return _("{name} merged into {into}").format(name=merged.name, into=merged.into), into

    return _answer(request, page, form, act)


@company_view("theme.manage")
@require_POST
def theme_retire(request: HttpRequest, theme_id: int) -> HttpResponse:
    """Take a theme out of use."""
    return _button(
        request,
        lambda: retire_theme(by=actor_of(request), theme_id=theme_id, now=timezone.now()),
        _("{name} retired"),
        undo=here(request, "theme_restore", theme_id=theme_id),
    )


@company_view("theme.manage")
@require_POST
def theme_restore(request: HttpRequest, theme_id: int) -> HttpResponse:
    """Bring a theme back."""
    return _button(
        request,
        lambda: restore_theme(by=actor_of(request), theme_id=theme_id, now=timezone.now()),
        _("{name} is in use again"),
    )


def _button(
    request: HttpRequest, act: Callable[[], Any], said: str, undo: str = ""
) -> HttpResponse:
    back = here(request, "theme_list")
    try:
        row = act()
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    return answers.done(request, text=said.format(name=row.name), default=back, undo=undo)
