"""Deals recognised by what is typed: one's own open ones first. One query."""

from dataclasses import dataclass

from django.db.models import Case, IntegerField, Q, Value, When

from pipeline.models import Deal
from pipeline.selectors.folded import Folded, either, every_word, words_of

SHOWN = 8
_COLUMNS = ("id", "name", "customer__name", "stage__name", "rep_id", "rep__name", "outcome")


@dataclass(frozen=True, slots=True)
class DealMatch:
    """A deal that the typed text may mean. `label` tells it apart from others of its name."""

    id: int
    label: str  # "Team plan · Acme"
    note: str  # "Held · Ada"
    is_open: bool


def deals_typed(*, text: str, rep_id: int | None, shown: int = SHOWN) -> tuple[DealMatch, ...]:
    """Open deals whose name or customer holds each typed word; without text one's own newest.

    Own deals come first, then those that begin with what was typed, then the newest.
    """
    words = words_of(text)
    if not words and rep_id is None:
        return ()
    deals = Deal.objects.filter(outcome=Deal.Outcome.OPEN)
    mine = Case(When(rep_id=rep_id, then=Value(0)), default=Value(1), output_field=IntegerField())
    place = [mine] if rep_id is not None else []
    if words:
        deals = deals.alias(folded=Folded("name"), whose=Folded("customer__name")).filter(
            every_word(words, "folded", "whose")
        )
        begins = either(words[0], "folded", "whose", lookup="startswith")
        place.append(
            Case(When(begins, then=Value(0)), default=Value(1), output_field=IntegerField())
        )
    else:
        deals = deals.filter(rep_id=rep_id)
    rows = deals.order_by(*place, "-stage_entered_on", "-id").values_list(*_COLUMNS)[:shown]
    return tuple(_match(row, rep_id) for row in rows)


def deal_matched(*, deal_id: int, rep_id: int | None) -> DealMatch | None:
    """The deal of that id, open or not; None where there is none."""
    row = Deal.objects.filter(Q(pk=deal_id)).values_list(*_COLUMNS).first()
    return None if row is None else _match(row, rep_id)


def _match(row: tuple, rep_id: int | None) -> DealMatch:  # type: ignore[type-arg]
    pk, name, customer, stage, owner, rep, outcome = row
    whose = rep if owner != rep_id else None
    return DealMatch(
        id=pk,
        label=f"{name} · {customer}" if customer and customer not in name else name,
        note=" · ".join(part for part in (stage, whose) if part),
        is_open=outcome == Deal.Outcome.OPEN,
    )
