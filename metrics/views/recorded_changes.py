"""What the team changed and when: the list, recording one, editing it, withdrawing with undo."""

from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from metrics.forms.recorded_changes import ChangeForm, ChangeVersionForm
from metrics.models import RecordedChange
from metrics.selectors.recorded_changes import change_choices, change_rows, recorded_change
from metrics.services.recorded_changes import (
    Change,
    correct_change,
    put_back_change,
    record_change,
    withdraw_change,
)
from metrics.views.asking import style_of
from pipeline.services.history import NotFound
from pipeline.views import answers
from pipeline.views.deal_asking import may

_TEMPLATE = "metrics/change_form.html"
PERMISSION = "change.record"


def change_url(request: HttpRequest, name: str = "change_list", **more: int) -> str:
    """A page or action of the recorded changes."""
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse(f"metrics:{name}", kwargs={"company_slug": slug, **more})


@company_view("funnel.view")
@require_safe
def change_list(request: HttpRequest) -> HttpResponse:
    """Every change that stands, the newest first."""
    template = "metrics/change_list.html"
    part = "#page" if answers.scripted(request) and not _restored(request) else ""
    return render(request, template + part, _context(request))


@answers.surface("metrics:change_list", target="#page")
def draw_changes(request: HttpRequest, asking: answers.Asking) -> str:
    """The list after one was recorded, edited or withdrawn from it."""
    return render(request, "metrics/change_list.html#page", _context(request)).content.decode()


def _restored(request: HttpRequest) -> bool:
    return bool(request.htmx.history_restore_request)  # type: ignore[attr-defined]


def _context(request: HttpRequest) -> dict[str, object]:
    manages = may(request, PERMISSION)
    return {
        "rows": [
            (row, _urls(request, row.id) if manages else ("", ""))
            for row in change_rows(style=style_of(request), today=_today(request))
        ],
        "add_url": change_url(request, "change_add") if manages else "",
        "funnel_url": change_url(request, "funnel"),
    }


def _urls(request: HttpRequest, change_id: int) -> tuple[str, str]:
    edit, withdraw = "change_edit", "change_withdraw"
    return (
        change_url(request, edit, change_id=change_id),
        change_url(request, withdraw, change_id=change_id),
    )


@company_view("change.record")
@require_http_methods(["GET", "HEAD", "POST"])
def change_add(request: HttpRequest) -> HttpResponse:
    """Record a change."""
    return _form(request, None)


@company_view("change.record")
@require_http_methods(["GET", "HEAD", "POST"])
def change_edit(request: HttpRequest, change_id: int) -> HttpResponse:
    """Another day, text, stage or segment."""
    kept = recorded_change(change_id=change_id)
    if kept is None:
        raise Http404
    return _form(request, kept)


def _form(request: HttpRequest, kept: RecordedChange | None) -> HttpResponse:
    company = request.company  # type: ignore[attr-defined]
    told = change_choices(company=company, kept=kept)
    choices = {"stages": told.stages, "segments": told.segments}
    back = answers.came_from(request, default=change_url(request))
    context: dict[str, object] = {
        "title": _("Edit change") if kept else _("Record a change"),
        "action": request.path,
        "back": back,
    }
    if request.method != "POST":
        form = ChangeForm(initial=_initial(request, kept), **choices)
        return answers.form_page(request, _TEMPLATE, {**context, "form": form})
    form, status = ChangeForm(request.POST, **choices), 422
    if form.is_valid():
        try:
            saved = _save(request, kept, form)
        except NotFound as missing:
            raise Http404 from missing
        except DomainError as refusal:
            form.add_error(None, refusal.sentence)
            status = refusal.status
        else:
            said = _("Change saved: {text}").format(text=saved.text)
            return answers.done(request, text=said, default=back)
    return answers.form_page(request, _TEMPLATE, {**context, "form": form}, status=status)


def _initial(request: HttpRequest, kept: RecordedChange | None) -> dict[str, object]:
    if kept is None:
        asked = {name: request.GET.get(name, "") for name in ("stage", "segment")}
        return {"happened_on": _today(request), **{k: v for k, v in asked.items() if v}}
    return {
        "happened_on": kept.happened_on,
        "text": kept.text,
        "stage": kept.stage_id,
        "segment": kept.segment,
        "version": kept.version,
    }


def _save(request: HttpRequest, kept: RecordedChange | None, form: ChangeForm) -> RecordedChange:
    given = form.cleaned_data
    change = Change(given["happened_on"], given["text"], given["stage"], given["segment"])
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    now, today = timezone.now(), _today(request)
    if kept is None:
        return record_change(by=by, now=now, today=today, change=change)
    return correct_change(
        by=by,
        now=now,
        today=today,
        change_id=kept.pk,
        change=change,
        version=given["version"] or 0,
    )


@company_view("change.record")
@require_POST
def change_withdraw(request: HttpRequest, change_id: int) -> HttpResponse:
    """Take a change off the charts, with an undo."""
    form = ChangeVersionForm(request.POST)
    try:
        change = withdraw_change(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            now=timezone.now(),
            change_id=change_id,
            version=int(form.cleaned_data["version"]) if form.is_valid() else -1,
        )
    except DomainError as refusal:
        return _refused(request, refusal)
    return answers.done(
        request,
        text=_("Change withdrawn: {text}").format(text=change.text),
        default=change_url(request),
        undo=change_url(request, "change_put_back", change_id=change_id),
    )


@company_view("change.record")
@require_POST
def change_put_back(request: HttpRequest, change_id: int) -> HttpResponse:
    """Put a withdrawn change back."""
    try:
        change = put_back_change(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            now=timezone.now(),
            change_id=change_id,
        )
    except DomainError as refusal:
        return _refused(request, refusal)
    said = _("Change is back: {text}").format(text=change.text)
    return answers.done(request, text=said, default=change_url(request))


def _refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    if isinstance(refusal, NotFound):
        raise Http404 from refusal
    back = change_url(request)
    return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)


def _today(request: HttpRequest) -> date:
    company = request.company  # type: ignore[attr-defined]
    found: date = company.local_day(company.clock(timezone.now()))
    return found
