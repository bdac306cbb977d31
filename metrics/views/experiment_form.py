"""Writing an experiment down, changing the draft, and amending what runs."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.formats import Style
from metrics.calc.experiment_states import FIXED
from metrics.forms.experiments import (
    AmendForm,
    ExperimentAddForm,
    ExperimentEditForm,
    ExperimentForm,
)
from metrics.models import Experiment
from metrics.selectors.experiment_choices import (
    Choices,
    asked_for,
    choices,
    first_values,
    kept_values,
    unit_text,
    with_segment,
)
from metrics.selectors.experiment_words import field_text, value_text
from metrics.services.experiment_checks import Plan
from metrics.services.experiment_planning import help_so_far
from metrics.services.experiment_writing import kept
from metrics.services.experiments import amend_experiment, change_draft, draft_experiment
from metrics.views.asking import style_of
from metrics.views.experiment_charts import chart_of_plan
from metrics.views.experiments import address, experiment_url, today_of
from pipeline.services.history import NotFound
from pipeline.tasks import wake
from pipeline.views import answers

_METHODS = require_http_methods(["GET", "HEAD", "POST"])


def actor_of(request: HttpRequest) -> Actor:
    return Actor.member(request.membership)  # type: ignore[attr-defined]


def kept_experiment(experiment_id: int) -> Experiment:
    """The experiment; 404 where this company has none of that id, or threw it away."""
    found: Experiment | None = (
        Experiment.objects.select_related("stage", "owner", "pipeline")
        .filter(pk=experiment_id, withdrawn_at=None)
        .first()
    )
    if found is None:
        raise Http404
    return found


@company_view("experiment.manage")
@_METHODS
def experiment_new(request: HttpRequest) -> HttpResponse:
    """Write a new experiment down, prefilled with what led to it (finding, danger, seg, stage)."""
    company = request.company  # type: ignore[attr-defined]
    asked = asked_for(
        finding=_id(request.GET.get("finding", "")),
        danger_point=_id(request.GET.get("danger", "")),
        stage=_id(request.GET.get("stage", "")),
        segment=request.GET.get("seg", ""),
        measure=request.GET.get("measure", ""),
    )
    found = with_segment(choices(company=company), asked.segment)
    if request.method != "POST":
        values = first_values(
            asked=asked, found=found, today=today_of(request), user_id=request.user.pk
        )
        return _show(request, ExperimentAddForm(initial=values, found=found), found)
    form = ExperimentAddForm(request.POST, found=found)
    if _works_out(request):
        return _work_out(request, form, found)
    if not form.is_valid():
        return _show(request, form, found, status=422)
    try:
        made = draft_experiment(
            by=actor_of(request),
            now=timezone.now(),
            plan=Plan(**form.plan_values()),
            findings=form.cleaned_data["findings"],
            danger_points=form.cleaned_data["danger_points"],
            idempotency_key=form.cleaned_data["key"],
        )
    except DomainError as refusal:
        return _refused(request, form, found, refusal)
    return _go(request, made.pk, _("Experiment drafted. Look at the plan, then start it."))


@company_view("experiment.manage")
@_METHODS
def experiment_edit(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Change a draft; what has started is amended instead."""
    experiment = kept_experiment(experiment_id)
    if experiment.state != Experiment.State.DRAFT:
        if request.method != "POST":
            return redirect(address(request, "experiment_amend", experiment_id=experiment_id))
        sentence = _("This experiment has started: it can only be amended, with a reason.")
        back = address(request, "experiment_amend", experiment_id=experiment_id)
        return answers.refuse(request, sentence=sentence, status=409, back=back)
    found = choices(company=request.company, kept=experiment)  # type: ignore[attr-defined]
    if request.method != "POST":
        form = ExperimentEditForm(initial=kept_values(experiment), found=found)
        return _show(request, form, found, experiment=experiment)
    form = ExperimentEditForm(request.POST, found=found)
    if _works_out(request):
        return _work_out(request, form, found, experiment=experiment)
    if not form.is_valid():
        return _show(request, form, found, experiment=experiment, status=422)
    try:
        change_draft(
            by=actor_of(request),
            now=timezone.now(),
            experiment_id=experiment_id,
            plan=Plan(**form.plan_values()),
            findings=form.cleaned_data["findings"],
            danger_points=form.cleaned_data["danger_points"],
            version=form.cleaned_data["version"],
        )
    except DomainError as refusal:
        return _refused(request, form, found, refusal, experiment=experiment)
    return _go(request, experiment_id, _("Draft saved"))


