"""The pages that people look at, so that the worker can make them before they are asked for again.

A page that is kept for its readers (accounts/kept.py) is made anew after each change, and the
first reader would wait for it. So a page says who looked at it, and after a change the worker
asks for it in that reader's place: the same view, the same permission, the same walls. What comes
of it is what is kept; the answer itself goes nowhere.

A company has a fixed number of places and a page falls into one of them by its address and
reader: Redis, which never throws away what is in it, cannot be filled by asking for pages.
"""

import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import structlog
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils import translation
from django.utils.translation import get_language
from django_htmx.middleware import HtmxDetails
from redis.exceptions import RedisError

from accounts.selectors.memberships import membership_for
from accounts.tenancy.context import company_context, user_context

PLACES = 16  # of a company: more pages than that are not made ahead
_SECONDS = 7 * 24 * 3600  # who looked on Friday looks on Monday, and weekly ones too
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Look:
    """A page by its address, and who asked for it in which language."""

    user_id: int
    language: str
    scheme: str
    host: str
    path: str
    query: str


def remember(request: HttpRequest) -> None:
    """Somebody looks at this page of the active company now; a worker that asks is nobody."""
    if ahead(request):
        return
    look = Look(
        user_id=request.user.pk,
        language=get_language() or "en",
        scheme=request.scheme or "https",
        host=request.get_host(),
        path=request.path,
        query=request.GET.urlencode(),
    )
    told = astuple(look)
    place = int(hashlib.sha256(repr(told).encode()).hexdigest(), 16) % PLACES
    try:
        cache.set(_place(request.company.pk, place), told, _SECONDS)  # type: ignore[attr-defined]
    except RedisError as error:
        log.warning("look_unwritten", error=str(error))


def ahead(request: HttpRequest) -> bool:
    """Is this the worker, who asks for a page before its reader does?"""
    return getattr(request, "ahead", False)


def ask_ahead(*, company_id: int, seconds: float) -> int:
    """Ask for each page that is looked at, in its readers' place; how many were asked for.

    Stops after so many seconds: what is left, its next reader makes. Raises what a page raises.
    """
    upto, asked = time.monotonic() + seconds, 0
    for look in _looks(company_id):
        if time.monotonic() > upto:
            log.info("pages_left", company_id=company_id)
            break
        asked += _ask(look, company_id)
    return asked


def _place(company_id: int, place: int) -> str:
    return f"{company_id}:looked_at:{place}"


def _looks(company_id: int) -> Iterator[Look]:
    try:
        found = cache.get_many([_place(company_id, place) for place in range(PLACES)])
    except RedisError as error:
        log.warning("looks_unread", error=str(error))
        return
    for told in found.values():
        yield Look(*told)


def _ask(look: Look, company_id: int) -> bool:
    """False where the page or the reader is gone from this company."""
    try:
        match = resolve(look.path)
    except Resolver404:  # of another version of the program
        return False
    kwargs = dict(match.kwargs)
    found = membership_for(user_id=look.user_id, slug=kwargs.pop("company_slug", ""))
    if found is None or found[0].pk != company_id:
        return False
    request = _request(look)
    request.company, request.membership = found
    with (
        user_context(look.user_id),
        company_context(company_id),
        translation.override(look.language),
    ):
        request.user = found[1].user
        match.func(request, *match.args, **kwargs)
    return True


def _request(look: Look) -> WSGIRequest:
    """What htmx would send for the changing part of the page, without a browser or a session."""
    request = WSGIRequest(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": look.path,
            "QUERY_STRING": look.query,
            "HTTP_HOST": look.host,
            "HTTP_HX_REQUEST": "true",
            "wsgi.url_scheme": look.scheme,
            "wsgi.input": io.BytesIO(),
        }
    )
    request.htmx = HtmxDetails(request)
    request.ahead = True
    return request
