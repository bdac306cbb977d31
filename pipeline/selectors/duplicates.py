"""Before a deal is opened: what is open with this customer already?"""

from dataclasses import dataclass
from datetime import date

from django.db.models import Count

from accounts.formats import Style
from pipeline.models import Deal, Stage
from pipeline.selectors.deal_rows import FIELDS, DealRow, Writer

SHOWN = 5


@dataclass(frozen=True, slots=True)
class OpenAlready:
    """An open deal of the customer, as the warning prints it."""

    id: int
    name: str
    line: str  # "Held · €4,200 · Ada"


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The customer's open deals: the newest few, and how many there are."""

    customer_id: int
    customer: str
    total: int
    deals: tuple[OpenAlready, ...]

    @property
    def rest(self) -> int:
        """How many are not shown."""
        return self.total - len(self.deals)


def open_deals_of(*, customer_id: int, customer: str, style: Style, today: date) -> Duplicates:
    """The open deals of a customer of that name, the newest first. Two queries."""
    deals = Deal.objects.filter(customer_id=customer_id, outcome=Deal.Outcome.OPEN)
    rows = [
        (DealRow(*values[:-1]), values[-1])
        for values in deals.order_by("-opened_on", "-id").values_list(*FIELDS, "stage__name")[
            :SHOWN
        ]
    ]
    total = len(rows) if len(rows) < SHOWN else deals.aggregate(n=Count("pk"))["n"]
    writer = Writer(style=style, today=today, usual={})
    found = tuple(
        OpenAlready(
            row.id,
            row.name,
            " · ".join(part for part in (stage, writer.amount(row), row.rep) if part),
        )
        for row, stage in rows
    )
    return Duplicates(customer_id, customer, total, found)


def proposed_name(*, customer: str) -> str:
    """A name for the customer's next deal that no deal of that name bears yet: "Acme 2"."""
    start = customer[:240]  # room for a number
    taken = set(Deal.objects.filter(name__startswith=start).values_list("name", flat=True)[:1000])
    if start not in taken:
        return start
    return next(name for n in range(2, len(taken) + 3) if (name := f"{start} {n}") not in taken)


def first_stage(*, pipeline_id: int) -> Stage | None:
    """The open stage in which deals of the pipeline begin; None where it has none."""
    found: Stage | None = (
        Stage.objects.filter(
            pipeline_id=pipeline_id, kind=Stage.Kind.OPEN, retired_at=None, position__isnull=False
        )
        .order_by("position")
        .first()
    )
    return found


def last_used_source(*, rep_id: int | None) -> int | None:
    """The source in use that the rep's newest deal came from; none without a rep."""
    if rep_id is None:
        return None
    found: int | None = (
        Deal.objects.filter(rep_id=rep_id, source__retired_at=None, source__isnull=False)
        .order_by("-id")
        .values_list("source_id", flat=True)
        .first()
    )
    return found
