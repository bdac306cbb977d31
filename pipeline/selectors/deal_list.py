"""The list of deals: sorted, paged, added up, and as rows of a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts import formats
from accounts.formats import Style
from pipeline.exports import Value
from pipeline.models import Channel, Deal
from pipeline.selectors.board import Totals, notes_of, worth_text
from pipeline.selectors.deal_filters import (
    Context,
    DealFilter,
    condition_of,
    late_condition,
    no_step_condition,
    valued,
)
from pipeline.selectors.deal_rows import FIELDS, Age, DealRow, Owner, Step, Writer
from pipeline.selectors.settings_catalogues import channel_text

PAGE = 100
SORTS: dict[str, str] = {
    "name": "name",
    "customer": "customer__name",
    "stage": "stage__position",
    "age": "stage_entered_on",
    "amount": "worth",
    "step": "next_step_on",
    "rep": "rep__name",
    "source": "source__name",
    "opened": "opened_on",
    "closed": "closed_on",
}
# The longest in a stage entered it first.
_TURNED = frozenset({"age"})


@dataclass(frozen=True, slots=True)
class ListRow:
    """A deal as a row of the table, ready to print."""

    id: int
    name: str
    customer: str
    stage: str
    outcome: str
    age: Age | None
    amount: str
    step: Step | None
    source: str
    owner: Owner | None
    opened: str
    closed: str


@dataclass(frozen=True, slots=True)
class DealList:
    """One page of the list. `totals` are of all deals that match, whatever the page."""

    rows: tuple[ListRow, ...]
    total: int
    count: str
    worth: str
    notes: tuple[str, ...]
    late: str
    stepless: str
    page: int
    pages: int
    first: int
    last: int


def ordering(sort: str) -> tuple[Any, ...]:
    """What ORDER BY says for `sort`: a name of SORTS, with a minus for the other direction.

    What is empty stands last either way; equal rows keep the order of their ids.
    """
    name = sort.removeprefix("-")
    falling = sort.startswith("-") != (name in _TURNED)
    field = F(SORTS[name])
    by = field.desc(nulls_last=True) if falling else field.asc(nulls_last=True)
    return (by, "-pk" if falling else "pk")


def matching(*, context: Context, pipeline_id: int, asked: DealFilter) -> Any:
    """The deals of a pipeline that a filter means, with their `worth`."""
    deals = valued(context=context).filter(pipeline_id=pipeline_id)
    return deals.filter(condition_of(asked, context=context))


def deal_list(
    *,
    context: Context,
    pipeline_id: int,
    asked: DealFilter,
    style: Style,
    sort: str = "-age",
    page: int = 1,
) -> DealList:
    """A page of the deals that match, and the totals of all of them: two queries."""
    deals = matching(context=context, pipeline_id=pipeline_id, asked=asked)
    counted = deals.aggregate(
        n_count=Count("pk"),
        n_worth=Sum("worth"),
        n_unpriced=Count("pk", filter=Q(amount=None)),
        n_rateless=Count("pk", filter=Q(amount__isnull=False, worth=None)),
        n_late=Count("pk", filter=late_condition(context=context)),
        n_stepless=Count("pk", filter=no_step_condition() & Q(outcome=Deal.Outcome.OPEN)),
    )
    totals = Totals(**{name.removeprefix("n_"): value for name, value in counted.items()})
    pages = max(1, -(-totals.count // PAGE))
    page = min(max(1, page), pages)
    start = (page - 1) * PAGE
    names = {s.pk: s.name for s in context.stages}
    writer = Writer(
        style=style, today=context.today, usual={s.pk: s.usual_days for s in context.stages}
    )
    found = deals.order_by(*ordering(sort)).values_list(*FIELDS, "opened_on")
    rows = tuple(
        _row(DealRow(*values), opened_on, writer, names)
        for *values, opened_on in found[start : start + PAGE]
    )
    return DealList(
        rows=rows,
        total=totals.count,
        count=formats.number(totals.count, style) or "",
        worth=worth_text(totals, style),
        notes=notes_of(totals, style),
        late=formats.number(totals.late, style) or "",
        stepless=formats.number(totals.stepless, style) or "",
        page=page,
        pages=pages,
        first=start + 1 if rows else 0,
        last=start + len(rows),
    )


def _row(row: DealRow, opened_on: date | None, writer: Writer, names: dict[int, str]) -> ListRow:
    return ListRow(
        id=row.id,
        name=row.name,
        customer=row.customer or "",
        stage=names.get(row.stage_id or 0, ""),
        outcome=row.outcome,
        age=writer.age(row),
        amount=writer.amount(row),
        step=writer.step(row),
        source=row.source or "",
        owner=writer.owner(row),
        opened=writer.day(opened_on) if opened_on else "",
        closed=writer.day(row.closed_on) if row.closed_on else "",
    )


def export_headings(*, currency: str) -> tuple[str, ...]:
    """The headings of the file, in the order of `export_rows`."""
    return (
        _("Deal number"),
        _("Deal"),
        _("Customer"),
        _("Stage"),
        _("State"),
        _("Days in stage"),
        _("Amount"),
        _("Currency"),
        _("Amount in {currency}").format(currency=currency),
        _("Next step"),
        _("Next step due"),
        _("Rep"),
        _("Team"),
        _("Product"),
        _("Source"),
        _("Channel"),
        pgettext("day", "Opened"),
        pgettext("day", "Closed"),
    )


def export_rows(
    *, context: Context, pipeline_id: int, asked: DealFilter, chunk: int = 2000
) -> Iterator[tuple[Value, ...]]:
    """Every deal that matches, oldest first, read in chunks: memory does not grow with them."""
    # The words now, in the reader's language: the rows are read when the answer has begun.
    words = {
        Deal.Outcome.OPEN: pgettext("deal", "Open"),
        Deal.Outcome.WON: pgettext("one deal", "Won"),
        Deal.Outcome.LOST: pgettext("deal", "Lost"),
        **{str(channel): channel_text(channel) for channel in Channel.values if channel},
    }
    deals = matching(context=context, pipeline_id=pipeline_id, asked=asked).order_by("pk")
    return _rows(context, deals, words, chunk)


def _rows(
    context: Context, deals: QuerySet[Deal], words: Mapping[str, str], chunk: int
) -> Iterator[tuple[Value, ...]]:
    names = {s.pk: s.name for s in context.stages}
    after = 0
    while True:
        rows = list(
            deals.filter(pk__gt=after).values_list(
                "id",
                "name",
                "customer__name",
                "stage_id",
                "outcome",
                "stage_entered_on",
                "amount",
                "currency",
                "worth",
                "next_step",
                "next_step_on",
                "rep__name",
                "rep__team__name",
                "product__name",
                "source__name",
                "source__channel",
                "opened_on",
                "closed_on",
            )[:chunk]
        )
        for row in rows:
            pk, name, customer, stage, outcome, entered, amount, currency, worth, *rest = row
            *rest, channel, opened_on, closed_on = rest
            open_ = outcome == Deal.Outcome.OPEN and entered is not None
            yield (
                pk,
                name,
                customer,
                names.get(stage, ""),
                words.get(outcome, ""),
                max(0, (context.today - entered).days) if open_ else None,
                amount,
                currency,
                None if worth is None else round(worth, 2),
                *rest,
                words.get(channel, ""),
                opened_on,
                closed_on,
            )
        if len(rows) < chunk:
            return
        after = rows[-1][0]
