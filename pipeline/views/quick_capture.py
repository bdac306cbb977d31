"""Quick capture: a call, meeting or e-mail with its note, told from any page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.deal_open import meant
from pipeline.forms.quick_capture import QuickCaptureForm
from pipeline.models import Activity
from pipeline.permissions import DEAL_OPEN
from pipeline.selectors.deals_typed import DealMatch, deal_matched, deals_typed
from pipeline.selectors.folded import plain
from pipeline.selectors.own_rep import own_rep
from pipeline.services.history import NotFound
from pipeline.services.notes import record_activity
from pipeline.services.take_back import take_back_activity
from pipeline.views import answers
from pipeline.views.deal import deal_url
from pipeline.views.deal_asking import may


@company_view("deal.change")
@require_http_methods(["GET", "HEAD", "POST"])
def quick_capture(request: HttpRequest) -> HttpResponse:
    """The form; where the text names no one deal it shows the matches and asks."""
    now = timezone.now()
    rep_id = own_rep(membership_id=request.membership.pk)  # type: ignore[attr-defined]
    form = _form(request, now, rep_id)
    if request.method != "POST":
        return _page(request, form, rep_id)
    deal = _deal(form, rep_id) if form.is_valid() else None
    if deal is None:
        return _page(request, form, rep_id, status=422)
    given = form.cleaned_data
    try:
        activity = record_activity(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            deal_id=deal.id,
            kind=given["kind"],
            happened_at=given["happened_at"],
            now=now,
            rep_id=rep_id,
            note=given["note"],
            key=given["key"],
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, form, rep_id, status=422)
    said = {
        "call": _("Call logged: {deal}"),
        "meeting": _("Meeting logged: {deal}"),
        "email": _("E-mail logged: {deal}"),
    }
    where = {"company_slug": request.company.slug, "activity_id": activity.pk}  # type: ignore[attr-defined]
    page = deal_url(request, deal.id)
    return answers.done(
        request,
        text=said[given["kind"]].format(deal=deal.label),
        undo=reverse("pipeline:activity_take_back", kwargs=where),
        link=(page, _("Look at it")),
        default=page,
        stages=frozenset(),
        stay=True,
    )


def _form(request: HttpRequest, now: object, rep_id: int | None) -> QuickCaptureForm:
    kind = request.GET.get("kind", "")
    initial = {"kind": kind if kind in Activity.Kind.values else Activity.Kind.CALL}
    here = _deal_here(request, rep_id) if request.method != "POST" else None
    if here is not None:
        initial |= {"deal": here.label, "meant": f"{here.id}:{here.label}"}
    return QuickCaptureForm(
        request.POST if request.method == "POST" else None,
        now=now,
        zone=request.company.zone,  # type: ignore[attr-defined]
        initial=initial,
    )


def _deal_here(request: HttpRequest, rep_id: int | None) -> DealMatch | None:
    """The deal whose page the form was called from, if it was one's."""
    try:
        match = resolve(answers.came_from(request, default="/").partition("?")[0])
    except Resolver404:
        return None
    if match.view_name != "pipeline:deal":
        return None
    return deal_matched(deal_id=match.kwargs["deal_id"], rep_id=rep_id)


def _deal(form: QuickCaptureForm, rep_id: int | None) -> DealMatch | None:
    """The deal that the form means; None where the form has to ask."""
    typed = form.cleaned_data["deal"]
    chosen = meant(form.cleaned_data["meant"], typed=typed)
    if chosen.isascii() and chosen.isdecimal() and len(chosen) < 19:
        picked = deal_matched(deal_id=int(chosen), rep_id=rep_id)
        if picked is None:
            form.add_error("deal", _("This deal does not exist. Choose another."))
        return picked
    form.matches = deals_typed(text=typed, rep_id=rep_id)
    same = [m for m in form.matches if plain(m.label) == plain(typed)]
    if len(same) == 1:
        return same[0]
    if not form.matches:
        form.add_error(
            "deal", _("No open deal is called so. Type a part of its name or of the customer's.")
        )
    return None


def _page(
    request: HttpRequest, form: QuickCaptureForm, rep_id: int | None, status: int = 200
) -> HttpResponse:
    slug = request.company.slug  # type: ignore[attr-defined]
    back = answers.came_from(request, default=answers.board_url(request))
    opens = reverse("pipeline:deal_open", kwargs={"company_slug": slug})
    context: dict[str, object] = {
        "form": form,
        "url": request.path,
        "back": answers.board_url(request) if back.startswith(request.path) else back,
        "suggest_url": reverse("pipeline:deal_suggest", kwargs={"company_slug": slug}),
        "open_url": opens if may(request, DEAL_OPEN) else "",
        "typed": plain(str(form["deal"].value() or "")),
    }
    return answers.form_page(request, "pipeline/quick_capture.html", context, status=status)


@company_view("deal.change")
@require_safe
def deal_suggest(request: HttpRequest) -> HttpResponse:
    """The options under the deal field, as one types; without htmx the form itself."""
    if not answers.scripted(request):
        slug = request.company.slug  # type: ignore[attr-defined]
        return redirect(reverse("pipeline:quick_capture", kwargs={"company_slug": slug}))
    rep_id = own_rep(membership_id=request.membership.pk)  # type: ignore[attr-defined]
    found = deals_typed(text=request.GET.get("deal", ""), rep_id=rep_id)
    return render(request, "pipeline/quick_capture.html#options", {"matches": found})


@company_view("deal.change")
@require_POST
def activity_take_back(request: HttpRequest, activity_id: int) -> HttpResponse:
    """Undo: it was logged by mistake."""
    back = answers.board_url(request)
    try:
        deal_id = take_back_activity(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            activity_id=activity_id,
            now=timezone.now(),
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    return answers.done(
        request,
        text=_("Undone. Nothing was logged"),
        default=deal_url(request, deal_id),
        stages=frozenset(),
        stay=True,
    )
