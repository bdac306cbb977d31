"""The board: columns by stage, and what needs attention in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import company_view
from pipeline.forms.fields import new_key
from pipeline.models import Stage
from pipeline.selectors.board import CARDS, MOST_CARDS, Board, Card, Column, board
from pipeline.selectors.moves_allowed import StageChoice
from pipeline.views import answers
from pipeline.views.deal_asking import (
    DealHead,
    DealQuestion,
    deal_head,
    deal_question,
    query_lists,
)
from pipeline.views.deal_move import move_menu

ACCEPTS = ("more", "order")
_STAND_IN = 999_999_999_999_999  # in the menu's template, where a deal's id or version goes
_VERSION = 2_147_483_646


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card with its move menu."""

    card: Card
    menu: SafeString


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A column with its cards, and the address that shows more of them."""

    column: Column
    cards: tuple[ShownCard, ...]
    more_url: str
    more_fragment: str


@dataclass(frozen=True, slots=True)
class BoardPage:
    """The board as its template prints it."""

    board: Board
    columns: tuple[ShownColumn, ...]
    order_url: str
    order: str
    closed: tuple[tuple[object, str], ...]


def _shown(values: Sequence[str]) -> dict[int, int]:
    """`more=12-100`: a hundred cards of stage 12."""
    found = {}
    for value in values[:50]:
        stage, dash, count = value.partition("-")
        if dash and all(x.isascii() and x.isdecimal() and len(x) < 16 for x in (stage, count)):
            found[int(stage)] = min(MOST_CARDS, max(CARDS, int(count)))
    return found


def _pairs(shown: Mapping[int, int], order: str) -> list[tuple[str, str]]:
    """What the board's address says besides the filter."""
    pairs = [("more", f"{stage}-{count}") for stage, count in sorted(shown.items())]
    return [*([("order", order)] if order != "age" else []), *pairs]


class _Menus:
    """Move menus of one page: the template is rendered once a column and stamped for each card.

    A thousand cards would otherwise render a thousand times the same list of stages.
    """

    def __init__(self, request: HttpRequest, stages: Sequence[Stage]) -> None:
        self.request = request
        in_use = [s for s in stages if s.kind == Stage.Kind.OPEN and s.retired_at is None]
        self.choices = tuple(
            StageChoice(s.pk, s.name, str(n) if n < 10 else "") for n, s in enumerate(in_use, 1)
        )
        self.key = new_key()
        self.kept: dict[int, str] = {}

    def of(self, card: Card, stage_id: int) -> SafeString:
        if stage_id not in self.kept:
            menu = move_menu(
                slug=self.request.company.slug,  # type: ignore[attr-defined]
                deal_id=_STAND_IN,
                version=_VERSION,
                targets=tuple(c for c in self.choices if c.id != stage_id),
                key=f"{self.key}-{_STAND_IN}",
            )
            self.kept[stage_id] = render_to_string(
                "components/move_menu.html", {"menu": menu}, request=self.request
            )
        html = self.kept[stage_id]
        # Two numbers of ours for two numbers of ours: nothing that needs escaping.
        stamped = html.replace(str(_STAND_IN), str(card.id)).replace(
            f'value="{_VERSION}"', f'value="{card.version}"'
        )
        return mark_safe(stamped)  # noqa: S308


def _board_page(
    request: HttpRequest,
    question: DealQuestion,
    query: Mapping[str, Sequence[str]],
    *,
    only: frozenset[int] | None = None,
    also: int | None = None,
) -> BoardPage | None:
    if question.pipeline_id is None:
        return None
    slug = request.company.slug  # type: ignore[attr-defined]
    url = reverse("pipeline:board", kwargs={"company_slug": slug})
    listed = reverse("pipeline:deal_list", kwargs={"company_slug": slug})
    order = "step" if list(query.get("order", []))[-1:] == ["step"] else "age"
    shown = _shown(query.get("more", []))
    found = board(
        context=question.context,
        pipeline_id=question.pipeline_id,
        asked=question.asked,
        style=question.style,
        order=order,
        shown=shown,
        only=only,
        also=also,
    )
    menus = _Menus(request, question.context.stages)
    columns = []
    for column in found.columns:
        more = question.asked.query(_pairs({**shown, column.stage_id: column.shown}, order))
        part = reverse(
            "pipeline:board_column", kwargs={"company_slug": slug, "stage_id": column.stage_id}
        )
        columns.append(
            ShownColumn(
                column=column,
                cards=tuple(ShownCard(c, menus.of(c, column.stage_id)) for c in column.cards),
                more_url=url + more,
                more_fragment=part + more,
            )
        )
    other = "age" if order == "step" else "step"
    return BoardPage(
        board=found,
        columns=tuple(columns),
        order_url=url + question.asked.query(_pairs(shown, other)),
        order=order,
        closed=tuple(
            (
                folded,
                listed
                + question.asked.query(
                    state=folded.outcome, since=found.since, late=False, step=""
                ),
            )
            for folded in found.folded
        ),
    )


def _context(
    request: HttpRequest,
    query: Mapping[str, Sequence[str]],
    *,
    only: frozenset[int] | None = None,
    also: int | None = None,
) -> dict[str, object]:
    question = deal_question(request, query, accepts=ACCEPTS)
    # The board is of open deals; a filter for closed ones belongs to the list.
    notices = question.notices
    if question.asked.state != "open" or question.asked.since is not None:
        said = _("The board shows open deals. Closed ones are in the list.")
        question = replace(
            question,
            asked=replace(question.asked, state="open", since=None),
            notices=(*notices, said),
        )
    slug = request.company.slug  # type: ignore[attr-defined]
    head: DealHead = deal_head(
        request, question, url=reverse("pipeline:board", kwargs={"company_slug": slug})
    )
    return {
        "head": head,
        "page": _board_page(request, question, query, only=only, also=also),
        "empty": question.pipeline_id is None,
    }


@company_view("deal.view")
@require_safe
def board_page(request: HttpRequest) -> HttpResponse:
    """The board, or with htmx only what changes when a filter does."""
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "pipeline/board.html" if whole else "pipeline/board.html#page"
    return render(request, template, _context(request, query_lists(request.GET)))


@company_view("deal.view")
@require_safe
def board_column(request: HttpRequest, stage_id: int) -> HttpResponse:
    """One column with more of its cards; without htmx the whole board."""
    query = query_lists(request.GET)
    if not answers.scripted(request):
        return redirect(f"{answers.board_url(request)}?{request.GET.urlencode()}")
    context = _context(request, query, only=frozenset({stage_id}))
    page = context["page"]
    if not isinstance(page, BoardPage) or not page.columns:
        raise Http404
    context["column"] = page.columns[0]
    return render(request, "pipeline/board.html#column", context)


@answers.surface("pipeline:board", target="#board-head")
def draw_board(request: HttpRequest, asking: answers.Asking) -> str:
    """After a move: the figures, and the columns that it touched."""
    context = _context(request, query_lists(asking.query), only=asking.stages, also=asking.deal_id)
    return render_to_string("pipeline/board.html#moved", context, request=request)
