"""What is done with an experiment: started, called off, decided, said something about."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company_view
from accounts.errors import DomainError
from metrics.calc.experiment_states import acts, lacking
from metrics.forms.experiments import DecideForm, NoteForm, StartForm, StopForm, VersionForm
from metrics.models import Experiment
from metrics.selectors.experiment_rows import ExperimentRow, experiments, rows_of
from metrics.selectors.experiment_words import decision_text
from metrics.services.experiment_checks import lack_text, outline_of
from metrics.services.experiment_decisions import (
    add_note,
    check_in,
    decide_experiment,
    resume_experiment,
    stop_experiment,
)
from metrics.services.experiments import put_back_draft, start_experiment, withdraw_draft
from metrics.views.asking import style_of
from metrics.views.experiment_form import actor_of, kept_experiment
from metrics.views.experiments import address, experiment_url, today_of
from pipeline.services.history import NotFound
from pipeline.tasks import wake
from pipeline.views import answers

_METHODS = require_http_methods(["GET", "HEAD", "POST"])
Do = Callable[[dict[str, Any], dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Act:
    """One small form: its words, and what it does with (who, when, which) and what was sent."""

    name: str
    title: str
    button: str
    said: Callable[[Any], str]
    do: Do
    undo: str = ""  # the page that takes it back


@company_view("experiment.manage")
@_METHODS
def experiment_start(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """What the start will fix, what still lacks, and the button."""
    experiment = kept_experiment(experiment_id)
    missing = lacking(outline_of(experiment), today=today_of(request))
    act = Act(
        name="start",
        title=_("Start the experiment"),
        button=_("Start it"),
        said=lambda _made: _("Started. The question, the rule and the windows are fixed now"),
        do=lambda common, given: start_experiment(version=given["version"], **common),
    )
    form = StartForm(_data(request), initial={"version": experiment.version})
    return _act(request, experiment, act, form, missing=[lack_text(lack) for lack in missing])


@company_view("experiment.manage")
@_METHODS
def experiment_stop(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Call it off, with the reason; can be taken back on the same day."""
    experiment = kept_experiment(experiment_id)
    act = Act(
        name="stop",
        title=_("Stop before its end"),
        button=_("Stop it"),
        said=lambda _made: _("Stopped"),
        do=lambda common, given: stop_experiment(
            version=given["version"], reason=given["reason"], **common
        ),
        undo="experiment_resume",
    )
    form = StopForm(_data(request), initial={"version": experiment.version})
    return _act(request, experiment, act, form)


