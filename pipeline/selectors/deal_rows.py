"""One deal as the board's cards and the list's rows print it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.tenancy.context import require_company_id
from pipeline.models import Deal
from pipeline.selectors.deal_filters import LATE, VERY_LATE

OWNER_TONES = 3  # the avatar's colours; they tell neighbours apart and mean nothing
FIELDS = (
    "id",
    "version",
    "name",
    "customer__name",
    "source__name",
    "rep_id",
    "rep__name",
    "amount",
    "currency",
    "stage_id",
    "stage_entered_on",
    "next_step",
    "next_step_on",
    "outcome",
    "closed_on",
)


class DealRow(NamedTuple):
    """The columns that are read, in the order of FIELDS."""

    id: int
    version: int
    name: str
    customer: str | None
    source: str | None
    rep_id: int | None
    rep: str | None
    amount: Decimal | None
    currency: str
    stage_id: int | None
    entered_on: date | None
    next_step: str
    next_step_on: date | None
    outcome: str
    closed_on: date | None


# Hundreds of rows of one page. The names come by their keys, since a join to all customers is
# planned where two hundred of ten thousand are wanted; and the ids are one value, not hundreds.
_BY_ID = """
    SELECT d.id, d.version, d.name,
           (SELECT c.name FROM pipeline_customer c
            WHERE c.company_id = d.company_id AND c.id = d.customer_id),
           s.name, d.rep_id, r.name, d.amount, d.currency, d.stage_id, d.stage_entered_on,
           d.next_step, d.next_step_on, d.outcome, d.closed_on
    FROM pipeline_deal d
    LEFT JOIN pipeline_source s ON s.company_id = d.company_id AND s.id = d.source_id
    LEFT JOIN pipeline_rep r ON r.company_id = d.company_id AND r.id = d.rep_id
    WHERE d.company_id = %s AND d.id = ANY(%s)
"""


def rows_by_id(deal_ids: Sequence[int]) -> dict[int, DealRow]:
    """The rows of these deals of the company, by id; one query, none for no deals."""
    if not deal_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_BY_ID, [require_company_id(), list(deal_ids)])
        return {row[0]: DealRow._make(row) for row in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class Step:
    """The next step: its words, and "watch" where there is none or it is past its day."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Age:
    """Days in the stage: `text` beside the amount, or a tag with a tone past the usual time."""

    days: int
    text: str
    tone: str = ""  # "watch" past 1.25 times the usual days, "danger" past 1.75 times


@dataclass(frozen=True, slots=True)
class Owner:
    """The rep as initials with the full name, or nobody."""

    name: str
    initials: str
    tone: int


@lru_cache(maxsize=5_000)
def _day(value: date, style: Style, today: date) -> str:
    """Days come again, on this page and on the next."""
    return formats.day(value, style, today=today)


class Writer:
    """Writes the parts of a deal for one reader; days and ages repeat, so they are kept."""

    def __init__(self, *, style: Style, today: date, usual: Mapping[int, int | None]) -> None:
        self.style = style
        self.today = today
        self.usual = usual
        self._kept: dict[Any, Any] = {}
        self._no_step = Step(_("No next step"), "watch")

    def amount(self, row: DealRow) -> str:
        """The amount in the deal's own currency; empty where there is none."""
        if row.amount is None:
            return ""
        key = ("style", row.currency)
        if key not in self._kept:
            self._kept[key] = Style(self.style.locale, row.currency)
        return formats.money(float(row.amount), self._kept[key]) or ""

    def day(self, value: date) -> str:
        return _day(value, self.style, self.today)

    def age(self, row: DealRow) -> Age | None:
        """How long the deal has been where it is; None for a deal that is closed."""
        if row.entered_on is None or row.outcome != Deal.Outcome.OPEN:
            return None
        days = max(0, (self.today - row.entered_on).days)
        usual = self.usual.get(row.stage_id or 0)
        key = ("age", days, usual)
        if key not in self._kept:
            self._kept[key] = self._age(days, usual)
        found: Age = self._kept[key]
        return found

    def _age(self, days: int, usual: int | None) -> Age:
        number = formats.number(days, self.style) or ""
        if usual is None or days <= LATE * usual:
            return Age(days, _("{days} d").format(days=number))
        text = _("{days} d, usual {usual}").format(
            days=number, usual=formats.number(usual, self.style)
        )
        return Age(days, text, "danger" if days > VERY_LATE * usual else "watch")

    def step(self, row: DealRow) -> Step | None:
        """What comes next; None for a deal that is closed."""
        if row.outcome != Deal.Outcome.OPEN:
            return None
        if not row.next_step and row.next_step_on is None:
            return self._no_step
        if row.next_step_on is None:
            return Step(row.next_step)
        due = self._due(row.next_step_on)
        text = f"{row.next_step} · {due}" if row.next_step else due
        return Step(text, "late" if row.next_step_on < self.today else "")

    def _due(self, on: date) -> str:
        key = ("due", on)
        if key not in self._kept:
            day = self.day(on)
            if on < self.today:
                day = _("was due {day}").format(day=day)
            elif on == self.today:
                day = _("today")
            self._kept[key] = day
        return str(self._kept[key])

    def owner(self, row: DealRow) -> Owner | None:
        if row.rep is None or row.rep_id is None:
            return None
        key = ("owner", row.rep_id)
        if key not in self._kept:
            self._kept[key] = Owner(row.rep, initials(row.rep), row.rep_id % OWNER_TONES)
        found: Owner = self._kept[key]
        return found


def initials(name: str) -> str:
    """Ada Lovelace is AL, and Ada alone AD."""
    words = [word for word in name.replace(".", " ").split() if word[0].isalnum()]
    if len(words) > 1:
        return (words[0][0] + words[-1][0]).upper()
    return "".join(words)[:2].upper() or "?"
