"""Starting a review: choose the kind, the deal, the call or e-mail; then the sheet opens."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import company_view
from accounts.errors import DomainError
from metrics.forms.reviews import ReviewStartForm
from metrics.models import ReviewKind
from metrics.selectors.finding_deals import deal_choices
from metrics.selectors.review_page import contact_choices, deal_head
from metrics.selectors.review_talks import silent_text, talk_rows
from metrics.selectors.review_words import INTERVIEWS, KINDS, TALKS, kind_how, kind_word
from metrics.services.reviews import start_review
from metrics.views.reviews import actor_of, here, today_of
from pipeline.models import Deal
from pipeline.services.history import NotFound
from pipeline.views import answers
from pipeline.views.deal_asking import deal_prefix

_FITTING = {
    ReviewKind.CUSTOMER.value: Deal.Outcome.WON,
    ReviewKind.LOST.value: Deal.Outcome.LOST,
}


def _id(text: str) -> int | None:
    """An id as an address says it; what is none asks for nothing."""
    readable = text.isascii() and text.isdecimal() and len(text) < 19
    return int(text) if readable else None


@company_view("review.record")
@require_http_methods(["GET", "HEAD", "POST"])
def review_start(request: HttpRequest) -> HttpResponse:
    """Start a review of what the address names; what it does not name is asked for."""
    kind = request.GET.get("kind", "")
    named = request.GET.get("deal", "")
    deal_id = _id(named)
    deal = None
    if named:
        deal = (
            Deal.objects.select_related("customer", "rep").filter(pk=deal_id).first()
            if deal_id is not None
            else None
        )
        if deal is None:
            raise Http404
    if kind and kind not in KINDS:
        raise Http404
    if deal is None or not kind:
        return _ask(request, kind=kind, deal=deal)
    return _start(request, kind=kind, deal=deal)


def _ask(request: HttpRequest, *, kind: str, deal: Deal | None) -> HttpResponse:
    """Which kind, and of which deal: links, so that it works without scripts."""
    style = answers.style_of(request)
    text = request.GET.get("find", "").strip()
    url = here(request, "review_start")
    kinds = [
        (
            kind_word(one),
            kind_how(one),
            f"{url}?kind={one}" + (f"&deal={deal.pk}" if deal else ""),
            one == kind,
            deal is None or one not in _FITTING or deal.outcome == _FITTING[one],
        )
        for one in KINDS
    ]
    context = {
        "kind": kind_word(kind) if kind else None,
        "kinds": kinds,
        "deal": deal_head(deal=deal, style=style) if deal else None,
        "find": text,
        "choices": [
            (one, f"{url}?kind={kind}&deal={one.id}") for one in deal_choices(text=text, chosen=())
        ]
        if kind and text
        else (),
        "url": url,
        "list_url": here(request, "review_list"),
    }
    return render(request, "metrics/review_start.html", context)


def _start(request: HttpRequest, *, kind: str, deal: Deal) -> HttpResponse:
    style = answers.style_of(request)
    asked = _id(request.GET.get("activity", ""))
    talks = talk_rows(deal_id=deal.pk, kind=kind, style=style, also=asked)
    people = contact_choices(customer_id=deal.customer_id) if kind in INTERVIEWS else ()
    chosen = next((t.id for t in talks if t.id == asked), talks[0].id if talks else None)
    if request.method == "POST":
        form = ReviewStartForm(request.POST, kind=kind, talks=talks, people=people)
    else:
        only = people[0][0] if len(people) == 1 else None
        form = ReviewStartForm(
            kind=kind,
            talks=talks,
            people=people,
            initial={"activity": chosen, "contact": only, "held_on": today_of(request)},
        )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            given = form.cleaned_data
            try:
                review = start_review(
                    by=actor_of(request),
                    now=timezone.now(),
                    kind=kind,
                    deal_id=deal.pk,
                    activity_id=given.get("activity"),
                    contact_id=given.get("contact"),
                    held_on=given.get("held_on"),
                    idempotency_key=given["key"],
                )
            except NotFound as missing:
                raise Http404 from missing
            except DomainError as refusal:
                form.add_error(None, refusal.sentence)
                status = refusal.status
            else:
                messages.success(request, _("Sheet started. Save it as often as you like."))
                return answers.SeeOther(here(request, "review", review_id=review.pk))
    fits = kind not in _FITTING or deal.outcome == _FITTING[kind]
    context = {
        "kind": kind_word(kind),
        "how": kind_how(kind),
        "deal": deal_head(deal=deal, style=style),
        "form": form,
        "talks": list(zip(talks, form["activity"], strict=True))
        if "activity" in form.fields
        else (),
        "silent": silent_text(kind) if kind in TALKS and not talks else "",
        "unfit": "" if fits else _unfit(kind),
        "deal_url": f"{deal_prefix(request.company.slug)}{deal.pk}/",  # type: ignore[attr-defined]
        "review_url": here(request, "review", review_id=0).removesuffix("0/"),
        "blank_url": here(request, "guide_blank", kind=kind),
        "url": request.get_full_path(),
        "kinds_url": f"{here(request, 'review_start')}?deal={deal.pk}",
        "list_url": here(request, "review_list"),
    }
    return render(request, "metrics/review_start.html", context, status=status)


def _unfit(kind: str) -> str:
    if kind == ReviewKind.CUSTOMER:
        return _("A customer is interviewed about a deal that was won, and this one is not.")
    return _("A lost prospect is interviewed about a deal that was lost, and this one is not.")
