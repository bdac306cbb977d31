"""Products, sources, lost reasons, competitors, reps and teams: one set of pages for all."""

import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.errors import DomainError
from pipeline.forms.settings import ChooseForm, EntryForm
from pipeline.selectors.settings_catalogues import (
    CATALOGUES,
    Catalogue,
    Entry,
    catalogue_page,
    entry_choices,
    entry_of,
    member_choices,
)
from pipeline.services.catalog import (
    add_entry,
    change_entry,
    change_rewrites,
    merge_entries,
    merge_rewrites,
    restore_entry,
    retire_entry,
)
from pipeline.services.people import hand_over, hand_over_rewrites
from pipeline.views import answers
from pipeline.views.settings_consent import must_ask
from pipeline.views.settings_frame import (
    FormPage,
    actor_of,
    done,
    form_page,
    frame,
    refuse_form,
    try_button,
    url_of,
)


def _found(slug: str) -> Catalogue:
    catalogue = CATALOGUES.get(slug)
    if catalogue is None:
        raise Http404
    return catalogue


def _entry(catalogue: Catalogue, entry_id: int) -> Entry:
    entry = entry_of(catalogue=catalogue, entry_id=entry_id)
    if entry is None:
        raise Http404
    return entry


def _list_url(request: HttpRequest, catalogue: Catalogue) -> str:
    return url_of(request, "settings_catalogue", catalogue=catalogue.slug)


def _form(catalogue: Catalogue, entry: Entry | None, data: Any) -> EntryForm:
    values = dict(entry.values) if entry else {}
    choices = {}
    if "team_id" in catalogue.extras:
        choices["team_id"] = entry_choices(
            catalogue=CATALOGUES["teams"], current=values.get("team_id")
        )
        choices["membership_id"] = member_choices(rep_id=entry.id if entry else None)
    return EntryForm(
        data,
        naming=catalogue.naming,
        length=catalogue.model._meta.get_field(catalogue.naming).max_length,
        extras=catalogue.extras,
        choices=choices,
        initial={**values, "seen": values} if entry else None,
    )


def _deals(count: int) -> str:
    return ngettext("{n} deal", "{n} deals", count).format(
        n=number_format(count, force_grouping=True)
    )


