"""A new deal in three fields: whose, about what, for how much."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.deal_open import NEW, DealOpenForm, meant
from pipeline.models import Customer
from pipeline.selectors.customers_typed import EXACT, CustomerMatch, customers_typed
from pipeline.selectors.deal_choices import (
    currencies,
    customer_by_name,
    rep_choices,
    source_choices,
)
from pipeline.selectors.duplicates import (
    Duplicates,
    first_stage,
    last_used_source,
    open_deals_of,
    proposed_name,
)
from pipeline.selectors.folded import plain
from pipeline.selectors.own_rep import own_rep, pipeline_choices
from pipeline.services.history import Recorded
from pipeline.services.open_for_customer import open_for_customer, opened_before
from pipeline.tasks import wake
from pipeline.views import answers
from pipeline.views.consent import must_ask
from pipeline.views.deal import deal_url
from pipeline.views.deal_move import undo_url


@dataclass(frozen=True, slots=True)
class _Whose:
    """The customer that was meant: `id` is None for one who is to be added."""

    id: int | None
    name: str


@company_view("deal.open")
@require_http_methods(["GET", "HEAD", "POST"])
def deal_open(request: HttpRequest) -> HttpResponse:
    """Open a deal. What is doubtful (which customer, one more deal, a closed quarter) is asked
    once, with the form kept; the same form answers it."""
    now = timezone.now()
    form = _form(request, now)
    if request.method != "POST":
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, status=422)
    given = form.cleaned_data
    stage = first_stage(pipeline_id=given["pipeline"])
    if stage is None:
        form.add_error(
            "pipeline", _("This pipeline has no stage for a deal to begin in. Choose another.")
        )
        return _page(request, form, status=422)
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    try:
        recorded = opened_before(key=given["key"], stage_id=stage.pk, name=given["name"])
        if recorded is None:
            whose = _whose(form)
            if whose is None or _asks(request, form, whose, by):
                return _page(request, form, status=422)
            recorded = open_for_customer(
                by=by,
                pipeline_id=given["pipeline"],
                stage_id=stage.pk,
                name=given["name"] or proposed_name(customer=whose.name),
                customer=whose.name,
                occurred_at=given["happened_at"],
                now=now,
                key=given["key"],
                amount=given["amount"],
                currency=given["currency"],
                rep_id=given["rep"],
                source_id=given["source"],
            )
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, form, status=422)
    wake(request.company.pk)  # type: ignore[attr-defined]
    return _opened(request, recorded, stage.name)


def _opened(request: HttpRequest, recorded: Recorded, stage: str) -> HttpResponse:
    page = deal_url(request, recorded.deal_id)
    return answers.done(
        request,
        text=_("Deal opened in {stage}").format(stage=stage),
        undo=undo_url(request, recorded),
        link=(page, _("Look at it")),
        default=page,
        deal_id=recorded.deal_id,
        stages=frozenset(filter(None, (recorded.stage_id,))),
        stay=True,
    )


def _form(request: HttpRequest, now: datetime) -> DealOpenForm:
    company = request.company  # type: ignore[attr-defined]
    rep_id = own_rep(membership_id=request.membership.pk)  # type: ignore[attr-defined]
    pipelines = pipeline_choices()
    asked = request.GET.get("pipeline", "")
    first = pipelines[0][0] if pipelines else None
    return DealOpenForm(
        request.POST if request.method == "POST" else None,
        now=now,
        zone=company.zone,
        currencies=currencies(company=company, current=company.currency),
        pipelines=pipelines,
        sources=source_choices(current=None),
        reps=rep_choices(current=None),
        initial={
            "customer": plain(request.GET.get("customer", "")),
            "currency": company.currency,
            "pipeline": next((pk for pk, _name in pipelines if str(pk) == asked), first),
            "source": last_used_source(rep_id=rep_id),
            "rep": rep_id,
        },
    )


def _whose(form: DealOpenForm) -> _Whose | None:
    """The customer that the form means; None where the form has to ask."""
    typed = " ".join(form.cleaned_data["customer"].split())
    chosen = meant(form.cleaned_data["meant"], typed=typed)
    if chosen.isascii() and chosen.isdecimal() and len(chosen) < 19:
        picked = Customer.objects.filter(pk=int(chosen)).first()
        if picked is None:
            form.add_error("customer", _("This customer does not exist. Choose another."))
            return None
        return _Whose(picked.pk, picked.name)
    known = customer_by_name(name=typed)
    if known is not None:
        return _Whose(known.pk, known.name)
    form.matches = () if chosen == NEW else customers_typed(text=typed)
    return None if form.matches else _Whose(None, typed)


def _asks(request: HttpRequest, form: DealOpenForm, whose: _Whose, by: Actor) -> bool:
    """Must something be confirmed first? The form then shows it."""
    company = request.company  # type: ignore[attr-defined]
    given = form.cleaned_data
    if whose.id is not None and given["anyway"] != whose.id:
        found = _open_deals(request, whose.id, whose.name)
        if found.total:
            form.duplicates = found
            return True
    return must_ask(form, by=by, since=company.local_day(given["happened_at"]), now=form.now)


def _open_deals(request: HttpRequest, customer_id: int, customer: str) -> Duplicates:
    company = request.company  # type: ignore[attr-defined]
    return open_deals_of(
        customer_id=customer_id,
        customer=customer,
        style=answers.style_of(request),
        today=company.local_day(company.clock(timezone.now())),
    )


def _page(request: HttpRequest, form: DealOpenForm, status: int = 200) -> HttpResponse:
    back = answers.came_from(request, default=answers.board_url(request))
    slug = request.company.slug  # type: ignore[attr-defined]
    context: dict[str, object] = {
        "form": form,
        "url": request.path,
        "back": answers.board_url(request) if back.startswith(request.path) else back,
        "suggest_url": reverse("pipeline:customer_suggest", kwargs={"company_slug": slug}),
        "hints_url": reverse("pipeline:deal_open_hints", kwargs={"company_slug": slug}),
        "typed": plain(str(form["customer"].value() or "")),
        "duplicates": form.duplicates,
    }
    return answers.form_page(request, "pipeline/deal_open.html", context, status=status)


@company_view("deal.open")
@require_safe
def customer_suggest(request: HttpRequest) -> HttpResponse:
    """The options under the customer field, as one types; without htmx the form itself."""
    typed = plain(request.GET.get("customer", ""))
    if not answers.scripted(request):
        slug = request.company.slug  # type: ignore[attr-defined]
        return redirect(reverse("pipeline:deal_open", kwargs={"company_slug": slug}))
    found: tuple[CustomerMatch, ...] = customers_typed(text=typed)
    context = {
        "matches": found,
        "typed": typed,
        "offers_new": bool(typed) and not any(m.how == EXACT for m in found),
    }
    return render(request, "pipeline/deal_open.html#options", context)


@company_view("deal.open")
@require_safe
def deal_open_hints(request: HttpRequest) -> HttpResponse:
    """What is known once the customer is chosen: its open deals, and a name for the next one."""
    typed = plain(request.GET.get("customer", ""))
    if not answers.scripted(request):
        slug = request.company.slug  # type: ignore[attr-defined]
        return redirect(reverse("pipeline:deal_open", kwargs={"company_slug": slug}))
    known = customer_by_name(name=typed) if typed else None
    found = _open_deals(request, known.pk, known.name) if known else None
    context = {
        "duplicates": found if found and found.total else None,
        "proposed": proposed_name(customer=known.name if known else typed) if typed else "",
    }
    return render(request, "pipeline/deal_open.html#hints", context)
