"""Search: deals, customers, contacts and reps of the company by what their names hold.

Five queries, whatever there is. Row security looks at every row before any condition on its
text (see pipeline/models/searched.py), so a search for parts of names reads all names of the
company. Above LARGE deals it looks for deals by the beginning of their name, through an index,
and by their customer, and says so.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.tenancy.context import require_company_id
from pipeline.models import Contact, Customer, Deal, Rep
from pipeline.selectors.deal_rows import FIELDS, DealRow, Writer
from pipeline.selectors.folded import Folded, either, every_word, fold, plain, spellings, words_of

SHOWN = 20
LARGE = 100_000  # deals; more names than this are not read one by one while somebody types
DEALS, CUSTOMERS, CONTACTS, REPS = "deals", "customers", "contacts", "reps"


@dataclass(frozen=True, slots=True)
class Hit:
    """One row that was found. What `id` and `text` name depends on the kind."""

    id: int
    name: str
    about: str
    tag: str = ""
    tone: str = ""
    text: str = ""  # the customer's name, for a kind that has no page of its own


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found of one kind; `more` says that there is more than is shown."""

    kind: str
    title: str
    rows: tuple[Hit, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Found:
    """`asked` is what was looked for, as it was understood; empty asks for nothing."""

    asked: str
    kinds: tuple[Hits, ...]
    by_beginnings: bool = False  # parts within a deal's name were not looked for

    @property
    def total(self) -> int:
        return sum(len(hits.rows) for hits in self.kinds)


def search(*, text: str, style: Style, today: date) -> Found:
    """What holds every typed word, ranked: the very name, then its beginning, then the rest."""
    asked, words = plain(text), words_of(text)
    if not words:
        return Found(asked, ())
    large = Deal.objects.order_by().values("pk")[LARGE : LARGE + 1].exists()
    customers = _customers(asked, words)
    candidates = Deal.objects.all()
    if large:
        ids = _begin(asked)
        whose = [hit.id for hit in customers.rows]
        candidates = candidates.filter(Q(pk__in=ids) | Q(customer_id__in=whose))
    found = (
        _deals(candidates, asked, words, Writer(style=style, today=today, usual={})),
        customers,
        _contacts(asked, words),
        _reps(asked, words),
    )
    return Found(asked, tuple(hits for hits in found if hits.rows), by_beginnings=large)


def _begin(asked: str) -> list[int]:
    """The deals of the active company whose name begins so, in alphabetical order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT found.id FROM unnest(%s::text[]) AS b(beginning)"
            " CROSS JOIN LATERAL app_deals_that_begin(%s, b.beginning, %s) AS found(id)",
            [list(spellings(fold(asked))), require_company_id(), 10 * SHOWN],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _ranked(rows: QuerySet[Any], asked: str, words: tuple[str, ...], *columns: str) -> Any:
    """Rows that hold every word in one of the columns, best first, one more than is shown."""
    folded = {f"folded_{n}": Folded(column) for n, column in enumerate(columns)}
    names = tuple(folded)
    whole = fold(asked)
    place = Case(
        When(either(whole, *names[:1], lookup="exact"), then=Value(0)),
        When(either(whole, *names[:1], lookup="startswith"), then=Value(1)),
        When(_begins_a_word(words[0], names[0]), then=Value(2)),
        When(every_word(words, names[0]), then=Value(3)),
        default=Value(4),
        output_field=IntegerField(),
    )
    return rows.alias(**folded).filter(every_word(words, *names)).alias(place=place)


def _begins_a_word(word: str, column: str) -> Q:
    return either(f" {word}", column) | either(word, column, lookup="startswith")


def _hits(kind: str, title: str, rows: list[Hit]) -> Hits:
    return Hits(kind, title, tuple(rows[:SHOWN]), len(rows) > SHOWN)


def _deals(deals: Any, asked: str, words: tuple[str, ...], writer: Writer) -> Hits:
    rows = _ranked(deals, asked, words, "name", "customer__name").order_by(
        "place",
        Case(When(outcome="open", then=Value(0)), default=Value(1), output_field=IntegerField()),
        "-stage_entered_on",
        "-id",
    )
    return _hits(
        DEALS,
        _("Deals"),
        [
            _deal(DealRow(*values[:-1]), values[-1], writer)
            for values in rows.values_list(*FIELDS, "stage__name")[: SHOWN + 1]
        ],
    )


def _deal(row: DealRow, stage: str | None, writer: Writer) -> Hit:
    tones = {"won": "better", "lost": "", "open": "accent"}
    tag = stage or ""
    if row.closed_on is not None:
        tag = f"{stage}, {formats.day(row.closed_on, writer.style, today=writer.today)}"
    parts = (row.customer, writer.amount(row), row.rep)
    about = " · ".join(part for part in parts if part)
    return Hit(row.id, row.name, about, tag, tones.get(row.outcome, ""))


def _customers(asked: str, words: tuple[str, ...]) -> Hits:
    rows = _ranked(Customer.objects.all(), asked, words, "name").order_by("place", "name", "id")
    found = [
        Hit(pk, name, "", text=name) for pk, name in rows.values_list("id", "name")[: SHOWN + 1]
    ]
    return _hits(CUSTOMERS, _("Customers"), found)


def _contacts(asked: str, words: tuple[str, ...]) -> Hits:
    in_use = Contact.objects.filter(retired_at=None)
    rows = _ranked(in_use, asked, words, "name", "email", "title", "customer__name").order_by(
        "place", "name", "id"
    )
    columns = ("id", "name", "title", "email", "customer__name")
    found = [
        Hit(pk, name, " · ".join(p for p in (title, customer, email) if p), text=customer)
        for pk, name, title, email, customer in rows.values_list(*columns)[: SHOWN + 1]
    ]
    return _hits(CONTACTS, _("Contacts"), found)


def _reps(asked: str, words: tuple[str, ...]) -> Hits:
    rows = _ranked(Rep.objects.all(), asked, words, "name", "email").order_by("place", "name", "id")
    columns = ("id", "name", "email", "team__name", "retired_at")
    found = [
        Hit(
            pk,
            name,
            " · ".join(p for p in (team, email) if p),
            tag=_("retired") if retired else "",
        )
        for pk, name, email, team, retired in rows.values_list(*columns)[: SHOWN + 1]
    ]
    return _hits(REPS, _("People"), found)