@company_view("experiment.manage")
@_METHODS
def experiment_amend(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Change what may change after the start, with the reason."""
    experiment = kept_experiment(experiment_id)
    if experiment.state == Experiment.State.DRAFT:
        return redirect(address(request, "experiment_edit", experiment_id=experiment_id))
    found = choices(company=request.company, kept=experiment)  # type: ignore[attr-defined]
    told: dict[str, Any] = {"found": found, "measure": experiment.measure}
    if request.method != "POST":
        form = AmendForm(initial=kept_values(experiment), **told)
        return _show(request, form, found, experiment=experiment)
    form = AmendForm(request.POST, **told)
    if not form.is_valid():
        return _show(request, form, found, experiment=experiment, status=422)
    try:
        amend_experiment(
            by=actor_of(request),
            now=timezone.now(),
            experiment_id=experiment_id,
            values=form.changes(),
            reason=form.cleaned_data["reason"],
            version=form.cleaned_data["version"],
        )
    except DomainError as refusal:
        return _refused(request, form, found, refusal, experiment=experiment)
    wake(
        experiment.company_id
    )  # its end, its smallest effect and its guardrails are in the figures
    return _go(request, experiment_id, _("Amended, and kept in the log"))


def _works_out(request: HttpRequest) -> bool:
    """Is planning help asked for, instead of a draft to be kept?"""
    return "work_out" in request.POST


def _work_out(
    request: HttpRequest,
    form: ExperimentForm,
    found: Choices,
    *,
    experiment: Experiment | None = None,
) -> HttpResponse:
    """What the form says so far, planned: the help alone for htmx, else the form with it."""
    style = style_of(request)
    context: dict[str, object] = {
        "definitions_url": address(request, "definitions"),
        "worked": True,
    }
    values = form.question()
    if values is not None:
        try:
            told = help_so_far(
                company=request.company,  # type: ignore[attr-defined]
                values=values,
                kept=experiment,
                now=timezone.now(),
                style=style,
            )
        except DomainError as refusal:
            context["refused"] = refusal.sentence
        else:
            context.update(help=told, plan_chart=chart_of_plan(told, style=style))
    context["unread"] = form.unread()
    if answers.scripted(request):
        context["definitions_url"] = address(request, "definitions")
        return render(request, "metrics/experiment_plan_told.html", context)
    # What is missing is told when it is saved, not while it is thought over.
    for name in [name for name in form.errors if not form.data.get(name)]:
        del form.errors[name]
    return _show(request, form, found, experiment=experiment, planned=context)


def _go(request: HttpRequest, experiment_id: int, said: str) -> HttpResponse:
    """To the page of the experiment, which says what happened."""
    messages.success(request, said)
    return answers.SeeOther(experiment_url(request, experiment_id))


def _refused(
    request: HttpRequest,
    form: ExperimentForm,
    found: Choices,
    refusal: DomainError,
    *,
    experiment: Experiment | None = None,
) -> HttpResponse:
    """The form with its values and the sentence; sent again, it is a decision in view of it."""
    if isinstance(refusal, NotFound) and experiment is not None:
        raise Http404 from refusal
    form.add_error(None, refusal.sentence)
    status = 422
    if refusal.status == 409 and experiment is not None:
        status = 409
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["version"] = str(kept_experiment(experiment.pk).version)  # type: ignore[index]
    return _show(request, form, found, experiment=experiment, status=status)


def _show(
    request: HttpRequest,
    form: ExperimentForm,
    found: Choices,
    *,
    experiment: Experiment | None = None,
    status: int = 200,
    planned: Mapping[str, object] | None = None,
) -> HttpResponse:
    amends = isinstance(form, AmendForm)
    list_url = address(request, "experiment_list")
    context: dict[str, object] = {
        "form": form,
        "amends": amends,
        "edits": experiment is not None,
        "experiment": experiment,
        "fixed": _fixed(experiment, style_of(request)) if experiment and amends else (),
        "unit": unit_text(experiment.measure) if experiment and amends else "",
        "ready": bool(found.pipelines),
        "url": request.get_full_path(),
        "list_url": list_url,
        "back": experiment_url(request, experiment.pk) if experiment else list_url,
        "finding_add_url": address(request, "finding_add"),
        "definitions_url": address(request, "definitions"),
        **(planned or {}),
    }
    return render(request, "metrics/experiment_form.html", context, status=status)


def _fixed(experiment: Experiment, style: Style) -> tuple[tuple[str, str], ...]:
    """What the start has fixed, as terms and values."""
    told = kept({name: getattr(experiment, name) for name in FIXED})
    shown = (
        (field_text(name), value_text(name, value, measure=experiment.measure, style=style))
        for name, value in told.items()
    )
    return tuple((term.capitalize(), text) for term, text in shown if text)


def _id(text: str) -> int | None:
    """An id as an address says it; what is none asks for nothing."""
    readable = text.isascii() and text.isdecimal() and len(text) < 19
    return int(text) if readable else None
