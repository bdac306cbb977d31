"""Correct a wrong move, or say that it never happened; the history keeps both."""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.transition_correct import WITHDRAW, TransitionCorrectForm
from pipeline.models import StageTransition
from pipeline.selectors.correctable import Correctable, correctable
from pipeline.selectors.deal_choices import competitor_choices, reason_choices
from pipeline.selectors.moves_allowed import transition_to_correct
from pipeline.services.correcting import correct_move
from pipeline.services.history import NotFound
from pipeline.services.restating import correction_reaches
from pipeline.tasks import wake
from pipeline.views import answers
from pipeline.views.consent import must_ask
from pipeline.views.deal import deal_url


@company_view("deal.correct")
@require_http_methods(["GET", "HEAD", "POST"])
def transition_correct(request: HttpRequest, transition_id: int) -> HttpResponse:
    """Who recorded the move may correct it while its quarter is open, who manages always."""
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    move = transition_to_correct(transition_id=transition_id, by=by)
    if move is None:
        raise Http404
    company = request.company  # type: ignore[attr-defined]
    shown = correctable(move=move)
    form = TransitionCorrectForm(
        request.POST if request.method == "POST" else None,
        now=timezone.now(),
        zone=company.zone,
        stages=shown.stages,
        withdrawable=move.to_stage_id is not None,
        lost=shown.lost,
        was_lost=move.to_stage_id in shown.lost,
        reasons=reason_choices(current=shown.reason_id),
        competitors=competitor_choices(current=shown.competitor_id),
        may_add=by.manages,
        initial=_initial(move, shown, company.zone),
    )
    if request.method != "POST":
        return _page(request, shown, form)
    if not form.is_valid():
        return _page(request, shown, form, status=422)
    given = form.cleaned_data
    withdraw = given["what"] == WITHDRAW
    target = None if withdraw else given["stage"]
    happened = None if withdraw else _instant(form, move, company.zone)
    reaches = correction_reaches(
        replaced=move, to_stage_id=target, occurred_at=happened or move.occurred_at
    )
    if must_ask(form, by=by, since=reaches, now=form.now):
        return _page(request, shown, form, status=422)
    if shown.replaced_by_key not in (None, given["key"]):
        form.add_error(None, _("This move was corrected meanwhile. Look at the deal again."))
        return _page(request, shown, form, status=409)
    try:
        correct_move(
            by=by,
            transition_id=move.pk,
            now=form.now,
            to_stage_id=target,
            occurred_at=happened,
            withdraw=withdraw,
            reason=given["reason"],
            key=given["key"],
            version=given["version"],
            loss=form.loss_or_none(),
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, shown, form, status=409 if refusal.status == 409 else 422)
    wake(company.pk)
    return answers.done(
        request,
        text=_("Withdrawn. It stays in the history, struck through")
        if withdraw
        else _("Corrected. The old entry stays in the history, struck through"),
        default=deal_url(request, shown.deal_id),
        anchor=f"move-{move.pk}",
    )


def _initial(move: StageTransition, shown: Correctable, zone: Any) -> dict[str, Any]:
    local = move.occurred_at.astimezone(zone)
    return {
        "what": "change",
        "stage": move.to_stage_id or shown.was_stage_id,
        "day": local.date(),
        "at": local.time().replace(second=0, microsecond=0),
        "version": shown.version,
        "level": shown.level,
        f"reason_{shown.level}": shown.reason_id,
        "competitor": shown.competitor_id,
    }


def _instant(form: TransitionCorrectForm, move: StageTransition, zone: Any) -> datetime | None:
    """The corrected instant; None where day and time are as recorded (to the second)."""
    local = move.occurred_at.astimezone(zone)
    given = form.cleaned_data
    same = given["day"] == local.date() and given["at"] == local.time().replace(
        second=0, microsecond=0
    )
    happened: datetime = given["happened_at"]
    return None if same and not given.get("fold") else happened


def _page(
    request: HttpRequest, shown: Correctable, form: TransitionCorrectForm, status: int = 200
) -> HttpResponse:
    if form.is_bound:
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["version"] = str(shown.version)  # type: ignore[index]
    context: dict[str, object] = {
        "move": shown,
        "form": form,
        "back": answers.came_from(request, default=deal_url(request, shown.deal_id)),
        "url": request.path,
    }
    return answers.form_page(request, "pipeline/transition_correct.html", context, status=status)
