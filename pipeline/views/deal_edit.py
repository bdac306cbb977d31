"""One fact of a deal, edited where it stands; without scripts on a page of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.deal_edit import (
    AmountForm,
    ChoiceForm,
    CustomerForm,
    EditForm,
    LossForm,
    NameForm,
    NextStepForm,
    WonReasonForm,
)
from pipeline.selectors.deal_choices import (
    EditableDeal,
    competitor_choices,
    currencies,
    customer_by_name,
    customer_suggestions,
    editable_deal,
    product_choices,
    reason_choices,
    rep_choices,
    similar_customers,
    source_choices,
)
from pipeline.selectors.settings_catalogues import level_text
from pipeline.services.customers import customer_named
from pipeline.services.deals import change_deal
from pipeline.services.history import NotFound
from pipeline.services.rewriting import deal_rewriting
from pipeline.tasks import wake
from pipeline.views import answers
from pipeline.views.deal import deal_url
from pipeline.views.settings_consent import must_ask

Make = Callable[[HttpRequest, EditableDeal, Any], EditForm]


@dataclass(frozen=True, slots=True)
class Editor:
    """How one fact is edited."""

    title: Any
    make: Make


def _plain(form: type[EditForm], *fields: str) -> Make:
    def make(request: HttpRequest, deal: EditableDeal, data: Any) -> EditForm:
        initial = {field: getattr(deal, field) for field in fields}
        return form(data, initial={**initial, "version": deal.version})

    return make


def _amount(request: HttpRequest, deal: EditableDeal, data: Any) -> EditForm:
    company = request.company  # type: ignore[attr-defined]
    return AmountForm(
        data,
        currencies=currencies(company=company, current=deal.currency),
        initial={"amount": deal.amount, "currency": deal.currency, "version": deal.version},
    )


def _customer(request: HttpRequest, deal: EditableDeal, data: Any) -> EditForm:
    return CustomerForm(
        data,
        suggestions=customer_suggestions(),
        initial={"customer": deal.customer_name, "version": deal.version},
    )


def _choice(name: str, label: Any, none: Any, choices: Callable[..., Any]) -> Make:
    def make(request: HttpRequest, deal: EditableDeal, data: Any) -> EditForm:
        current = getattr(deal, name)
        return ChoiceForm(
            data,
            name=name,
            label=label,
            none=none,
            choices=choices(current=current),
            initial={name: current, "version": deal.version},
        )

    return make


def _loss(request: HttpRequest, deal: EditableDeal, data: Any) -> EditForm:
    reasons = reason_choices(current=deal.lost_reason_id)
    return LossForm(
        data,
        reasons=[(level_text(level), choices) for level, choices in reasons.items()],
        competitors=competitor_choices(current=deal.competitor_id),
        initial={
            "lost_reason_id": deal.lost_reason_id,
            "competitor_id": deal.competitor_id,
            "version": deal.version,
        },
    )


EDITORS: dict[str, Editor] = {
    "name": Editor(gettext_lazy("Name"), _plain(NameForm, "name")),
    "amount": Editor(gettext_lazy("Amount"), _amount),
    "customer": Editor(gettext_lazy("Customer"), _customer),
    "rep": Editor(
        gettext_lazy("Rep"),
        _choice("rep_id", gettext_lazy("Rep"), gettext_lazy("Nobody"), rep_choices),
    ),
    "product": Editor(
        gettext_lazy("Product"),
        _choice("product_id", gettext_lazy("Product"), gettext_lazy("No product"), product_choices),
    ),
    "source": Editor(
        gettext_lazy("Source"),
        _choice("source_id", gettext_lazy("Source"), gettext_lazy("Not known"), source_choices),
    ),
    "next_step": Editor(
        gettext_lazy("Next step"), _plain(NextStepForm, "next_step", "next_step_on")
    ),
    "won_reason": Editor(gettext_lazy("What made them buy"), _plain(WonReasonForm, "won_reason")),
    "lost_reason": Editor(gettext_lazy("Why it was lost"), _loss),
}


@company_view("deal.change")
@require_http_methods(["GET", "HEAD", "POST"])
def deal_edit(request: HttpRequest, deal_id: int, field: str) -> HttpResponse:
    """The form of one fact. A stale screen is told with both values, and keeps what was typed.

    What would restate closed quarters is shown first, with a question.
    """
    editor = EDITORS.get(field)
    deal = editable_deal(deal_id=deal_id)
    if editor is None or deal is None:
        raise Http404
    now = timezone.now()
    form = editor.make(request, deal, request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _page(request, deal, field, form)
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    changes = _changes(form, by=by, now=now) if form.is_valid() else None
    if changes is None:
        return _page(request, deal, field, form, status=422)
    # A stale screen is told what changed, before anything is asked about it.
    fresh = form.cleaned_data["version"] == deal.version
    if fresh and must_ask(form, deal_rewriting(deal_id=deal.id, now=now, **changes)):
        return _page(request, deal, field, form, status=422)
    try:
        change_deal(
            by=by, deal_id=deal.id, now=now, version=form.cleaned_data["version"], **changes
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        status = 409 if refusal.status == 409 else 422
        return _page(request, deal, field, form, status=status)
    wake(request.company.pk)  # type: ignore[attr-defined]
    return answers.done(
        request,
        text=_("{fact} saved").format(fact=editor.title),
        default=deal_url(request, deal.id),
        anchor=f"fact-{field}",
    )


def _changes(form: EditForm, *, by: Actor, now: datetime) -> dict[str, Any] | None:
    """What is to be changed; None where the form has to ask first."""
    if not isinstance(form, CustomerForm):
        return form.changes()
    name = form.cleaned_data["customer"].strip()
    if not name:
        return {"customer_id": None}
    known = customer_by_name(name=name)
    if known is not None:
        return {"customer_id": known.pk}
    if form.cleaned_data["add"]:
        return {"customer_id": customer_named(by=by, name=name, now=now).pk}
    form.offers_new = True
    similar = similar_customers(name=name)
    form.add_error(
        "customer",
        _("No customer has this name. Did you mean {names}? Or add a new one.").format(
            names=", ".join(similar)
        )
        if similar
        else _("No customer has this name. Check it, or add a new one."),
    )
    return None


def _page(
    request: HttpRequest,
    deal: EditableDeal,
    field: str,
    form: EditForm,
    *,
    status: int = 200,
) -> HttpResponse:
    editor = EDITORS[field]
    if form.is_bound:
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["version"] = str(deal.version)  # type: ignore[index]
    page = deal_url(request, deal.id)
    back = answers.came_from(request, default=page)
    context: dict[str, object] = {
        "deal": deal,
        "field": field,
        "title": editor.title,
        "form": form,
        "back": back,
        "redrawn": answers.target_of(back) or "#deal",
        "deal_url": page,
        "url": request.path,
    }
    part = "#form" if answers.scripted(request) else ""
    return render(request, f"pipeline/deal_edit.html{part}", context, status=status)
