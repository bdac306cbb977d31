"""My day: what waits for a rep, each thing settled where it stands."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import NotAllowed
from pipeline.forms.fields import new_key
from pipeline.permissions import DEAL_CHANGE, DEAL_MOVE
from pipeline.selectors.my_day import Day, Talk, Waiting, day_reps
from pipeline.selectors.my_day import my_day as day_of
from pipeline.selectors.own_rep import own_rep
from pipeline.views import answers
from pipeline.views.deal_asking import may
from pipeline.views.deal_move import MoveMenu, move_menu


@dataclass(frozen=True, slots=True)
class TalkForm:
    """A meeting with what its note is sent with."""

    talk: Talk
    key: str
    note_url: str
    deal_url: str


@dataclass(frozen=True, slots=True)
class DealForms:
    """A waiting deal with the forms that settle it."""

    deal: Waiting
    deal_url: str
    step_url: str
    activity_url: str
    menu: MoveMenu | None


@company_view("deal.view")
@require_safe
def my_day(request: HttpRequest) -> HttpResponse:
    """The page of one's own day; who manages may look at any rep's (`?rep=`)."""
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "pipeline/my_day.html" if whole else "pipeline/my_day.html#day"
    return render(request, template, _context(request, request.GET))


@answers.surface("pipeline:my_day", target="#my-day")
def draw_my_day(request: HttpRequest, asking: answers.Asking) -> str:
    """The day after something was settled."""
    context = _context(request, asking.query)
    return render_to_string("pipeline/my_day.html#day", context, request)


def _context(request: HttpRequest, query: QueryDict) -> dict[str, object]:
    company = request.company  # type: ignore[attr-defined]
    slug = company.slug
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    mine = own_rep(membership_id=request.membership.pk)  # type: ignore[attr-defined]
    rep_id = _whose(query.get("rep", ""), mine, manages=by.manages)
    day = None
    if rep_id is not None:
        day = day_of(
            rep_id=rep_id,
            company=company,
            now=company.clock(timezone.now()),
            style=answers.style_of(request),
            mine=rep_id == mine,
        )
        if day is None:
            raise Http404
    page = reverse("pipeline:my_day", kwargs={"company_slug": slug})
    return {
        "day": day,
        "mine": rep_id is not None and rep_id == mine,
        "manages": by.manages,
        "reps": day_reps() if by.manages else (),
        "url": page,
        "here": page if rep_id == mine else f"{page}?rep={rep_id}",
        "talks": _talk_forms(slug, day) if day else (),
        "deals": _deal_forms(slug, day, moves=may(request, DEAL_MOVE)) if day else (),
        "writes": may(request, DEAL_CHANGE),
        "board_url": answers.board_url(request),
    }


def _whose(asked: str, mine: int | None, *, manages: bool) -> int | None:
    """The rep whose day is asked for. Of others' days only managers hear, whether they exist."""
    if not asked:
        return mine
    rep_id = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None
    if rep_id is not None and rep_id == mine:
        return mine
    if not manages:
        raise NotAllowed(_("Only who manages the team may look at somebody else's day."))
    if rep_id is None:
        raise Http404
    return rep_id


def _talk_forms(slug: str, day: Day) -> tuple[TalkForm, ...]:
    return tuple(
        TalkForm(
            talk,
            new_key(),
            reverse("pipeline:note_add", kwargs=_deal(slug, talk.deal_id)),
            reverse("pipeline:deal", kwargs=_deal(slug, talk.deal_id)),
        )
        for talk in day.talks
    )


def _deal_forms(slug: str, day: Day, *, moves: bool) -> tuple[DealForms, ...]:
    return tuple(
        DealForms(
            deal=deal,
            deal_url=reverse("pipeline:deal", kwargs=_deal(slug, deal.id)),
            step_url=reverse(
                "pipeline:deal_edit", kwargs={**_deal(slug, deal.id), "field": "next_step"}
            ),
            activity_url=reverse("pipeline:activity_add", kwargs=_deal(slug, deal.id)),
            menu=move_menu(slug=slug, deal_id=deal.id, version=deal.version, targets=deal.targets)
            if moves
            else None,
        )
        for deal in day.deals
    )


def _deal(slug: str, deal_id: int) -> dict[str, object]:
    return {"company_slug": slug, "deal_id": deal_id}
