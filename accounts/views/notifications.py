"""What I was told, and what I want to hear."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import formats
from accounts.access import company_view
from accounts.actors import Actor
from accounts.models import Mailing
from accounts.selectors.notifications import choices_of, news_of, unread_count
from accounts.services.notifications import choose, mark_read
from accounts.views.reading import user_id_of

PERMISSION = "notification.view"


def _url(request: HttpRequest, name: str) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse(f"accounts:{name}", kwargs={"company_slug": slug})


@company_view(PERMISSION)
@require_safe
def notification_list(request: HttpRequest) -> HttpResponse:
    """My news in this company, the newest first."""
    company = request.company  # type: ignore[attr-defined]
    asked = request.GET.get("page", "")
    page = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 5 else 1
    style = formats.style_for(
        language=get_language() or "en", company_locale=company.locale, currency=company.currency
    )
    rows, more = news_of(
        company=company, user_id=user_id_of(request), now=timezone.now(), style=style, page=page
    )
    context = {
        "rows": rows,
        "unread": any(row.unread for row in rows),
        "older": page + 1 if more else 0,
        "newer": page - 1 if page > 1 else 0,
        "page_url": _url(request, "notification_list"),
        "read_url": _url(request, "notification_read"),
        "choices_url": _url(request, "notification_choices"),
    }
    return render(request, "accounts/notification_list.html", context)


@company_view(PERMISSION)
@require_safe
def notification_count(request: HttpRequest) -> HttpResponse:
    """How much is unread, for the sidebar; nothing where nothing is."""
    context = {"waiting": unread_count(user_id=user_id_of(request))}
    return render(request, "accounts/notification_list.html#count", context)


@company_view(PERMISSION)
@require_POST
def notification_read(request: HttpRequest) -> HttpResponse:
    """Mark one as read (`id`), or all of them."""
    given = request.POST.get("id", "")
    one = int(given) if given.isascii() and given.isdecimal() and len(given) < 18 else None
    if given and one is None:
        return redirect(_url(request, "notification_list"))
    n = mark_read(user_id=user_id_of(request), now=timezone.now(), notification_id=one)
    if n and one is None:
        said = ngettext("{n} marked as read", "{n} marked as read", n).format(n=n)
        messages.success(request, said)
    return redirect(_url(request, "notification_list"))


@company_view(PERMISSION)
@require_http_methods(["GET", "HEAD", "POST"])
def notification_choices(request: HttpRequest) -> HttpResponse:
    """Kind by kind: in the product, and by mail at once, in a daily digest or not at all."""
    membership = request.membership  # type: ignore[attr-defined]
    rows = choices_of(membership=membership)
    if request.method == "POST":
        allowed = {str(value) for value in Mailing.values}
        for row in rows:
            mailing = request.POST.get(f"{row.kind}-mail", row.mailing)
            if row.wish:
                wished = f"{row.kind}-wish" in request.POST
                mailing = str(Mailing.AT_ONCE if wished else Mailing.OFF)
            choose(
                by=Actor.member(membership),
                membership=membership,
                kind=row.kind,
                shown=f"{row.kind}-shown" in request.POST,
                mailing=mailing if mailing in allowed else row.mailing,
            )
        messages.success(request, _("Saved"))
        return redirect(_url(request, "notification_choices"))
    context = {
        "rows": rows,
        "mailings": Mailing.choices,
        "page_url": _url(request, "notification_choices"),
        "list_url": _url(request, "notification_list"),
    }
    return render(request, "accounts/notification_choices.html", context)
