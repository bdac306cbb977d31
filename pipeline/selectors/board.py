"""The board: what needs attention, stage by stage.

A fixed number of queries, whatever the number of deals: sums and counts come from the database,
and of each column only the cards that are shown are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, F, OuterRef, Sum, Value
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from pipeline.models import Deal, Stage
from pipeline.selectors.card_tags import Remark, remarks_of
from pipeline.selectors.deal_filters import (
    Context,
    DealFilter,
    condition_of,
    late_condition,
    no_step_condition,
    valued,
)
from pipeline.selectors.deal_rows import DealRow, rows_by_id

CARDS = 50  # shown in a column at first, and added at a time
MOST_CARDS = 1000


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts and the sum of a set of deals, in the company's currency.

    `worth` is None where no deal has an amount that could be added. `unpriced` have no amount,
    `rateless` one in a currency without a rate for its month.
    """

    count: int = 0
    worth: Decimal | None = None
    unpriced: int = 0
    rateless: int = 0
    late: int = 0
    stepless: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """One open stage. `rest` deals are not shown yet; `more` how many the next click adds."""

    stage_id: int
    name: str
    exit_criterion: str
    count: str
    line: str  # "€94,200 · usual 34 days"
    notes: tuple[str, ...]
    deals: tuple[tuple[DealRow, Remark | None], ...]  # those that are shown, with what is said
    rest: int
    more: int
    shown: int  # cards to ask for to get `more` of them
    retired: bool


@dataclass(frozen=True, slots=True)
class Folded:
    """What was won or lost this quarter."""

    outcome: str
    name: str
    count: str
    line: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the plain figures over the columns."""

    term: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """The whole board, ready to print. `totals` are of all deals that match."""

    figures: tuple[Figure, ...]
    columns: tuple[Column, ...]
    folded: tuple[Folded, ...]
    totals: Totals
    order: str  # the rule of the order within a column, as a sentence
    since: date  # the first day of the quarter


def stages_of(*, pipeline_id: int) -> tuple[Stage, ...]:
    """The stages of a pipeline: open ones in their order, won, lost; retired ones last."""
    rows = Stage.objects.filter(pipeline_id=pipeline_id)
    return tuple(sorted(rows, key=lambda s: (s.retired_at is not None, s.position or 999, s.pk)))


def context_of(*, company: Any, today: date, pipeline_id: int, me: int | None) -> Context:
    """The company's day and stages, as conditions need them."""
    return Context(company, today, stages_of(pipeline_id=pipeline_id), me)


def board(
    *,
    context: Context,
    pipeline_id: int,
    asked: DealFilter,
    style: Style,
    order: str = "age",
    shown: Mapping[int, int] | None = None,
    only: frozenset[int] | None = None,
    also: int | None = None,
) -> Board:
    """The board of a pipeline's open deals under a filter.

    order: "age" (longest in the stage first) or "step" (next step due first). shown: cards to
    show by stage, 50 without. only: the stages whose cards are wanted; all figures are always
    those of the whole board. also: a deal that is shown wherever it stands, since it was moved
    just now.
    """
    deals = valued(context=context).filter(pipeline_id=pipeline_id)
    condition = condition_of(asked, context=context)
    totals = _totals(deals.filter(condition), context)
    wanted = {
        s.pk: min(MOST_CARDS, (shown or {}).get(s.pk, CARDS))
        for s in context.stages
        if s.kind == Stage.Kind.OPEN
        and (s.pk in totals or s.retired_at is None)
        and (only is None or s.pk in only)
    }
    # What a deal is worth is worked out where it is asked for only.
    plain = Deal.objects.filter(pipeline_id=pipeline_id)
    listed = deals if asked.by_worth() else plain
    rows = _rows(listed.filter(condition), [s for s in wanted if s in totals], wanted, order, also)
    columns = tuple(
        _column(
            stage, totals.get(stage.pk, Totals(worth=None)), rows.get(stage.pk, ()), wanted, style
        )
        for stage in context.stages
        if stage.pk in wanted
    )
    quarter = context.company.quarter_start(context.today)
    everything = _added(totals.values())
    return Board(
        figures=_figures(everything, style),
        columns=columns,
        folded=_folded(deals, asked, context, quarter, style),
        totals=everything,
        order=(
            _("Within a column the next step that is due first stands first.")
            if order == "step"
            else _("Within a column the deal that is longest in its stage stands first.")
        ),
        since=quarter,
    )


# What the database counts of a set of deals, each in one step a deal: `_totals_of` reads it.
_COUNTED = {
    "n_count": Count("*"),
    "n_sum": Sum("worth"),
    "n_priced": Count("amount"),
    "n_worth": Count("worth"),
}


def _totals_of(
    count: int, worth: Decimal | None, priced: int, valued_: int, late: int = 0, stepless: int = 0
) -> Totals:
    return Totals(count, worth, count - priced, priced - valued_, late, stepless)


def _totals(deals: Any, context: Context) -> dict[int, Totals]:
    """By stage; stages without such deals are missing."""
    rows = (
        deals.order_by()
        .values("stage_id")
        .annotate(
            **_COUNTED,
            n_late=Count("pk", filter=late_condition(context=context)),
            n_stepless=Count("pk", filter=no_step_condition()),
        )
        .values_list("stage_id", *_COUNTED, "n_late", "n_stepless")
    )
    return {stage_id: _totals_of(*counted) for stage_id, *counted in rows}


