"""How a page answers after an action: a fragment with scripts, a redirect without them.

A page that can draw itself anew registers as a surface; an action that was asked for from there
answers with what the surface draws, from fresh reads. Refusals leave the page as it is.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import NoReverseMatch, Resolver404, ResolverMatch, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language

from accounts import formats
from accounts.formats import Style


@dataclass(frozen=True, slots=True)
class Asking:
    """The page from which an action was asked for: its address (`match.kwargs`) and query.

    `stages` are those whose deals the action may have changed; None where that is not known.
    `deal_id` is the deal that it was about, if it was one.
    """

    match: ResolverMatch
    query: QueryDict
    stages: frozenset[int] | None
    deal_id: int | None = None


Draw = Callable[[HttpRequest, Asking], str]


class SeeOther(HttpResponseRedirect):
    """After a POST: get the page over there."""

    status_code = 303


@dataclass(frozen=True, slots=True)
class Surface:
    """A page that can draw its changed part anew: where that goes, and what it is."""

    target: str  # a CSS selector
    draw: Draw


_SURFACES: dict[str, Surface] = {}


def surface(url_name: str, *, target: str) -> Callable[[Draw], Draw]:
    """Register how a page (`pipeline:board`) draws what an action may have changed.

    The function gets the request of the action and the page that asked; what it returns is
    swapped into `target` (outerMorph), `<hx-partial>`s of it into theirs.
    """

    def register(draw: Draw) -> Draw:
        _SURFACES[url_name] = Surface(target, draw)
        return draw

    return register


def scripted(request: HttpRequest) -> bool:
    """Did htmx send this?"""
    return bool(getattr(request, "htmx", False))


def style_of(request: HttpRequest) -> Style:
    """How the signed-in reader sees this company's numbers."""
    company = request.company  # type: ignore[attr-defined]
    return formats.style_for(
        language=get_language() or "en", company_locale=company.locale, currency=company.currency
    )


def own_address(request: HttpRequest, url: str) -> str:
    """Path and query of an address in this company, or "": no other host, no other company."""
    if not url or not url_has_allowed_host_and_scheme(url, {request.get_host()}):
        return ""
    parts = urlsplit(url)
    if not parts.path.startswith(f"/w/{request.company.slug}/"):  # type: ignore[attr-defined]
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")


def came_from(request: HttpRequest, *, default: str) -> str:
    """The page to go back to: what the form says in `back`, else the page it stood on."""
    told = (
        request.POST.get("back", ""),
        request.GET.get("back", ""),
        request.headers.get("HX-Current-URL", ""),
        request.headers.get("Referer", ""),
    )
    found = (own_address(request, url) for url in told)
    return next((url for url in found if url), default)


def toast(
    response: HttpResponse,
    *,
    text: str,
    undo: str = "",
    link: tuple[str, str] | None = None,
    closes_dialog: bool = False,
) -> HttpResponse:
    """Let the page say one thing; `undo` is an address that takes a POST, `link` an address to
    go to and what it is called."""
    parts = {"text": text, **({"undo": undo} if undo else {})}
    if link is not None:
        parts["href"], parts["label"] = link
    said: dict[str, object] = {"toast": parts}
    if closes_dialog:
        said["dialog-close"] = {}
    response["HX-Trigger"] = json.dumps(said)  # ASCII: headers carry nothing else
    return response


def done(
    request: HttpRequest,
    *,
    text: str,
    default: str,
    undo: str = "",
    anchor: str = "",
    deal_id: int | None = None,
    stages: frozenset[int] | None = None,
    link: tuple[str, str] | None = None,
    stay: bool = False,
) -> HttpResponse:
    """It worked: say so, and show the page that asked as it is now.

    `default` is the page to show when none is known; `deal_id` the deal that it was about, whose
    card or row is come back to, unless `anchor` names another element; `stages` those whose
    deals changed, None where not known. Messages carry the address of their undo as extra_tags.
    `stay`: what was done shows on surfaces only, so any other page is left as it is.
    """
    back = came_from(request, default=default)
    if scripted(request):
        drawn = _drawn(request, back, stages, deal_id)
        if drawn is not None:
            return toast(drawn, text=text, undo=undo, link=link, closes_dialog=True)
        if stay:
            response = HttpResponse(status=200)
            response["HX-Reswap"] = "none"
            return toast(response, text=text, undo=undo, link=link, closes_dialog=True)
        messages.success(request, text, extra_tags=undo)
        response = HttpResponse(status=200)
        response["HX-Redirect"] = back
        return response
    messages.success(request, text, extra_tags=undo)
    anchor = anchor or ("" if deal_id is None else f"deal-{deal_id}")
    return SeeOther(f"{back}#{anchor}" if anchor else back)


def _drawn(
    request: HttpRequest,
    page: str,
    stages: frozenset[int] | None = None,
    deal_id: int | None = None,
) -> HttpResponse | None:
    """The fragment of the page that asked; None where it is not a surface."""
    parts = urlsplit(page)
    try:
        match = resolve(parts.path)
    except Resolver404:
        return None
    found = _SURFACES.get(match.view_name)
    if found is None:
        return None
    asking = Asking(match, QueryDict(parts.query), stages, deal_id)
    response = HttpResponse(found.draw(request, asking))
    response["HX-Retarget"] = found.target
    response["HX-Reswap"] = "outerMorph"
    return response


def target_of(page: str) -> str:
    """What of a page is drawn anew, as a CSS selector; "" where it is no surface."""
    try:
        found = _SURFACES.get(resolve(urlsplit(page).path).view_name)
    except Resolver404:
        return ""
    return found.target if found else ""


def refuse(request: HttpRequest, *, sentence: str, status: int, back: str) -> HttpResponse:
    """It was refused, and there is no form to show: a toast, or a message on the page.

    After a conflict (409) the page is drawn anew, so that it shows what others did.
    """
    if not scripted(request):
        messages.error(request, sentence)
        return SeeOther(came_from(request, default=back))
    drawn = _drawn(request, came_from(request, default=back)) if status == 409 else None
    if drawn is None:
        response = HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
        response["HX-Reswap"] = "none"
    else:
        response = drawn
        response.status_code = status
    return toast(response, text=sentence)


def form_page(
    request: HttpRequest, template: str, context: dict[str, object], *, status: int = 200
) -> HttpResponse:
    """A page with one form; with htmx its `dialog` partial, after a refusal its `form` partial.

    A refusal (422, 409) keeps the values.
    """
    if not scripted(request):
        return render(request, template, context, status=status)
    part = "form" if request.method == "POST" else "dialog"
    return render(request, f"{template}#{part}", context, status=status)


def address_or_none(name: str, **kwargs: object) -> str:
    """An address, or "" where the page does not exist."""
    try:
        return reverse(name, kwargs=kwargs)
    except NoReverseMatch:
        return ""


def board_url(request: HttpRequest) -> str:
    """The board: where there is nowhere else to go back to."""
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse("pipeline:board", kwargs={"company_slug": slug})