@company_view("experiment.manage")
@_METHODS
def experiment_decide(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Adopt, extend or drop, in view of what is known, which is frozen with it."""
    experiment = kept_experiment(experiment_id)
    allowed = acts(experiment.state)  # type: ignore[arg-type]
    offered = (
        ("adopt", "adopt", _("Adopt: from now on we work like this")),
        ("extend", "extend", _("Extend: it runs on to a later end")),
        ("stop", "drop", _("Drop: we work as before")),
    )
    decisions = [(value, text) for value, needs, text in offered if needs in allowed]
    form = DecideForm(_data(request), decisions=decisions, initial={"version": experiment.version})
    act = Act(
        name="decide",
        title=_("Decide"),
        button=_("Decide and freeze the figures"),
        said=lambda made: decision_text(made.decision).word,
        do=lambda common, given: decide_experiment(
            version=given["version"],
            decision=given["decision"],
            reason=given["reason"],
            ends_on=form.new_end,
            **common,
        ),
    )
    return _act(request, experiment, act, form, row=_row(request, experiment_id))


@company_view("experiment.manage")
@_METHODS
def experiment_note(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """A line in the log."""
    act = Act(
        name="note",
        title=_("Add a note"),
        button=_("Add"),
        said=lambda _entry: _("Note added"),
        do=lambda common, given: add_note(text=given["text"], **common),
    )
    return _act(request, kept_experiment(experiment_id), act, NoteForm(_data(request)))


@company_view("experiment.manage")
@_METHODS
def experiment_check_in(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """The week's word: is it done as planned, and what stands in the way?"""
    act = Act(
        name="check_in",
        title=_("Check in"),
        button=_("Check in"),
        said=lambda _entry: _("Checked in"),
        do=lambda common, given: check_in(text=given["text"], **common),
    )
    form = NoteForm(_data(request))
    form.fields["text"].label = _("Is it done as planned, and what stands in the way?")
    return _act(request, kept_experiment(experiment_id), act, form)


def _data(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _row(request: HttpRequest, experiment_id: int) -> ExperimentRow | None:
    rows = rows_of(
        list(experiments().filter(pk=experiment_id)),
        company=request.company,  # type: ignore[attr-defined]
        today=today_of(request),
        style=style_of(request),
    )
    return rows[0] if rows else None


def _act(
    request: HttpRequest, experiment: Experiment, act: Act, form: forms.Form, **more: object
) -> HttpResponse:
    """The form, or what comes of sending it; refused, it stays with its values."""
    here = experiment_url(request, experiment.pk)
    context: dict[str, object] = {
        **more,
        "form": form,
        "act": act,
        "experiment": experiment,
        "url": request.path,
        "back": answers.came_from(request, default=here),
        "edit_url": address(request, "experiment_edit", experiment_id=experiment.pk),
    }
    template = "metrics/experiment_act.html"
    if request.method != "POST":
        return answers.form_page(request, template, context)
    if not form.is_valid():
        return answers.form_page(request, template, context, status=422)
    common = {
        "by": actor_of(request),
        "now": timezone.now(),
        "experiment_id": experiment.pk,
    }
    try:
        made = act.do(common, form.cleaned_data)
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        if refusal.status == 409:
            # Sending it again is a decision made in view of both values.
            form.data = form.data.copy()  # type: ignore[attr-defined]
            form.data["version"] = str(kept_experiment(experiment.pk).version)  # type: ignore[index]
        status = 409 if refusal.status == 409 else 422
        return answers.form_page(request, template, context, status=status)
    wake(experiment.company_id)
    undo = ""
    if act.undo:
        undo = address(request, act.undo, experiment_id=experiment.pk)
        undo += f"?version={made.version}"
    return answers.done(request, text=act.said(made), default=here, undo=undo)


@company_view("experiment.manage")
@require_POST
def experiment_resume(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Take a stop back, as long as nothing happened since."""
    told = request.POST.get("version") or request.GET.get("version") or ""
    version = int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else -1
    return _do(
        request,
        lambda common: resume_experiment(version=version, experiment_id=experiment_id, **common),
        text=_("Runs again"),
        back=experiment_url(request, experiment_id),
    )


@company_view("experiment.manage")
@require_POST
def experiment_withdraw(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Throw a draft away, with an undo."""
    form = VersionForm(request.POST)
    version = form.cleaned_data["version"] if form.is_valid() else -1
    response = _do(
        request,
        lambda common: withdraw_draft(version=version, experiment_id=experiment_id, **common),
        text=_("Draft thrown away"),
        back=experiment_url(request, experiment_id),
        gone=address(request, "experiment_list"),
        undo=address(request, "experiment_put_back", experiment_id=experiment_id),
    )
    return response


@company_view("experiment.manage")
@require_POST
def experiment_put_back(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Take a draft back that was thrown away."""
    return _do(
        request,
        lambda common: put_back_draft(experiment_id=experiment_id, **common),
        text=_("The draft is back"),
        back=address(request, "experiment_list"),
    )


def _do(
    request: HttpRequest,
    act: Callable[[dict[str, Any]], Any],
    *,
    text: str,
    back: str,
    gone: str = "",
    undo: str = "",
) -> HttpResponse:
    """An act without a form. `gone`: the page to go to where the one that asked is no more."""
    try:
        act({"by": actor_of(request), "now": timezone.now()})
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    wake(request.company.pk)  # type: ignore[attr-defined]
    came = answers.came_from(request, default=back)
    if gone and came.partition("?")[0] != gone:
        messages.success(request, text, extra_tags=undo)
        if not answers.scripted(request):
            return answers.SeeOther(gone)
        response = HttpResponse(status=200)
        response["HX-Redirect"] = gone
        return response
    return answers.done(request, text=text, default=back, undo=undo)
