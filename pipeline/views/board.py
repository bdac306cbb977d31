"""The board: columns by stage, and what needs attention in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import company_view
from pipeline.models import Stage
from pipeline.selectors.board import CARDS, MOST_CARDS, Board, Column, board
from pipeline.selectors.deal_rows import Writer
from pipeline.selectors.moves_allowed import StageChoice
from pipeline.views import answers
from pipeline.views.card_press import CardPress
from pipeline.views.deal_asking import (
    DealHead,
    DealQuestion,
    deal_head,
    deal_prefix,
    deal_question,
    may,
    query_lists,
    tidied,
)
from pipeline.views.deal_move import MoveMenu, move_menu

ACCEPTS = ("more", "order")


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A column with its cards as markup, and the address that shows more of them."""

    column: Column
    cards: SafeString
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
    expected_url: str  # what the open deals are expected to bring, for the page to fetch
    menu: MoveMenu | None  # of no deal: the script stamps it for the card that is to be moved


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


def _choices(stages: Sequence[Stage]) -> tuple[StageChoice, ...]:
    """The open stages that deals may be moved to, with the digits that pick them."""
    in_use = [s for s in stages if s.kind == Stage.Kind.OPEN and s.retired_at is None]
    return tuple(
        StageChoice(s.pk, s.name, str(n) if n < 10 else "") for n, s in enumerate(in_use, 1)
    )


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
    may_move = may(request, "deal.move")
    context = question.context
    writer = Writer(
        style=question.style,
        today=context.today,
        usual={s.pk: s.usual_days for s in context.stages},
    )
    press = CardPress(writer=writer, deal_url=deal_prefix(slug), may_move=may_move)
    columns = []
    for column in found.columns:
        more = question.asked.query(_pairs({**shown, column.stage_id: column.shown}, order))
        part = reverse(
            "pipeline:board_column", kwargs={"company_slug": slug, "stage_id": column.stage_id}
        )
        columns.append(
            ShownColumn(
                column=column,
                cards=press.cards(column.deals),
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
        expected_url=_expected_url(slug, question),
        menu=move_menu(slug=slug, deal_id=0, version=0, targets=_choices(question.context.stages))
        if may_move
        else None,
    )


def _expected_url(slug: str, question: DealQuestion) -> str:
    """Chances are known for a whole pipeline: under a filter the figure would be another."""
    url = answers.address_or_none("metrics:expected", company_slug=slug)
    return f"{url}?pipeline={question.pipeline_id}" if url and not question.asked.narrowed() else ""


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
    page = _board_page(request, question, query, only=only, also=also)
    head: DealHead = deal_head(
        request,
        question,
        url=reverse("pipeline:board", kwargs={"company_slug": slug}),
        known=None if page is None or question.asked.narrowed() else page.board.totals,
    )
    return {
        "head": head,
        "page": page,
        "empty": question.pipeline_id is None,
    }


@company_view("deal.view")
@require_safe
def board_page(request: HttpRequest) -> HttpResponse:
    """The board, or with htmx only what changes when a filter does."""
    if tidy := tidied(request):
        return redirect(tidy)
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
