"""Material in a deal: what was sent and opened, sending it, and revoking its links."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from pipeline.forms.material import SendForm
from pipeline.models import Deal, TrackedLink
from pipeline.permissions import MATERIAL_MANAGE
from pipeline.selectors.deal_material import deal_material, send_choices
from pipeline.services.history import NotFound
from pipeline.services.own_deals import check_own_deal, sends_to
from pipeline.services.sending import send_material
from pipeline.services.tracked_links import revoke_link
from pipeline.views import answers
from pipeline.views.deal import deal_url
from pipeline.views.deal_asking import may
from pipeline.views.material import company_today, material_url


def _section(request: HttpRequest, deal_id: int) -> dict[str, object] | None:
    def address(token: str) -> str:
        return request.build_absolute_uri(reverse("tracked_link", kwargs={"token": token}))

    found = deal_material(
        deal_id=deal_id,
        style=answers.style_of(request),
        zone=request.company.zone,  # type: ignore[attr-defined]
        today=company_today(request),
        address=address,
    )
    if found is None:
        return None
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    sends = sends_to(by, Deal.objects.only("id", "rep_id").get(pk=deal_id))
    return {
        "found": found,
        "sends": sends,
        "send_url": material_url(request, "material_send", deal_id=deal_id) if sends else "",
        "page_url": material_url(request, "deal_material", deal_id=deal_id),
        "deal_url": deal_url(request, deal_id),
        "material_url": material_url(request, "material", material_id=0).removesuffix("0/"),
    }


@company_view("material.view")
@require_safe
def deal_material_page(request: HttpRequest, deal_id: int) -> HttpResponse:
    """The section for the deal page to fetch; without htmx a page of its own."""
    context = _section(request, deal_id)
    if context is None:
        raise Http404
    part = "#section" if answers.scripted(request) else ""
    return render(request, f"pipeline/deal_material.html{part}", context)


@answers.surface("pipeline:deal_material", target="#deal-material")
def draw_section(request: HttpRequest, asking: answers.Asking) -> str:
    """The page of its own after something was sent or revoked from it."""
    context = _section(request, asking.match.kwargs["deal_id"])
    if context is None:
        raise Http404
    return render_to_string("pipeline/deal_material.html#card", context, request)


@company_view("material.send")
@require_http_methods(["GET", "HEAD", "POST"])
def material_send(request: HttpRequest, deal_id: int) -> HttpResponse:
    """Record that material was sent, by hand or with a tracked link to copy."""
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    choices = send_choices(deal_id=deal_id)
    if choices is None:
        raise Http404
    check_own_deal(by, Deal.objects.only("id", "rep_id").get(pk=deal_id))
    company = request.company  # type: ignore[attr-defined]
    now = timezone.now()
    form = SendForm(
        request.POST if request.method == "POST" else None,
        materials=choices.materials,
        here=choices.here,
        contacts=choices.contacts,
        today=company.local_day(now),
    )
    page = material_url(request, "deal_material", deal_id=deal_id)
    context: dict[str, object] = {
        "form": form,
        "choices": choices,
        "url": request.path,
        "back": _back(request, page),
        "list_url": material_url(request, "material_list"),
        "add_url": material_url(request, "material_add") if may(request, MATERIAL_MANAGE) else "",
    }
    template = "pipeline/material_send.html"
    if request.method != "POST":
        return answers.form_page(request, template, context)
    if not form.is_valid():
        return answers.form_page(request, template, context, status=422)
    given = form.cleaned_data
    try:
        sent = send_material(
            by=by,
            material_id=given["material"],
            deal_id=deal_id,
            now=now,
            sent_on=given["sent_on"],
            contact_id=given["contact"],
            tracked=given["how"] == "link",
            key=given["key"],
        )
    except NotFound as missing:
        raise Http404 from missing
    except NotAllowed:
        raise
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return answers.form_page(request, template, context, status=422)
    said = _("Recorded. Copy the link into your message.") if sent.link else _("Recorded as sent")
    return answers.done(request, text=said, default=page, anchor="deal-material")


def _back(request: HttpRequest, page: str) -> str:
    """Where to go afterwards; without scripts to the page that shows the link to copy."""
    back = answers.came_from(request, default=page)
    return back if answers.scripted(request) and not back.startswith(request.path) else page


@company_view("material.send")
@require_POST
def tracked_link_revoke(request: HttpRequest, link_id: int) -> HttpResponse:
    """Make a link lead nowhere from now on."""
    found = TrackedLink.objects.filter(pk=link_id).values_list("deal_id", flat=True).first()
    if found is None:
        raise Http404
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    page = material_url(request, "deal_material", deal_id=found)
    try:
        revoke_link(by=by, link_id=link_id, now=timezone.now())
    except NotFound as missing:
        raise Http404 from missing
    return answers.done(
        request,
        text=_("The link leads nowhere from now on"),
        default=page,
        anchor="deal-material",
    )
