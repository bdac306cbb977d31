"""Save a what-if under a name; rename, overwrite, withdraw it, and take that back."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from metrics.forms.scenarios import ScenarioForm, VersionForm
from metrics.models import Scenario
from metrics.selectors.scenarios import change_texts, scenario_of
from metrics.services.scenarios import (
    Question,
    overwrite_scenario,
    rename_scenario,
    restore_scenario,
    save_scenario,
    withdraw_scenario,
)
from metrics.views.what_if import Simulated, nothing_changed, page_url, simulated
from pipeline.services.history import NotFound
from pipeline.views import answers

_TEMPLATE = "metrics/scenario.html"


def scenario_url(request: HttpRequest, scenario_id: int, name: str = "scenario") -> str:
    """The form of a scenario, or one of its actions."""
    slug = request.company.slug  # type: ignore[attr-defined]
    where = {"company_slug": slug, "scenario_id": scenario_id}
    return reverse(f"metrics:{name}", kwargs=where)


@company_view("scenario.save")
@require_http_methods(["GET", "HEAD", "POST"])
def scenario_add(request: HttpRequest) -> HttpResponse:
    """Give what the simulator shows a name. What is shown stands in the query string."""
    found = simulated(request)
    back = page_url(request) + found.query()
    context: dict[str, object] = {
        "title": _("Save as scenario"),
        "action": request.path + found.query(),
        "back": back,
        "changes": change_texts(found.state.changes, found.now, found.asked.reading),
        "button": _("Save"),
        "asked": found.asked,
    }
    if request.method != "POST":
        return answers.form_page(request, _TEMPLATE, {**context, "form": ScenarioForm()})
    form = ScenarioForm(request.POST)
    if form.is_valid():
        try:
            scenario = save_scenario(
                by=_actor(request),
                now=timezone.now(),
                name=form.cleaned_data["name"],
                remark=form.cleaned_data["remark"],
                question=_question(found),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.sentence)
        else:
            said = _("Scenario {name} saved").format(name=scenario.name)
            return answers.done(request, text=said, default=back, anchor="scenarios")
    return answers.form_page(request, _TEMPLATE, {**context, "form": form}, status=422)


@company_view("scenario.save")
@require_http_methods(["GET", "HEAD", "POST"])
def scenario(request: HttpRequest, scenario_id: int) -> HttpResponse:
    """Another name or remark for a scenario."""
    kept = _kept(scenario_id)
    back = answers.came_from(request, default=page_url(request))
    context: dict[str, object] = {
        "title": _("Rename scenario"),
        "action": request.path,
        "back": back,
        "changes": (),
        "button": _("Save"),
    }
    if request.method != "POST":
        told = {"name": kept.name, "remark": kept.remark, "version": kept.version}
        return answers.form_page(request, _TEMPLATE, {**context, "form": ScenarioForm(told)})
    form = ScenarioForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            changed = rename_scenario(
                by=_actor(request),
                now=timezone.now(),
                scenario_id=scenario_id,
                name=form.cleaned_data["name"],
                remark=form.cleaned_data["remark"],
                version=form.cleaned_data["version"] or 0,
            )
        except NotFound as missing:
            raise Http404 from missing
        except DomainError as refusal:
            form.add_error(None, refusal.sentence)
            status = refusal.status
        else:
            said = _("Scenario {name} saved").format(name=changed.name)
            return answers.done(request, text=said, default=back, anchor="scenarios")
    return answers.form_page(request, _TEMPLATE, {**context, "form": form}, status=status)


@company_view("scenario.save")
@require_POST
def scenario_overwrite(request: HttpRequest, scenario_id: int) -> HttpResponse:
    """Let a scenario keep what the simulator shows, which stands in the query string."""
    kept, found = _kept(scenario_id), simulated(request)
    back = page_url(request) + found.query()
    try:
        overwrite_scenario(
            by=_actor(request),
            now=timezone.now(),
            scenario_id=scenario_id,
            question=_question(found),
            version=_version(request),
        )
    except DomainError as refusal:
        return _refused(request, refusal, back)
    said = _("Scenario {name} overwritten").format(name=kept.name)
    return answers.done(request, text=said, default=back, anchor="scenarios")


@company_view("scenario.save")
@require_POST
def scenario_withdraw(request: HttpRequest, scenario_id: int) -> HttpResponse:
    """Take a scenario off the list, with an undo."""
    kept = _kept(scenario_id)
    try:
        withdraw_scenario(
            by=_actor(request),
            now=timezone.now(),
            scenario_id=scenario_id,
            version=_version(request),
        )
    except DomainError as refusal:
        return _refused(request, refusal, page_url(request))
    return answers.done(
        request,
        text=_("Scenario {name} withdrawn").format(name=kept.name),
        default=page_url(request),
        undo=scenario_url(request, scenario_id, "scenario_restore"),
        anchor="scenarios",
    )


@company_view("scenario.save")
@require_POST
def scenario_restore(request: HttpRequest, scenario_id: int) -> HttpResponse:
    """Put a withdrawn scenario back on the list."""
    try:
        back = restore_scenario(by=_actor(request), now=timezone.now(), scenario_id=scenario_id)
    except DomainError as refusal:
        return _refused(request, refusal, page_url(request))
    said = _("Scenario {name} is back").format(name=back.name)
    return answers.done(request, text=said, default=page_url(request), anchor="scenarios")


def _actor(request: HttpRequest) -> Actor:
    return Actor.member(request.membership)  # type: ignore[attr-defined]


def _kept(scenario_id: int) -> Scenario:
    found = scenario_of(scenario_id=scenario_id)
    if found is None:
        raise Http404
    return found


def _version(request: HttpRequest) -> int:
    """The version that the screen showed; -1, which no scenario has, where none was sent."""
    form = VersionForm(request.POST)
    return int(form.cleaned_data["version"]) if form.is_valid() else -1


def _question(found: Simulated) -> Question:
    """What the simulator shows, as a scenario keeps it; DomainError where that is nothing."""
    pipeline_id = found.asked.pipeline_id
    if found.now is None or pipeline_id is None or found.state.errors:
        raise DomainError(_("This what-if cannot be kept. Correct its values first."))
    if not found.state.pairs:
        raise DomainError(nothing_changed())
    return Question(
        pipeline_id=pipeline_id,
        quarter=found.quarter,
        segment=found.asked.question.segment,
        pairs=found.state.pairs,
    )


def _refused(request: HttpRequest, refusal: DomainError, back: str) -> HttpResponse:
    if isinstance(refusal, NotFound):
        raise Http404 from refusal
    return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
