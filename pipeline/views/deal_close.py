"""Won or lost: real pages, that are dialogs too, with the questions that matter."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.closing import ClosingForm, DealLoseForm, DealWinForm
from pipeline.models import Stage
from pipeline.selectors.deal_choices import (
    EditableDeal,
    closing_stages,
    competitor_choices,
    currencies,
    editable_deal,
    reason_choices,
)
from pipeline.services.closing import lose_deal, win_deal
from pipeline.services.history import NotFound, Recorded
from pipeline.tasks import wake
from pipeline.views import answers
from pipeline.views.consent import must_ask
from pipeline.views.deal import deal_url
from pipeline.views.deal_move import undo_url

Close = Callable[[dict[str, Any]], Recorded]


@company_view("deal.move")
@require_http_methods(["GET", "HEAD", "POST"])
def deal_win(request: HttpRequest, deal_id: int) -> HttpResponse:
    """The deal is won: for how much, when, and what made them buy."""
    deal = _found(deal_id)
    company = request.company  # type: ignore[attr-defined]
    form = DealWinForm(
        request.POST if request.method == "POST" else None,
        currencies=currencies(company=company, current=deal.currency),
        initial={
            "version": deal.version,
            "amount": deal.amount,
            "currency": deal.currency,
            "won_reason": deal.won_reason,
        },
        **_common(request, deal, Stage.Kind.WON),
    )

    def close(common: dict[str, Any]) -> Recorded:
        given = form.cleaned_data
        return win_deal(
            amount=given["amount"],
            currency=given["currency"],
            won_reason=given["won_reason"],
            **common,
        )

    said = _("{deal} is won").format(deal=deal.name)
    return _answer(request, deal, form, close, template="pipeline/deal_win.html", said=said)


@company_view("deal.move")
@require_http_methods(["GET", "HEAD", "POST"])
def deal_lose(request: HttpRequest, deal_id: int) -> HttpResponse:
    """The deal is lost: why, to whom, and when."""
    deal = _found(deal_id)
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    form = DealLoseForm(
        request.POST if request.method == "POST" else None,
        reasons=reason_choices(),
        competitors=competitor_choices(),
        may_add=by.manages,
        initial={"version": deal.version},
        **_common(request, deal, Stage.Kind.LOST),
    )

    def close(common: dict[str, Any]) -> Recorded:
        return lose_deal(**form.loss(), **common)

    said = _("{deal} is lost").format(deal=deal.name)
    return _answer(request, deal, form, close, template="pipeline/deal_lose.html", said=said)


def _found(deal_id: int) -> EditableDeal:
    deal = editable_deal(deal_id=deal_id)
    if deal is None:
        raise Http404
    return deal


def _common(request: HttpRequest, deal: EditableDeal, kind: str) -> dict[str, Any]:
    return {
        "stages": closing_stages(pipeline_id=deal.pipeline_id, kind=kind),
        "now": timezone.now(),
        "zone": request.company.zone,  # type: ignore[attr-defined]
        "after": deal.last_at,
    }


def _answer(
    request: HttpRequest,
    deal: EditableDeal,
    form: ClosingForm,
    close: Close,
    *,
    template: str,
    said: str,
) -> HttpResponse:
    if request.method != "POST":
        return _page(request, deal, form, template)
    if not form.is_valid():
        return _page(request, deal, form, template, status=422)
    company = request.company  # type: ignore[attr-defined]
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    given = form.cleaned_data
    day = company.local_day(given["happened_at"])
    if must_ask(form, by=by, since=day, now=form.now):
        return _page(request, deal, form, template, status=422)
    try:
        recorded = close(
            {
                "by": by,
                "deal_id": deal.id,
                "occurred_at": given["happened_at"],
                "now": form.now,
                "note": given["note"],
                "stage_id": given["stage"],
                "key": given["key"],
                "version": given["version"],
            }
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        status = 409 if refusal.status == 409 else 422
        return _page(request, deal, form, template, status=status)
    wake(company.pk)
    return answers.done(
        request,
        text=said,
        undo=undo_url(request, recorded),
        default=deal_url(request, deal.id),
        anchor=f"deal-{deal.id}",
    )


def _page(
    request: HttpRequest, deal: EditableDeal, form: ClosingForm, template: str, status: int = 200
) -> HttpResponse:
    """The form. After a refusal it takes the deal's new version: sending it again is a decision
    made in view of both values."""
    if form.is_bound:
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["version"] = str(deal.version)  # type: ignore[index]
    back = answers.came_from(request, default=deal_url(request, deal.id))
    context: dict[str, object] = {
        "deal": deal,
        "form": form,
        "back": back,
        "url": request.path,
        "deal_url": deal_url(request, deal.id),
    }
    return answers.form_page(request, template, context, status=status)