def _added(parts: Any) -> Totals:
    found = Totals()
    for part in parts:
        known = [w for w in (found.worth, part.worth) if w is not None]
        found = Totals(
            found.count + part.count,
            sum(known, Decimal(0)) if known else None,
            found.unpriced + part.unpriced,
            found.rateless + part.rateless,
            found.late + part.late,
            found.stepless + part.stepless,
        )
    return found


def _rows(
    deals: Any, stages: list[int], shown: Mapping[int, int], order: str, also: int | None
) -> dict[int, tuple[tuple[DealRow, Remark | None], ...]]:
    """The first cards of each stage, with what is said of them: ids in one query, then rows.

    Those two apart, since a planner without fresh statistics joins the two in the worst order.
    """
    if not stages:
        return {}
    age = (F("stage_entered_on").asc(nulls_last=True), "pk")
    by = (F("next_step_on").asc(nulls_last=True), *age) if order == "step" else age
    here = deals.filter(stage_id=OuterRef("pk"))
    most = max(shown[stage_id] for stage_id in stages)
    firsts = ArraySubquery(here.order_by(*by).values("pk")[:most])
    moved = Value(False) if also is None else Exists(here.filter(pk=also))
    wanted: dict[int, list[int]] = {}
    found = Stage.objects.filter(pk__in=stages).values_list("pk").annotate(ids=firsts, moved=moved)
    for stage_id, ids, has_moved in found:
        wanted[stage_id] = ids[: shown[stage_id]]
        if has_moved and also is not None and also not in wanted[stage_id]:
            wanted[stage_id].append(also)  # after those that come first
    everybody = [deal_id for ids in wanted.values() for deal_id in ids]
    remarks = remarks_of(everybody)
    rows = rows_by_id(everybody)
    return {
        stage_id: tuple((rows[deal_id], remarks.get(deal_id)) for deal_id in ids if deal_id in rows)
        for stage_id, ids in wanted.items()
    }


def _column(
    stage: Stage,
    totals: Totals,
    rows: tuple[tuple[DealRow, Remark | None], ...],
    wanted: Mapping[int, int],
    style: Style,
) -> Column:
    rest = max(0, totals.count - len(rows))
    more = min(CARDS, rest)
    return Column(
        stage_id=stage.pk,
        name=stage.name,
        exit_criterion=stage.exit_criterion,
        count=formats.number(totals.count, style) or "",
        line=_line(stage, totals, style),
        notes=notes_of(totals, style),
        deals=rows,
        rest=rest if wanted[stage.pk] < MOST_CARDS else 0,
        more=more,
        shown=wanted[stage.pk] + CARDS,
        retired=stage.retired_at is not None,
    )


def _line(stage: Stage, totals: Totals, style: Style) -> str:
    parts = [worth_text(totals, style)]
    if stage.usual_days is not None:
        days = formats.days(stage.usual_days, style)
        parts.append(_("usual {days}").format(days=days))
    return " · ".join(parts)


def worth_text(totals: Totals, style: Style) -> str:
    """The sum of a set of deals in words: an amount, or why there is none."""
    if totals.worth is not None:
        return formats.money(float(totals.worth), style) or ""
    if not totals.count:
        return formats.money(0, style) or ""
    return _("No amounts yet")


def notes_of(totals: Totals, style: Style) -> tuple[str, ...]:
    """What a sum leaves out: deals without an amount, and those without a rate."""
    notes = []
    if totals.unpriced:
        count = formats.number(totals.unpriced, style)
        said = ngettext("{n} without an amount", "{n} without an amount", totals.unpriced)
        notes.append(said.format(n=count))
    if totals.rateless:
        count = formats.number(totals.rateless, style)
        said = ngettext(
            "{n} left out: no exchange rate", "{n} left out: no exchange rate", totals.rateless
        )
        notes.append(said.format(n=count))
    return tuple(notes)


def _figures(totals: Totals, style: Style) -> tuple[Figure, ...]:
    count = formats.number(totals.count, style) or ""
    notes = notes_of(totals, style)
    return (
        Figure(_("Open deals"), count),
        Figure(_("Open value"), worth_text(totals, style), ", ".join(notes)),
        Figure(_("Past usual time"), formats.k_of_n(totals.late, totals.count, style)),
        Figure(_("No next step"), formats.k_of_n(totals.stepless, totals.count, style)),
    )


def _folded(
    deals: Any, asked: DealFilter, context: Context, quarter: date, style: Style
) -> tuple[Folded, ...]:
    """Won and lost since the quarter began, under the same filter as far as it concerns them."""
    same = replace(asked, state="all", late=False, step="", since=None)
    rows = (
        deals.filter(condition_of(same, context=context))
        .filter(
            outcome__in=[Deal.Outcome.WON, Deal.Outcome.LOST],
            closed_on__gte=quarter,
        )
        .order_by()
        .values("outcome")
        .annotate(**_COUNTED)
        .values_list("outcome", *_COUNTED)
    )
    found = {outcome: _totals_of(*counted) for outcome, *counted in rows}
    names = {Deal.Outcome.WON: _("Won"), Deal.Outcome.LOST: _("Lost")}
    return tuple(
        Folded(
            outcome=outcome,
            name=name,
            count=formats.number(found.get(outcome, Totals()).count, style) or "",
            line=worth_text(found.get(outcome, Totals()), style),
        )
        for outcome, name in names.items()
    )
