"""Deals to tie to a finding, found as one types: lost ones too, for a rep own ones only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.models import Deal, Rep
from pipeline.selectors.folded import Folded, every_word, words_of

SHOWN = 8
MOST_DEALS = 200  # that one finding can be tied to
_COLUMNS = ("id", "name", "customer__name", "stage__name", "rep__name", "rep_id")


def own_reps(*, user_id: int | None) -> frozenset[int]:
    """The reps that a user is in the active company; none for nobody."""
    if user_id is None:
        return frozenset()
    return frozenset(Rep.objects.filter(membership__user_id=user_id).values_list("pk", flat=True))


@dataclass(frozen=True, slots=True)
class DealChoice:
    """A deal as a box to tick: "Team plan · Acme", with "Lost · Ada" beside it."""

    id: int
    label: str
    note: str
    chosen: bool


def deal_choices(
    *,
    text: str,
    chosen: Iterable[int],
    pipeline_id: int | None = None,
    own: Iterable[int] | None = None,
) -> tuple[DealChoice, ...]:
    """The chosen deals, then those whose name or customer holds each typed word, newest first.

    `own` are the reps that a rep is: only their deals are found. None: all.
    """
    picked = sorted(set(chosen))
    rows = list(Deal.objects.filter(pk__in=picked).order_by("pk").values_list(*_COLUMNS))
    if words := words_of(text):
        found = Deal.objects.exclude(pk__in=picked)
        if pipeline_id is not None:
            found = found.filter(pipeline_id=pipeline_id)
        if own is not None:
            found = found.filter(rep_id__in=list(own))
        found = found.alias(folded=Folded("name"), whose=Folded("customer__name")).filter(
            every_word(words, "folded", "whose")
        )
        rows += found.order_by("-pk").values_list(*_COLUMNS)[:SHOWN]
    return tuple(_choice(row, row[0] in picked) for row in rows)


def _choice(row: Any, chosen: bool) -> DealChoice:
    pk, name, customer, stage, rep, _rep_id = row
    return DealChoice(
        id=pk,
        label=f"{name} · {customer}" if customer and customer not in name else name,
        note=" · ".join(part for part in (stage, rep) if part),
        chosen=chosen,
    )


def known_deals(ids: Iterable[int]) -> tuple[int, ...]:
    """Those of these ids that are deals of this company."""
    return tuple(Deal.objects.filter(pk__in=set(ids)).order_by("pk").values_list("pk", flat=True))
