"""The deal page: what happened, what is known, what comes next."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.permissions import allows, policy
from pipeline.forms.fields import new_key
from pipeline.forms.notes import NoteForm
from pipeline.permissions import DEAL_CHANGE, DEAL_CORRECT, DEAL_MOVE, MAIL_ASSIGN
from pipeline.selectors.deal_page import DealPage, deal_page
from pipeline.selectors.timeline import kind_of, page_of, timeline
from pipeline.selectors.timeline_entry import Reading
from pipeline.services.moves import final_before
from pipeline.views import answers
from pipeline.views.deal_move import MoveMenu, move_menu


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses that the page offers."""

    page: str
    board: str
    win: str
    lose: str
    move: str
    note: str
    activity: str
    contact_add: str
    findings: str  # what was learned from it; "" where there is no such page
    finding_add: str  # "" for who may not
    experiments: str  # its arms; "" where there is no such page
    material: str  # what was sent and opened


def deal_url(request: HttpRequest, deal_id: int) -> str:
    """The page of a deal of this company."""
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse("pipeline:deal", kwargs={"company_slug": slug, "deal_id": deal_id})


@company_view("deal.view")
@require_safe
def deal(request: HttpRequest, deal_id: int) -> HttpResponse:
    """The page; with htmx the part of it that a filter or an action changes."""
    context = _context(request, deal_id, request.GET)
    if context is None:
        raise Http404
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    if whole:
        return render(request, "pipeline/deal.html", context)
    part = "timeline" if request.headers.get("HX-Target", "").endswith("timeline") else "deal"
    return render(request, f"pipeline/deal.html#{part}", context)


@answers.surface("pipeline:deal", target="#deal")
def draw_deal(request: HttpRequest, asking: answers.Asking) -> str:
    """The page after an action that was asked for from it."""
    context = _context(request, asking.match.kwargs["deal_id"], asking.query)
    if context is None:
        raise Http404
    return render_to_string("pipeline/deal.html#deal", context, request)


def _context(request: HttpRequest, deal_id: int, query: QueryDict) -> dict[str, object] | None:
    company = request.company  # type: ignore[attr-defined]
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    now = timezone.now()
    style = answers.style_of(request)
    today = company.local_day(company.clock(now))
    page = deal_page(deal_id=deal_id, style=style, today=today)
    if page is None:
        return None
    writes = by.role is not None and allows(by.role, DEAL_MOVE)
    corrects = by.role is not None and allows(by.role, DEAL_CORRECT)
    story = timeline(
        deal_id=deal_id,
        kind=kind_of(query.get("kind", "")),
        page=page_of(query.get("page", "")),
        reading=Reading(
            style=style,
            zone=company.zone,
            today=today,
            user_id=by.user_id,
            sees_records=by.manages,
            may_correct="all" if by.manages else "own" if corrects else "",
            final_before=final_before(company=company, now=now),
        ),
    )
    links = _links(request, page, by)
    return {
        "deal": page,
        "timeline": story,
        "links": links,
        "writes": writes,
        "changes": by.role is not None and allows(by.role, DEAL_CHANGE),
        "files": by.role is not None and allows(by.role, MAIL_ASSIGN),
        "menu": _menu(request, page) if writes else None,
        "note_form": NoteForm(initial={"key": new_key()}),
        "kind_urls": tuple((k, _query(links.page, k.value, 1)) for k in story.kinds),
        "here": _query(links.page, story.kind, story.page),
        "older_url": _query(links.page, story.kind, story.older),
        "newer_url": _query(links.page, story.kind, story.newer),
    }


def _query(page: str, kind: str, number: int | None) -> str:
    if number is None:
        return ""
    pairs = [("kind", kind)] if kind else []
    if number > 1:
        pairs.append(("page", str(number)))
    return f"{page}?{urlencode(pairs)}" if pairs else page


def _finding_add(request: HttpRequest, page: DealPage, by: Actor) -> str:
    """The form for a finding about this deal, which stands in the app above; reps: own deals."""
    membership = request.membership  # type: ignore[attr-defined]
    if by.role is None or by.role not in policy().get("finding.add", frozenset()):
        return ""
    if not by.manages and page.member_id != membership.pk:
        return ""
    url = answers.address_or_none("metrics:finding_add", company_slug=request.company.slug)  # type: ignore[attr-defined]
    return f"{url}?deal={page.id}" if url else ""


def _links(request: HttpRequest, page: DealPage, by: Actor) -> Links:
    slug = request.company.slug  # type: ignore[attr-defined]

    def to(name: str, **more: int) -> str:
        return reverse(f"pipeline:{name}", kwargs={"company_slug": slug, **more})

    return Links(
        page=to("deal", deal_id=page.id),
        board=to("board"),
        win=to("deal_win", deal_id=page.id) if page.outcome != "won" else "",
        lose=to("deal_lose", deal_id=page.id) if page.outcome != "lost" else "",
        move=to("deal_move", deal_id=page.id),
        note=to("note_add", deal_id=page.id),
        activity=to("activity_add", deal_id=page.id),
        contact_add=to("contact_add", customer_id=page.customer_id) if page.customer_id else "",
        findings=answers.address_or_none(
            "metrics:deal_findings", company_slug=slug, deal_id=page.id
        ),
        finding_add=_finding_add(request, page, by),
        experiments=answers.address_or_none(
            "metrics:deal_experiments", company_slug=slug, deal_id=page.id
        ),
        material=to("deal_material", deal_id=page.id),
    )


def _menu(request: HttpRequest, page: DealPage) -> MoveMenu | None:
    """The quick menu of an open deal. A closed one is reopened where it says what that does."""
    if not page.is_open:
        return None
    return move_menu(
        slug=request.company.slug,  # type: ignore[attr-defined]
        deal_id=page.id,
        version=page.version,
        targets=page.targets,
    )
