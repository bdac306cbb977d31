"""Pipelines: the list of them, a second one, their names and order, and one out of use."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.errors import DomainError
from pipeline.forms.settings import DirectionForm, NewPipelineForm, PipelineForm
from pipeline.selectors.settings_pipelines import pipeline_name, pipeline_rows
from pipeline.services.pipelines import (
    add_pipeline,
    order_pipeline,
    rename_pipeline,
    restore_pipeline,
    retire_pipeline,
)
from pipeline.views import answers
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


@company_view("settings.view")
@require_safe
def settings_pipelines(request: HttpRequest) -> HttpResponse:
    """The company's pipelines."""
    context = {
        **frame(request),
        "rows": pipeline_rows(style=answers.style_of(request)),
        "slug": request.company.slug,  # type: ignore[attr-defined]
    }
    return render(request, "pipeline/settings_pipelines.html", context)


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_pipeline_add(request: HttpRequest) -> HttpResponse:
    """A new pipeline with its stages."""
    page = FormPage(
        _("Add a pipeline"),
        _("Add"),
        url_of(request, "settings_pipelines"),
        lead=_("A pipeline of its own pays where deals take other steps, such as renewals."),
    )
    form = NewPipelineForm(
        request.POST if request.method == "POST" else None,
        initial={"won": pgettext("one deal", "Won"), "lost": pgettext("one deal", "Lost")},
    )
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return form_page(request, page, form, status=422)
    given = form.cleaned_data
    try:
        made = add_pipeline(
            by=actor_of(request),
            name=given["name"],
            stages=form.stage_names(),
            won=given["won"],
            lost=given["lost"],
            now=timezone.now(),
        )
    except DomainError as refusal:
        return refuse_form(request, page, form, refusal)
    return done(request, text=_("{name} added").format(name=made.name), back=page.back)


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_pipeline_rename(request: HttpRequest, pipeline_id: int) -> HttpResponse:
    """Another name for a pipeline."""
    name = pipeline_name(pipeline_id=pipeline_id)
    if name is None:
        raise Http404
    back = url_of(request, "settings_pipeline", pipeline_id=pipeline_id)
    page = FormPage(_("Rename {name}").format(name=name), _("Save"), back)
    form = PipelineForm(request.POST if request.method == "POST" else None, initial={"name": name})
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return form_page(request, page, form, status=422)
    try:
        changed = rename_pipeline(
            by=actor_of(request),
            pipeline_id=pipeline_id,
            name=form.cleaned_data["name"],
            now=timezone.now(),
        )
    except DomainError as refusal:
        return refuse_form(request, page, form, refusal)
    return done(request, text=_("{name} saved").format(name=changed.name), back=back)


@company_view("settings.change")
@require_POST
def settings_pipeline_order(request: HttpRequest, pipeline_id: int) -> HttpResponse:
    """One place up or down."""
    form = DirectionForm(request.POST)
    direction = form.cleaned_data["direction"] if form.is_valid() else ""
    return try_button(
        request,
        lambda: order_pipeline(
            by=actor_of(request), pipeline_id=pipeline_id, direction=direction, now=timezone.now()
        ),
        said=lambda row: _("{name} moved").format(name=row.name),
        back=url_of(request, "settings_pipelines"),
    )


@company_view("settings.change")
@require_POST
def settings_pipeline_retire(request: HttpRequest, pipeline_id: int) -> HttpResponse:
    """Take a pipeline without open deals out of use."""
    return try_button(
        request,
        lambda: retire_pipeline(by=actor_of(request), pipeline_id=pipeline_id, now=timezone.now()),
        said=lambda row: _("{name} retired").format(name=row.name),
        back=url_of(request, "settings_pipelines"),
    )


@company_view("settings.change")
@require_POST
def settings_pipeline_restore(request: HttpRequest, pipeline_id: int) -> HttpResponse:
    """Bring a pipeline back."""
    return try_button(
        request,
        lambda: restore_pipeline(by=actor_of(request), pipeline_id=pipeline_id, now=timezone.now()),
        said=lambda row: _("{name} is in use again").format(name=row.name),
        back=url_of(request, "settings_pipelines"),
    )