@company_view("settings.view")
@require_safe
def settings_catalogue(request: HttpRequest, catalogue: str) -> HttpResponse:
    """What stands in a catalogue, in use and retired."""
    what = _found(catalogue)
    page = catalogue_page(catalogue=what, style=answers.style_of(request))
    context = {
        **frame(request),
        "catalogue": what,
        "page": page,
        "may_merge": len(page.rows) > 1,
        "hands_over": what.slug == "reps",
        "slug": request.company.slug,  # type: ignore[attr-defined]
    }
    return render(request, "pipeline/settings_catalogue.html", context)


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_entry_add(request: HttpRequest, catalogue: str) -> HttpResponse:
    """Add a row."""
    what = _found(catalogue)
    page = FormPage(str(what.add), _("Add"), _list_url(request, what))
    form = _form(what, None, request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return form_page(request, page, form, status=422)
    try:
        row = add_entry(
            by=actor_of(request), catalogue=what, values=form.values(), now=timezone.now()
        )
    except DomainError as refusal:
        return refuse_form(request, page, form, refusal)
    said = _("{name} added").format(name=what.name_of(row))
    return done(request, text=said, back=page.back, anchor=f"entry-{row.pk}")


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_entry(request: HttpRequest, catalogue: str, entry_id: int) -> HttpResponse:
    """Rename a row or change its attributes. Asks first where that restates closed quarters."""
    what = _found(catalogue)
    entry = _entry(what, entry_id)
    page = FormPage(entry.name, _("Save"), _list_url(request, what))
    form = _form(what, entry, request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return _again(request, page, form, entry, 422)
    now = timezone.now()
    try:
        plan = change_rewrites(catalogue=what, entry_id=entry_id, values=form.values(), now=now)
        if must_ask(form, plan):
            return form_page(request, page, form, status=422)
        row = change_entry(
            by=actor_of(request),
            catalogue=what,
            entry_id=entry_id,
            values=form.values(),
            now=now,
            seen=form.seen_values(),
        )
    except DomainError as refusal:
        _show_new(form, entry)
        return refuse_form(request, page, form, refusal)
    said = _("{name} saved").format(name=what.name_of(row))
    return done(request, text=said, back=page.back, anchor=f"entry-{row.pk}")


def _again(
    request: HttpRequest, page: FormPage, form: EntryForm, entry: Entry, status: int
) -> HttpResponse:
    _show_new(form, entry)
    return form_page(request, page, form, status=status)


def _show_new(form: EntryForm, entry: Entry) -> None:
    """After a refusal the form has seen what it now shows beside the typed values."""
    form.data = form.data.copy()  # type: ignore[attr-defined]
    form.data["seen"] = json.dumps(dict(entry.values))  # type: ignore[index]


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_entry_merge(request: HttpRequest, catalogue: str, entry_id: int) -> HttpResponse:
    """Merge a row into another one: its deals go there."""
    what = _found(catalogue)
    entry = _entry(what, entry_id)
    page = FormPage(
        _("Merge {name}").format(name=entry.name),
        _("Merge"),
        _list_url(request, what),
        lead=_(
            "Its deals ({deals}) go to the one that you choose, with a line in the history of each."
            " {name} is retired and cannot be chosen any more."
        ).format(deals=_deals(entry.deals), name=entry.name),
    )
    form = ChooseForm(
        request.POST if request.method == "POST" else None,
        label=_("Merge into"),
        choices=entry_choices(catalogue=what, but=entry_id),
    )
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return form_page(request, page, form, status=422)
    into_id, now = form.cleaned_data["into"], timezone.now()
    plan = merge_rewrites(catalogue=what, entry_id=entry_id, into_id=into_id, now=now)
    form.restates_button = _("Merge and restate")
    if must_ask(form, plan):
        return form_page(request, page, form, status=422)
    try:
        merged = merge_entries(
            by=actor_of(request), catalogue=what, entry_id=entry_id, into_id=into_id, now=now
        )
    except DomainError as refusal:
        return refuse_form(request, page, form, refusal)
    said = _("{name} merged into {into}, with {deals}").format(
        name=merged.name, into=merged.into, deals=_deals(merged.deals)
    )
    return done(request, text=said, back=page.back, anchor=f"entry-{into_id}")


@company_view("settings.change")
@require_POST
def settings_entry_retire(request: HttpRequest, catalogue: str, entry_id: int) -> HttpResponse:
    """Take a row out of use."""
    what = _found(catalogue)
    return try_button(
        request,
        lambda: retire_entry(
            by=actor_of(request), catalogue=what, entry_id=entry_id, now=timezone.now()
        ),
        said=lambda row: _("{name} retired").format(name=what.name_of(row)),
        back=_list_url(request, what),
    )


@company_view("settings.change")
@require_POST
def settings_entry_restore(request: HttpRequest, catalogue: str, entry_id: int) -> HttpResponse:
    """Bring a retired row back."""
    what = _found(catalogue)
    return try_button(
        request,
        lambda: restore_entry(
            by=actor_of(request), catalogue=what, entry_id=entry_id, now=timezone.now()
        ),
        said=lambda row: _("{name} is in use again").format(name=what.name_of(row)),
        back=_list_url(request, what),
    )


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_rep_hand_over(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Give the open deals of a rep to another one: before a rep leaves, or after."""
    reps = CATALOGUES["reps"]
    rep = _entry(reps, entry_id)
    page = FormPage(
        _("Hand over the open deals of {name}").format(name=rep.name),
        _("Hand over"),
        _list_url(request, reps),
        lead=_(
            "{deals} open. What is closed stays with {name}. Attributes count as they are known"
            " now, so that a deal handed over counts for the new rep in all its quarters."
        ).format(deals=_deals(rep.open), name=rep.name),
    )
    form = ChooseForm(
        request.POST if request.method == "POST" else None,
        label=_("Give them to"),
        choices=entry_choices(catalogue=reps, but=entry_id),
    )
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return form_page(request, page, form, status=422)
    now = timezone.now()
    form.restates_button = _("Hand over and restate")
    if must_ask(form, hand_over_rewrites(rep_id=entry_id, now=now)):
        return form_page(request, page, form, status=422)
    try:
        deals = hand_over(
            by=actor_of(request), rep_id=entry_id, to_id=form.cleaned_data["into"], now=now
        )
    except DomainError as refusal:
        return refuse_form(request, page, form, refusal)
    said = _("{deals} handed over").format(deals=_deals(deals))
    return done(request, text=said, back=page.back, anchor=f"entry-{entry_id}")
