"""A tracked link, followed by somebody who is nobody's member: a redirect, or a page that says no.

It leads to the address that is stored on the link and nowhere else, whatever the request says. It
makes no session and no cookie, and tells nothing of the workspace that it belongs to.
"""

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import public_view
from pipeline.services.openings import Reader, follow_link

# Programs that follow links without anybody reading: they are redirected and not counted. They
# are known by what they say of themselves, so one that passes for a browser is counted.
_MACHINES = (
    "bot/",
    "bot;",
    "bot)",
    "bot-",
    "slackbot",
    "crawl",
    "spider",
    "slurp",
    "preview",
    "scan",
    "monitor",
    "facebookexternalhit",
    "whatsapp",
    "googleimageproxy",
    "google-safety",
    "headless",
    "phantomjs",
    "barracuda",
    "mimecast",
    "proofpoint",
    "symantec",
    "messagelabs",
    "fireeye",
    "trendmicro",
    "safelinks",
    "ms-office",
    "microsoft office",
    "curl/",
    "wget/",
    "python",
    "aiohttp",
    "httpx",
    "go-http-client",
    "java/",
    "apache-httpclient",
    "okhttp",
    "libwww",
    "node-fetch",
    "axios",
)
_AHEAD = ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")  # a browser that loads before a click
_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}


@public_view
@require_safe
def tracked_link(request: HttpRequest, token: str) -> HttpResponse:
    """302 to the material; the same plain 404 for what is unknown, malformed or revoked."""
    if not _within_limit(request):
        return HttpResponse(status=429, headers={**_HEADERS, "Retry-After": "60"})
    agent = request.headers.get("User-Agent", "")
    address = follow_link(
        token=token,
        reader=Reader(
            address=get_adapter(request).get_client_ip(request),
            agent=agent,
            user_id=request.user.pk if request.user.is_authenticated else None,
            leave_alone=_asks_not(request) or _nobody_reads(request, agent),
        ),
        now=timezone.now(),
    )
    if address is None:
        # Without the request: nothing of a session or a member comes into the page.
        return HttpResponse(
            render_to_string("pipeline/link_gone.html"), status=404, headers=_HEADERS
        )
    return HttpResponseRedirect(address, headers=_HEADERS)


def _within_limit(request: HttpRequest) -> bool:
    """May this address follow one more link in this minute? Real tokens and guesses alike."""
    # The limiter lets every GET pass: it is asked about a POST from the same address.
    counted = HttpRequest()
    counted.method, counted.META = "POST", request.META
    return bool(ratelimit.consume(counted, action="tracked_link"))


def _asks_not(request: HttpRequest) -> bool:
    """Does the browser ask for nobody to be tracked?"""
    return "1" in (request.headers.get("DNT"), request.headers.get("Sec-GPC"))


def _nobody_reads(request: HttpRequest, agent: str) -> bool:
    """Is this a program, or a browser that loads before anybody clicks?"""
    if request.method == "HEAD":
        return True
    said = agent.lower()
    if not said or any(mark in said for mark in _MACHINES):
        return True
    told = (request.headers.get(name, "").lower() for name in _AHEAD)
    return any("prefetch" in value or "preview" in value or "prerender" in value for value in told)
