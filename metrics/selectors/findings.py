"""Findings where other pages show them: at a stage of the funnel, and of one deal."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Case, Exists, IntegerField, OuterRef, Value, When

from accounts.formats import Style
from accounts.models import Company
from metrics.models import Finding, FindingDeal
from metrics.selectors.finding_rows import (
    SEVERITIES,
    FindingRow,
    Writer,
    rows_of,
    with_deals,
    writer_for,
)
from metrics.selectors.segment_deals import in_segment


def standing() -> Any:
    """The findings that count: not withdrawn."""
    return Finding.objects.filter(withdrawn_at=None)


def of_segment(findings: Any, segment: str) -> Any:
    """The findings of a segment: one of their deals is in it.

    A finding without deals belongs to no segment and counts in `all` only.
    """
    if segment == "all":
        return findings
    links = FindingDeal.objects.filter(
        in_segment(segment, deal="deal__"), finding_id=OuterRef("pk")
    )
    return findings.filter(Exists(links))


def by_weight(findings: Any) -> Any:
    """Severe first, then the newest."""
    rank = Case(
        *(When(severity=key, then=Value(rank)) for key, (rank, _t, _i) in SEVERITIES.items()),
        default=Value(len(SEVERITIES)),
        output_field=IntegerField(),
    )
    return findings.order_by(rank, "-learned_on", "-pk")


@dataclass(frozen=True, slots=True)
class FindingsHere:
    """Findings at one place: the first `rows`, how many there are in all, and over how many deals.

    It can be looped over and measured like its rows.
    """

    rows: tuple[FindingRow, ...]
    total: int
    deals: int

    @property
    def more(self) -> int:
        """How many are not among the rows."""
        return self.total - len(self.rows)

    def __iter__(self) -> Iterator[FindingRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def findings_at(
    *,
    company: Company,
    stage_ids: Iterable[int],
    segment: str = "all",
    limit: int | None = 3,
    style: Style | None = None,
    today: date | None = None,
    writer: Writer | None = None,
) -> FindingsHere:
    """What was learned at these stages: severe first, then the newest, `limit` of them.

    Findings at a retired stage count at the one that replaced it. The total and the number of
    distinct deals are of all of them; with a segment, the deals are those in it. `writer` saves
    its queries where the page has one.
    """
    writer = writer or writer_for(company=company, style=style, today=today)
    places = writer.stages.same(stage_ids)
    found = of_segment(standing().filter(stage_id__in=places), segment)
    links = FindingDeal.objects.filter(finding__in=found)
    if segment != "all":
        links = links.filter(in_segment(segment, deal="deal__"))
    rows = rows_of(by_weight(with_deals(found))[:limit], writer=writer)
    whole = limit is None or len(rows) < limit
    return FindingsHere(
        rows=rows,
        total=len(rows) if whole else found.count(),
        deals=links.order_by().values("deal_id").distinct().count() if rows else 0,
    )


def findings_of_deal(
    *, company: Company, deal_id: int, style: Style, today: date
) -> tuple[FindingRow, ...]:
    """What was learned from one deal: severe first, then the newest."""
    writer = writer_for(company=company, style=style, today=today)
    found = standing().filter(deal_links__deal_id=deal_id)
    return rows_of(by_weight(with_deals(found)), writer=writer)
