"""The stages of a pipeline: order, words, a new one, and a retired one with a place for its
deals."""

import json

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.errors import DomainError
from pipeline.forms.settings import ChooseForm, DirectionForm, NewStageForm, StageForm
from pipeline.models import Stage
from pipeline.selectors.settings_pipelines import (
    StageToChange,
    pipeline_name,
    pipeline_page,
    stage_choices,
    stage_to_change,
)
from pipeline.services.stages import (
    MOVED_AT_ONCE,
    StageRetired,
    add_stage,
    change_stage,
    order_stage,
    restore_stage,
    retire_stage,
)
from pipeline.tasks import wake
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


def _context(request: HttpRequest, pipeline_id: int) -> dict[str, object]:
    page = pipeline_page(pipeline_id=pipeline_id, style=answers.style_of(request))
    if page is None:
        raise Http404
    return {
        **frame(request),
        "page": page,
        "may_retire": len(page.stages) > 1,
        "slug": request.company.slug,  # type: ignore[attr-defined]
    }


@company_view("settings.view")
@require_safe
def settings_pipeline(request: HttpRequest, pipeline_id: int) -> HttpResponse:
    """A pipeline and its stages."""
    context = _context(request, pipeline_id)
    return render(request, "pipeline/settings_pipeline.html", context)


@answers.surface("pipeline:settings_pipeline", target="#stages")
def draw_stages(request: HttpRequest, asking: answers.Asking) -> str:
    """The stages after an action that was asked for from their page."""
    context = _context(request, asking.match.kwargs["pipeline_id"])
    return render_to_string("pipeline/settings_pipeline.html#stages", context, request)


def _found(stage_id: int) -> StageToChange:
    stage = stage_to_change(stage_id=stage_id)
    if stage is None:
        raise Http404
    return stage


def _back(request: HttpRequest, stage: StageToChange) -> str:
    return url_of(request, "settings_pipeline", pipeline_id=stage.pipeline_id)


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_stage_add(request: HttpRequest, pipeline_id: int) -> HttpResponse:
    """A new open stage."""
    name = pipeline_name(pipeline_id=pipeline_id)
    if name is None:
        raise Http404
    page = FormPage(
        _("Add a stage to {name}").format(name=name),
        _("Add"),
        url_of(request, "settings_pipeline", pipeline_id=pipeline_id),
        lead=_("It counts from the running quarter on. Closed quarters keep their own stages."),
    )
    form = NewStageForm(
        request.POST if request.method == "POST" else None,
        choices=stage_choices(pipeline_id=pipeline_id),
    )
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return form_page(request, page, form, status=422)
    given = form.cleaned_data
    try:
        stage = add_stage(
            by=actor_of(request),
            pipeline_id=pipeline_id,
            name=given["name"],
            exit_criterion=given["exit_criterion"],
            before_id=given["before"],
            now=timezone.now(),
        )
    except DomainError as refusal:
        return refuse_form(request, page, form, refusal)
    said = _("{name} added").format(name=stage.name)
    return done(request, text=said, back=page.back, anchor=f"stage-{stage.pk}")


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_stage(request: HttpRequest, stage_id: int) -> HttpResponse:
    """A stage's name and exit criterion; a stale screen is told with both values."""
    stage = _found(stage_id)
    page = FormPage(stage.name, _("Save"), _back(request, stage))
    form = StageForm(
        request.POST if request.method == "POST" else None,
        initial={**stage.seen(), "seen": stage.seen()},
    )
    if stage.kind != Stage.Kind.OPEN:
        form.fields["exit_criterion"].widget = form.fields["seen"].hidden_widget()
    if request.method != "POST":
        return form_page(request, page, form)
    try:
        if not form.is_valid():
            return form_page(request, page, form, status=422)
        changed = change_stage(
            by=actor_of(request),
            stage_id=stage_id,
            name=form.cleaned_data["name"],
            exit_criterion=form.cleaned_data["exit_criterion"],
            seen=form.seen_values(),
            now=timezone.now(),
        )
    except DomainError as refusal:
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["seen"] = json.dumps(stage.seen())  # type: ignore[index]
        return refuse_form(request, page, form, refusal)
    said = _("{name} saved").format(name=changed.name)
    return done(request, text=said, back=page.back, anchor=f"stage-{stage_id}")


@company_view("settings.change")
@require_POST
def settings_stage_order(request: HttpRequest, stage_id: int) -> HttpResponse:
    """One place towards the first stage or the last."""
    stage = _found(stage_id)
    form = DirectionForm(request.POST)
    direction = form.cleaned_data["direction"] if form.is_valid() else ""
    return try_button(
        request,
        lambda: order_stage(
            by=actor_of(request), stage_id=stage_id, direction=direction, now=timezone.now()
        ),
        said=lambda row: _("{name} is stage {n} now").format(name=row.name, n=row.position),
        back=_back(request, stage),
    )


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_stage_retire(request: HttpRequest, stage_id: int) -> HttpResponse:
    """Take a stage out of use; its open deals move to the one that is chosen."""
    stage = _found(stage_id)
    page = _retire_page(request, stage)
    form = ChooseForm(
        request.POST if request.method == "POST" else None,
        label=_("Its deals move to"),
        choices=stage.others,
    )
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return form_page(request, page, form, status=422)
    try:
        retired = retire_stage(
            by=actor_of(request),
            stage_id=stage_id,
            to_stage_id=form.cleaned_data["into"],
            now=timezone.now(),
        )
    except DomainError as refusal:
        return refuse_form(request, page, form, refusal)
    if retired.left:
        wake(request.company.pk)  # type: ignore[attr-defined]
        page = _retire_page(request, _found(stage_id), done=retired)
        return form_page(request, page, form)
    said = ngettext(
        "{name} retired, {n} deal moved", "{name} retired, {n} deals moved", retired.moved
    ).format(name=stage.name, n=retired.moved)
    return done(request, text=said, back=page.back)


def _retire_page(
    request: HttpRequest, stage: StageToChange, *, done: StageRetired | None = None
) -> FormPage:
    lead = ngettext(
        "{n} open deal stands in {name}. It moves today, with a line in its history. What happened"
        " before counts for the stage that you choose from the running quarter on; closed quarters"
        " keep {name}.",
        "{n} open deals stand in {name}. They move today, with a line in the history of each. What"
        " happened before counts for the stage that you choose from the running quarter on;"
        " closed quarters keep {name}.",
        stage.open,
    ).format(n=number_format(stage.open, force_grouping=True), name=stage.name)
    notice = ""
    if done is not None:
        notice = _("Moved: {moved}. Still here: {left}. Go on to move the rest.").format(
            moved=number_format(done.moved, force_grouping=True),
            left=number_format(done.left, force_grouping=True),
        )
    elif stage.open > MOVED_AT_ONCE:
        notice = _("They move {n} at a time; the stage is retired with the last of them.").format(
            n=MOVED_AT_ONCE
        )
    button = _("Go on") if done is not None else _("Retire")
    title = _("Retire {name}").format(name=stage.name)
    return FormPage(title, button, _back(request, stage), lead=lead, notice=notice)


@company_view("settings.change")
@require_POST
def settings_stage_restore(request: HttpRequest, stage_id: int) -> HttpResponse:
    """Bring a retired stage back, as the last one."""
    stage = _found(stage_id)
    return try_button(
        request,
        lambda: restore_stage(by=actor_of(request), stage_id=stage_id, now=timezone.now()),
        said=lambda row: _("{name} is in use again").format(name=row.name),
        back=_back(request, stage),
    )
