"""How the product looks to its reader: theme and language, saved with the user."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.access import public_view
from accounts.services.appearance import choose_appearance
from accounts.views.reading import user_id_of


@public_view
@require_POST
@login_required
def appearance(request: HttpRequest) -> HttpResponse:
    """Save what was chosen and go back to the page. What is not offered is ignored."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    response = HttpResponseRedirect(target)
    theme, locale = request.POST.get("theme"), request.POST.get("locale")
    choose_appearance(user_id=user_id_of(request), theme=theme, locale=locale)
    if locale in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            locale,
            max_age=365 * 24 * 60 * 60,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response
