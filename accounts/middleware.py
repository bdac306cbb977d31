"""From the URL to the company: membership or 404, and the context for everything below."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.selectors.memberships import membership_for
from accounts.selectors.second_factor import factors_of
from accounts.tenancy.context import company_context, user_context

GetResponse = Callable[[HttpRequest], HttpResponse]


class SignInAgeMiddleware:
    """Who proved who they are too long ago is signed out, however busy they were since.

    The cookie's own age starts anew whenever the session is written.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            records = get_authentication_records(request, request.user)
            proved = max((record.get("at", 0) for record in records), default=None)
            if proved is not None and time.time() - proved > settings.SIGN_IN_AGE:
                logout(request)
        return self.get_response(request)


class ReaderLanguageMiddleware:
    """Who is signed in reads in the language that they chose, in every browser.

    Without a choice, or signed out, the cookie or the browser decides (LocaleMiddleware).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = request.user.locale if request.user.is_authenticated else ""
        if chosen in dict(settings.LANGUAGES):
            translation.activate(chosen)
            request.LANGUAGE_CODE = translation.get_language()  # type: ignore[attr-defined]
        return self.get_response(request)


class CompanyMiddleware:
    """Resolve `company_slug` of the URL; strangers get 404, the signed-out the sign-in page."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with ExitStack() as stack:
            request.company = None  # type: ignore[attr-defined]
            request.membership = None  # type: ignore[attr-defined]
            request._tenancy = stack  # type: ignore[attr-defined]
            response = self.get_response(request)
            if getattr(request, "user", None) is not None and request.user.is_authenticated:
                # A shared machine must not show a company's page after signing out.
                response.setdefault("Cache-Control", "no-store, private")
            return response

    def process_view(
        self, request: HttpRequest, view: Any, args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        slug = kwargs.pop("company_slug", None)
        if request.user.is_authenticated:
            request._tenancy.enter_context(user_context(request.user.pk))  # type: ignore[attr-defined]
            structlog.contextvars.bind_contextvars(user_id=request.user.pk)
        if slug is None:
            return None
        if not request.user.is_authenticated:
            return _sent_to("account_login", request)
        found = membership_for(user_id=request.user.pk, slug=slug)
        if found is None:
            raise Http404
        request.company, request.membership = found  # type: ignore[attr-defined]
        request._tenancy.enter_context(company_context(found[0].pk))  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(company_id=found[0].pk)
        if found[0].require_mfa and not factors_of(user_id=request.user.pk):
            return _sent_to("accounts:second_factor", request)
        return None


def _sent_to(url_name: str, request: HttpRequest) -> HttpResponse:
    """First to that page, and back here afterwards."""
    response = HttpResponse(status=302)
    target = urlencode({"next": request.get_full_path()})
    response["Location"] = f"{resolve_url(url_name)}?{target}"
    return response


class HtmxLoginRedirectMiddleware:
    """An expired sign-in, or a missing second factor, answers a fragment with HX-Redirect.

    fetch() would follow a 302 and put the whole sign-in page into a card.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Vary", "")
        vary = [v for v in (response["Vary"], "HX-Request") if v]
        if "HX-Request" not in response["Vary"]:
            response["Vary"] = ", ".join(vary)
        location = urlsplit(response.get("Location", "")).path
        if (
            response.status_code == 302
            and request.headers.get("HX-Request") == "true"
            and location in {reverse("account_login"), reverse("accounts:second_factor")}
        ):
            target = _page_of(request)
            redirect = HttpResponse(status=200)
            redirect["HX-Redirect"] = f"{location}?{urlencode({'next': target})}"
            redirect["Vary"] = response["Vary"]
            return redirect
        return response


def _page_of(request: HttpRequest) -> str:
    """The path of the page that the fragment is for: on this host only, as the header is told."""
    current = request.headers.get("HX-Current-URL", "")
    if not url_has_allowed_host_and_scheme(current, {request.get_host()}):
        return "/"
    parts = urlsplit(current)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    # //elsewhere/ is a path here and a host as an address of its own.
    return target if url_has_allowed_host_and_scheme(target, None) else "/"
