"""Pages for what went wrong."""

from urllib.parse import urlencode

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.translation import gettext as _

from accounts.access import refused


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token was missing or stale; nothing was changed.

    Where the sign-in ended meanwhile, its token went with it: the way leads to the sign-in page,
    and from there back to the page (CompanyMiddleware would say the same, but comes later).
    """
    match = request.resolver_match
    if match and "company_slug" in match.kwargs and not request.user.is_authenticated:
        target = urlencode({"next": request.get_full_path()})
        return redirect(f"{resolve_url('account_login')}?{target}")
    return refused(
        request, _("Your sign-in changed since this page was opened. Reload it and try again.")
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What was sent is larger than any form may be, or cannot be read; nothing was changed."""
    if isinstance(exception, RequestDataTooBig):
        status = 413
        sentence = _("It is too large: a form takes at most 2.5 MB. Shorten it and send it again.")
    else:
        status = 400
        sentence = _("It cannot be read. Reload the page and try again.")
    return refused(request, sentence, status=status, page="400.html")
