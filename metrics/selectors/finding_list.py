"""The list of findings: a page of those that match, and all of them as rows of a file."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from accounts import formats
from metrics.models import Finding, FindingDeal
from metrics.selectors.finding_filters import FindingFilter, matching
from metrics.selectors.finding_rows import (
    FindingRow,
    Writer,
    author_text,
    rows_of,
    severity_text,
    with_deals,
)
from metrics.selectors.finding_sources import source_of
from metrics.selectors.findings import by_weight
from pipeline.exports import Value

PAGE = 50
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class FindingList:
    """One page: its rows, how many match in all (`count` for people), which page of how many."""

    rows: tuple[FindingRow, ...]
    total: int
    count: str
    page: int
    pages: int
    first: int
    last: int


def finding_list(*, asked: FindingFilter, writer: Writer, page: int = 1) -> FindingList:
    """A page of the findings that match: two queries, whatever their number."""
    found = matching(asked, stages=writer.stages, themes=writer.themes)
    total = found.count()
    pages = max(1, -(-total // PAGE))
    page = min(max(1, page), pages)
    start = (page - 1) * PAGE
    rows = rows_of(_sorted(with_deals(found), asked.sort)[start : start + PAGE], writer=writer)
    return FindingList(
        rows=rows,
        total=total,
        count=formats.number(total, writer.style) or "",
        page=page,
        pages=pages,
        first=start + 1 if rows else 0,
        last=start + len(rows),
    )


def _sorted(findings: Any, sort: str) -> Any:
    if sort == "day":
        return findings.order_by("learned_on", "pk")
    if sort == "-day":
        return findings.order_by("-learned_on", "-pk")
    if sort == "deals":
        return findings.order_by("-n_deals", "-learned_on", "-pk")
    if sort == "stage":
        return findings.order_by(
            "pipeline__position",
            F("stage__position").asc(nulls_last=True),
            "stage_id",
            "-learned_on",
            "-pk",
        )
    if sort == "theme":
        return findings.order_by(F("theme__name").asc(nulls_last=True), "-learned_on", "-pk")
    return by_weight(findings)


def export_rows(*, asked: FindingFilter, writer: Writer) -> Iterator[tuple[Value, ...]]:
    """Every finding that matches, oldest first, read in chunks: memory does not grow with them.

    Number, statement, quote, source, pipeline stage, towards, theme, severity, day learned,
    author, deals counted, deal numbers, deal names, recorded on.
    """
    found = matching(asked, stages=writer.stages, themes=writer.themes)
    found = found.select_related("author").order_by("pk")
    after = 0
    while True:
        rows: list[Finding] = list(found.filter(pk__gt=after)[:_CHUNK])
        deals: dict[int, list[tuple[int, str]]] = defaultdict(list)
        links = FindingDeal.objects.filter(finding__in=[row.pk for row in rows]).order_by("deal_id")
        for finding_id, deal_id, name in links.values_list("finding_id", "deal_id", "deal__name"):
            deals[finding_id].append((deal_id, name))
        for row in rows:
            its = deals[row.pk]
            yield (
                row.pk,
                row.statement,
                row.quote,
                str(source_of(row.source).word),
                writer.stages.name(row.stage_id),
                writer.stages.name(row.towards_id),
                writer.themes.name(row.theme_id),
                severity_text(row.severity),
                row.learned_on,
                author_text(row.author),
                len(its),
                " ".join(str(pk) for pk, _name in its),
                "; ".join(name for _pk, name in its),
                row.recorded_at.date(),
            )
        if len(rows) < _CHUNK:
            return
        after = rows[-1].pk
