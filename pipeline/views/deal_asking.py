"""What the board and the list share: from a request to its filter, and the head of both pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.formats import Style
from accounts.permissions import allows
from accounts.roles import Role
from pipeline.selectors.board import Totals, stages_of
from pipeline.selectors.deal_chips import Asked as AskedPart
from pipeline.selectors.deal_chips import Chip, asked_parts, deal_chips, saved_segments
from pipeline.selectors.deal_filters import (
    ME,
    NONE,
    Context,
    DealFilter,
    Option,
    Options,
    deal_filter,
    filter_options,
)
from pipeline.views.answers import address_or_none, style_of


@dataclass(frozen=True, slots=True)
class DealQuestion:
    """The understood question of a page of deals; `pipeline_id` is None without a pipeline."""

    asked: DealFilter
    notices: tuple[str, ...]
    options: Options
    context: Context
    pipeline_id: int | None
    style: Style


@dataclass(frozen=True, slots=True)
class Picker:
    """One select of the filter form."""

    name: str
    label: str
    options: tuple[Option, ...]
    value: str


@dataclass(frozen=True, slots=True)
class DealHead:
    """Title row, chips and filter form, the same over board and list."""

    slug: str
    url: str  # the page itself
    here: str  # with its filter
    board_url: str
    list_url: str
    deal_url: str  # + a deal's id + "/"
    new_url: str
    import_url: str
    save_url: str
    chips: tuple[Chip, ...]
    parts: tuple[AskedPart, ...]
    pickers: tuple[Picker, ...]
    asked: DealFilter
    query: str
    pipelines: tuple[Option, ...]
    pipeline: str
    pipeline_links: tuple[tuple[str, str, bool], ...]
    may_move: bool
    may_save: bool
    savable: bool
    notices: tuple[str, ...]


def may(request: HttpRequest, permission: str) -> bool:
    """Does the reader's role include this?"""
    return allows(Role(request.membership.role), permission)  # type: ignore[attr-defined]


def deal_question(
    request: HttpRequest, query: Mapping[str, Sequence[str]], *, accepts: Sequence[str] = ()
) -> DealQuestion:
    """Read the query string of the board or the list against what the company has."""
    company = request.company  # type: ignore[attr-defined]
    options = filter_options(membership_id=request.membership.pk)  # type: ignore[attr-defined]
    asked, notices = deal_filter(query, options=options, accepts=accepts)
    in_use = [o for o in options.pipelines if not o.retired] or list(options.pipelines)
    pipeline_id = asked.pipeline or (int(in_use[0].value) if in_use else None)
    if in_use and asked.pipeline == int(in_use[0].value):
        asked = replace(asked, pipeline=None)  # the first one needs no mention
    return DealQuestion(
        asked=asked,
        notices=notices,
        options=options,
        context=Context(
            company=company,
            today=company.local_day(company.clock(timezone.now())),
            stages=stages_of(pipeline_id=pipeline_id) if pipeline_id else (),
            me=options.me,
        ),
        pipeline_id=pipeline_id,
        style=style_of(request),
    )


def deal_head(
    request: HttpRequest, question: DealQuestion, *, url: str, known: Totals | None = None
) -> DealHead:
    """The head of the page at `url` for a question; `known` are the totals of all open deals."""
    slug = request.company.slug  # type: ignore[attr-defined]
    membership = request.membership  # type: ignore[attr-defined]
    asked, options = question.asked, question.options
    chips: tuple[Chip, ...] = ()
    if question.pipeline_id is not None:
        chips = deal_chips(
            context=question.context,
            options=options,
            asked=asked,
            pipeline_id=question.pipeline_id,
            segments=saved_segments(membership_id=membership.pk),
            membership_id=membership.pk,
            manages=Actor.member(membership).manages,
            style=question.style,
            known=known,
        )
    current = next(
        (o for o in options.pipelines if o.value == str(question.pipeline_id)), Option("", "")
    )
    query = asked.query()
    return DealHead(
        slug=slug,
        url=url,
        here=url + (query if query != "?" else ""),
        board_url=reverse("pipeline:board", kwargs={"company_slug": slug}),
        list_url=reverse("pipeline:deal_list", kwargs={"company_slug": slug}),
        deal_url=deal_prefix(slug),
        new_url=address_or_none("pipeline:deal_open", company_slug=slug)
        if may(request, "deal.open")
        else "",
        import_url="",
        save_url=reverse("pipeline:segment_save", kwargs={"company_slug": slug}),
        chips=chips,
        parts=()
        if any(c.current for c in chips)
        else asked_parts(asked=asked, options=options, style=question.style),
        pickers=_pickers(asked, options),
        asked=asked,
        query=query,
        pipelines=options.pipelines,
        pipeline=current.text,
        pipeline_links=tuple(
            (o.text, f"?pipeline={o.value}", o.value == current.value)
            for o in options.pipelines
            if not o.retired or o.value == current.value
        ),
        may_move=may(request, "deal.move"),
        may_save=may(request, "segment.save"),
        savable=asked.narrowed() and not any(c.current for c in chips),
        notices=question.notices,
    )


def deal_prefix(slug: str) -> str:
    """What stands before a deal's id in the address of its page; "" where there is no page."""
    page = address_or_none("pipeline:deal", company_slug=slug, deal_id=0)
    return page.removesuffix("0/") if page.endswith("/0/") else ""


def _pickers(asked: DealFilter, options: Options) -> tuple[Picker, ...]:
    any_ = Option("", _("Any"))
    mine = (Option(ME, _("Mine")),) if options.me is not None else ()
    labels = {"rep": _("Rep"), "team": _("Team"), "product": _("Product"), "source": _("Source")}
    without = {
        "rep": _("No rep"),
        "team": _("No team"),
        "product": _("No product"),
        "source": _("No source"),
    }
    pickers = []
    for name, label in labels.items():
        rows = options.rows[name]
        value = getattr(asked, name)
        if not rows and not value:
            continue
        shown = tuple(o for o in rows if not o.retired or o.value == value)
        first = (any_, *(mine if name == "rep" else ()))
        pickers.append(Picker(name, label, (*first, *shown, Option(NONE, without[name])), value))
    channels = (
        any_,
        Option("inbound", _("Inbound")),
        Option("outbound", _("Outbound")),
        Option(NONE, _("No channel")),
    )
    pickers.append(Picker("channel", _("Channel"), channels, asked.channel))
    ages = (any_, Option("1", _("Past usual time")))
    pickers.append(Picker("late", _("Time in the stage"), ages, "1" if asked.late else ""))
    steps = (any_, Option(NONE, _("No next step")), Option("due", _("Due today or before")))
    pickers.append(Picker("step", _("Next step"), steps, asked.step))
    return tuple(pickers)


def tidied(request: HttpRequest) -> str:
    """The address without what a form sent empty; "" when it is tidy already."""
    pairs = [(name, value) for name, values in request.GET.lists() for value in values]
    told = [(name, value) for name, value in pairs if value.strip()]
    if len(told) == len(pairs):
        return ""
    return f"{request.path}?{urlencode(told)}" if told else request.path


def query_lists(query: Any) -> dict[str, list[str]]:
    """A QueryDict as name -> values."""
    return dict(query.lists())
