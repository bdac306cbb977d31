"""The tray of mail that waits: file it under a deal, dismiss it, put it back."""

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.permissions import allows
from accounts.roles import Role
from pipeline.forms.deal_open import meant
from pipeline.forms.mail import MailAssignForm
from pipeline.permissions import MAIL_SETTINGS
from pipeline.selectors.deals_typed import deal_matched, deals_typed
from pipeline.selectors.folded import plain
from pipeline.selectors.mail_tray import WaitingMail, how_many_wait, waiting_mail
from pipeline.selectors.mail_tray import mail_tray as tray_of
from pipeline.selectors.own_rep import own_rep
from pipeline.services.history import NotFound
from pipeline.services.mail_tray import assign_mail, dismiss_mail, put_back_mail
from pipeline.views import answers
from pipeline.views.deal import deal_url


@company_view("mail.view")
@require_safe
def mail_tray(request: HttpRequest) -> HttpResponse:
    """The messages that wait, newest first (`page`)."""
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "pipeline/mail_tray.html" if whole else "pipeline/mail_tray.html#tray"
    return render(request, template, _context(request, request.GET))


@company_view("mail.view")
@require_safe
def mail_waiting(request: HttpRequest) -> HttpResponse:
    """How many messages wait, for the sidebar; nothing where none does."""
    return render(request, "pipeline/mail_tray.html#waiting", {"waiting": how_many_wait()})


@answers.surface("pipeline:mail_tray", target="#mail-tray")
def draw_mail_tray(request: HttpRequest, asking: answers.Asking) -> str:
    """The tray after a message was settled."""
    return render_to_string(
        "pipeline/mail_tray.html#tray", _context(request, asking.query), request
    )


def _context(request: HttpRequest, query: QueryDict) -> dict[str, object]:
    company = request.company  # type: ignore[attr-defined]
    asked = query.get("page", "")
    page = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 7 else 1
    tray = tray_of(
        page=page, zone=company.zone, style=answers.style_of(request), now=timezone.now()
    )
    role = Role(request.membership.role)  # type: ignore[attr-defined]
    settings = reverse("pipeline:settings_mail", kwargs={"company_slug": company.slug})
    return {
        "tray": tray,
        "slug": company.slug,
        "url": _tray_url(request),
        "settings_url": settings if allows(role, MAIL_SETTINGS) else "",
        "has_address": bool(company.mail_token),
    }


def _tray_url(request: HttpRequest) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse("pipeline:mail_tray", kwargs={"company_slug": slug})


def _waiting(request: HttpRequest, mail_id: int) -> WaitingMail:
    found = waiting_mail(
        email_id=mail_id,
        zone=request.company.zone,  # type: ignore[attr-defined]
        style=answers.style_of(request),
        now=timezone.now(),
    )
    if found is None:
        raise Http404
    return found


@company_view("mail.assign")
@require_http_methods(["GET", "HEAD", "POST"])
def mail_assign(request: HttpRequest, mail_id: int) -> HttpResponse:
    """The whole of a message that waits, and the deal to file it under."""
    if request.method != "POST":
        return _page(request, _waiting(request, mail_id), MailAssignForm())
    form = MailAssignForm(request.POST)
    deal_id = _deal(request, form) if form.is_valid() else None
    if deal_id is None:
        return _page(request, _waiting(request, mail_id), form, status=422)
    try:
        activity = assign_mail(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            email_id=mail_id,
            deal_id=deal_id,
            now=timezone.now(),
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(
            request, sentence=refusal.sentence, status=refusal.status, back=_tray_url(request)
        )
    return _settled(
        request,
        mail_id,
        text=_("Filed under {deal}").format(deal=activity.deal.name),
        link=(deal_url(request, deal_id), _("Look at it")),
    )


def _deal(request: HttpRequest, form: MailAssignForm) -> int | None:
    """The deal that the form means; None where the form has to ask."""
    rep_id = own_rep(membership_id=request.membership.pk)  # type: ignore[attr-defined]
    given = form.cleaned_data
    typed = given["deal"]
    chosen = meant(given["meant"], typed=typed)
    named = None if typed else given["deal_id"]  # what is typed comes after what is ticked
    if named is None and chosen.isascii() and chosen.isdecimal() and len(chosen) < 19:
        named = int(chosen)
    if named is not None:
        if deal_matched(deal_id=named, rep_id=rep_id) is None:
            form.add_error("deal", _("This deal does not exist. Choose another."))
            return None
        return int(named)
    # A label as the list shows it, "Team plan · Acme", may be typed or left from a choice.
    form.matches = deals_typed(text=typed.replace("·", " "), rep_id=rep_id)
    same = [match for match in form.matches if plain(match.label) == plain(typed)]
    if len(same) == 1:
        return same[0].id
    if not form.matches:
        form.add_error(
            "deal", _("No open deal is called so. Type a part of its name or of the customer's.")
        )
    return None


def _page(
    request: HttpRequest, mail: WaitingMail, form: MailAssignForm, status: int = 200
) -> HttpResponse:
    slug = request.company.slug  # type: ignore[attr-defined]
    context: dict[str, object] = {
        "mail": mail,
        "form": form,
        "url": request.path,
        "back": answers.came_from(request, default=_tray_url(request)),
        "dismiss_url": reverse(
            "pipeline:mail_dismiss", kwargs={"company_slug": slug, "mail_id": mail.id}
        ),
        "suggest_url": reverse("pipeline:deal_suggest", kwargs={"company_slug": slug}),
        "typed": plain(str(form["deal"].value() or "")),
    }
    if str(context["back"]).startswith(request.path):
        context["back"] = _tray_url(request)
    return answers.form_page(request, "pipeline/mail_assign.html", context, status=status)


@company_view("mail.assign")
@require_POST
def mail_dismiss(request: HttpRequest, mail_id: int) -> HttpResponse:
    """It belongs to no deal: out of the tray."""
    back = _tray_url(request)
    try:
        dismiss_mail(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            email_id=mail_id,
            now=timezone.now(),
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    return _settled(request, mail_id, text=_("Dismissed"))


@company_view("mail.assign")
@require_POST
def mail_put_back(request: HttpRequest, mail_id: int) -> HttpResponse:
    """Undo: it waits again."""
    back = _tray_url(request)
    try:
        put_back_mail(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            email_id=mail_id,
            now=timezone.now(),
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    return answers.done(
        request, text=_("It waits in the tray again"), default=back, stages=frozenset()
    )


def _settled(
    request: HttpRequest, mail_id: int, *, text: str, link: tuple[str, str] | None = None
) -> HttpResponse:
    slug = request.company.slug  # type: ignore[attr-defined]
    where = {"company_slug": slug, "mail_id": mail_id}
    return answers.done(
        request,
        text=text,
        default=_tray_url(request),
        undo=reverse("pipeline:mail_put_back", kwargs=where),
        link=link,
        stages=frozenset(),
    )
