"""Edits of a deal in a timeline: from what to what, by whom."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import CharField, F, Value
from django.utils.translation import gettext as _

from accounts import formats
from pipeline.models import Competitor, Customer, DealChange, LostReason, Product, Rep, Source
from pipeline.selectors.timeline_entry import Entry, Reading, day_of, said_by, time_of

# Attributes kept as the number of a row: where its name is read.
_NAMED: dict[str, tuple[Any, str]] = {
    "customer_id": (Customer, "name"),
    "rep_id": (Rep, "name"),
    "product_id": (Product, "name"),
    "source_id": (Source, "name"),
    "competitor_id": (Competitor, "name"),
    "lost_reason_id": (LostReason, "detail"),
}


def edits(ids: Sequence[int], reading: Reading) -> dict[tuple[str, int], Entry]:
    """The changes of one moment by one person are one entry."""
    rows = list(DealChange.objects.select_related("changed_by").filter(pk__in=ids).order_by("id"))
    names = _names(rows)
    together: dict[tuple[datetime, int | None], list[DealChange]] = defaultdict(list)
    for row in rows:
        together[(row.changed_at, row.changed_by_id)].append(row)
    found = {}
    for its in together.values():
        first = its[0]
        entry = Entry(
            anchor=f"edit-{first.pk}",
            icon="pencil",
            title=_edit_title(its),
            time=time_of(first.changed_at, reading),
            who=said_by(first.changed_by, first.origin.startswith("import")),
            lines=tuple(_edit_line(row, names, reading) for row in its),
        )
        for row in its:
            found[("edits", row.pk)] = entry
    return found


def _edit_title(rows: Sequence[DealChange]) -> str:
    if rows[0].origin == "won":
        return _("Recorded with the win")
    if rows[0].origin == "lost":
        return _("Recorded with the loss")
    if rows[0].origin == "taken back":
        return _("Taken back with the move")
    return _("Edited")


def _names(rows: Iterable[DealChange]) -> dict[tuple[str, str], str]:
    """(field, number) -> name, of everything that the changes point to, in one query."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        if row.field in _NAMED:
            values = (v for v in (row.before, row.after) if v.isascii() and v.isdecimal())
            wanted[row.field] |= {int(v) for v in values if len(v) < 19}
    parts = [
        model.objects.filter(pk__in=wanted[field])
        .annotate(field=Value(field, output_field=CharField()), text=F(name))
        .order_by()
        .values_list("field", "id", "text")
        for field, (model, name) in _NAMED.items()
    ]
    return {(field, str(pk)): text for field, pk, text in parts[0].union(*parts[1:], all=True)}


def _edit_line(row: DealChange, names: dict[tuple[str, str], str], reading: Reading) -> str:
    words = {
        "name": _("Name"),
        "customer_id": _("Customer"),
        "rep_id": _("Rep"),
        "product_id": _("Product"),
        "source_id": _("Source"),
        "amount": _("Amount"),
        "currency": _("Currency"),
        "lost_reason_id": _("Why it was lost"),
        "competitor_id": _("Competitor"),
        "won_reason": _("What made them buy"),
        "next_step": _("Next step"),
        "next_step_on": _("Next step due"),
        "path_known": _("Path known"),
    }
    word = words.get(row.field, row.field)
    before, after = (_edit_value(row.field, v, names, reading) for v in (row.before, row.after))
    if not before:
        return _("{fact}: {after}").format(fact=word, after=after or _("empty"))
    return _("{fact}: from {before} to {after}").format(
        fact=word, before=before, after=after or _("empty")
    )


def _edit_value(field: str, value: str, names: dict[tuple[str, str], str], reading: Reading) -> str:
    if field in _NAMED:
        return names.get((field, value), value and _("something that is gone"))
    if field == "amount" and value:
        try:
            number = float(value)
        except ValueError:
            return value
        decimals = 0 if number.is_integer() else 2
        return formats.number(number, reading.style, decimals=decimals) or value
    if field == "next_step_on" and value:
        try:
            return day_of(date.fromisoformat(value), reading)
        except ValueError:
            return value
    if field == "path_known":
        return {"True": _("yes"), "False": _("no")}.get(value, value)
    return value
