"""The address that reps copy in, and whose mail arrives."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company_view
from pipeline.selectors.mailboxes import mailboxes
from pipeline.services.mail_address import new_mail_address
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
