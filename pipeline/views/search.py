"""Global search over deals, customers, contacts and people of the company."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import company_view
from pipeline.selectors.search import CONTACTS, CUSTOMERS, DEALS, REPS, Hit, Hits
from pipeline.selectors.search import search as search_for
from pipeline.views import answers
from pipeline.views.deal_asking import deal_prefix

_ICONS = {DEALS: "square-kanban", CUSTOMERS: "building-2", CONTACTS: "user", REPS: "users"}


@dataclass(frozen=True, slots=True)
class Link:
    """A hit and where it leads."""

    hit: Hit
    href: str


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one kind; `more_url` leads to all deals where there are more than shown."""

    kind: str
    title: str
    icon: str
    links: tuple[Link, ...]
    more: bool
    more_url: str


@company_view("deal.view")
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """The page for `?q=`; with htmx its results alone, as one types."""
    company = request.company  # type: ignore[attr-defined]
    found = search_for(
        text=request.GET.get("q", ""),
        style=answers.style_of(request),
        today=company.local_day(company.clock(timezone.now())),
    )
    slug = company.slug
    context: dict[str, object] = {
        "asked": found.asked,
        "total": found.total,
        "by_beginnings": found.by_beginnings,
        "kinds": tuple(_group(slug, hits, found.asked) for hits in found.kinds),
        "url": request.path,
        "whole_search": True,
    }
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "pipeline/search.html" if whole else "pipeline/search.html#results"
    return render(request, template, context)


def _group(slug: str, hits: Hits, asked: str) -> Group:
    listed = reverse("pipeline:deal_list", kwargs={"company_slug": slug})
    board = reverse("pipeline:board", kwargs={"company_slug": slug})
    deals = deal_prefix(slug)

    def href(hit: Hit) -> str:
        if hits.kind == DEALS:
            return f"{deals}{hit.id}/"
        if hits.kind == REPS:
            return f"{board}?{urlencode({'rep': hit.id})}"
        return f"{listed}?{urlencode({'text': hit.text, 'state': 'all'})}"

    more = f"{listed}?{urlencode({'text': asked, 'state': 'all'})}"
    return Group(
        kind=hits.kind,
        title=hits.title,
        icon=_ICONS[hits.kind],
        links=tuple(Link(hit, href(hit)) for hit in hits.rows),
        more=hits.more,
        more_url=more if hits.kind == DEALS else "",
    )
