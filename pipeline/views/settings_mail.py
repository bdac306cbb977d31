"""The address that reps copy in, whose mail arrives, and whether attachments are stored."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company_view
from pipeline.selectors.mailboxes import mailboxes
from pipeline.services.mail_address import new_mail_address
from pipeline.services.mail_attachments import keeps_attachments, set_attachments_kept
from pipeline.views import answers
from pipeline.views.settings_frame import actor_of, frame, url_of


@company_view("mail.settings")
@require_safe
def settings_mail(request: HttpRequest) -> HttpResponse:
    """The company's address, if it has one, and every rep's mailbox."""
    company = request.company  # type: ignore[attr-defined]
    now = company.clock(timezone.now())  # a history that stands still is judged by its own day
    found = mailboxes(now=now, zone=company.zone, style=answers.style_of(request))
    token = company.mail_token or ""
    context: dict[str, object] = {
        **frame(request),
        "slug": company.slug,
        "mailboxes": found,
        "has_address": bool(token),
        "address": f"{token}@{settings.MAIL_DOMAIN}" if token and settings.MAIL_DOMAIN else "",
        "token": token,
        "posted": bool(settings.MAIL_PROVIDER),
        "tray_url": url_of(request, "mail_tray"),
        "reps_url": url_of(request, "settings_catalogue", catalogue="reps"),
        "new_url": url_of(request, "settings_mail_new"),
        "keeps_attachments": keeps_attachments(),
        "attachments_url": url_of(request, "settings_mail_attachments"),
    }
    return render(request, "pipeline/settings_mail.html", context)


@company_view("mail.settings")
@require_POST
def settings_mail_new(request: HttpRequest) -> HttpResponse:
    """Make the address, or another one in its place."""
    company = request.company  # type: ignore[attr-defined]
    # Sent twice, it would replace the address that somebody has just written down.
    if (company.mail_token or "") == request.POST.get("seen", ""):
        new_mail_address(by=actor_of(request), company=company, now=timezone.now())
    page = url_of(request, "settings_mail")
    return answers.done(request, text=_("The new address works from now on"), default=page)


@company_view("mail.settings")
@require_POST
def settings_mail_attachments(request: HttpRequest) -> HttpResponse:
    """Store attachments from now on (`keep=1`), or name them only."""
    keep = request.POST.get("keep") == "1"
    set_attachments_kept(by=actor_of(request), keep=keep, now=timezone.now())
    said = _("Attachments are stored from now on") if keep else _("Attachments are only named")
    return answers.done(request, text=said, default=url_of(request, "settings_mail"))
