"""Where the team has looked: methods x stages, and the gaps."""

from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Count

from accounts.models import Company
from metrics.selectors.finding_sources import SOURCES, source_of
from metrics.selectors.finding_stages import StageBook, stage_book
from metrics.selectors.findings import standing


@dataclass(frozen=True, slots=True)
class CoverageCell:
    """One method at one stage. `count` 0 is a gap; `tint` is 0 (none) to 3 (most).

    `query` filters the list of findings by it, `add` fills in the form for a new one.
    """

    stage_id: int
    stage: str
    count: int
    tint: int
    query: str
    add: str


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One method over all stages."""

    key: str
    word: str
    icon: str
    how: str
    cells: tuple[CoverageCell, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """The grid of one pipeline: its open stages (id, name), a row a method, how many gaps."""

    stages: tuple[tuple[int, str], ...]
    rows: tuple[CoverageRow, ...]
    gaps: int
    total: int


def coverage(*, company: Company, pipeline_id: int, stages: StageBook | None = None) -> Coverage:
    """How many findings each method has given at each open stage of a pipeline, all deals.

    A stage without findings by a method is a gap. What was found at a retired stage counts at
    the one that replaced it. Kinds that are no method have a row only where something was found.
    """
    book = stages or stage_book()
    found = (
        standing()
        .filter(company=company, pipeline_id=pipeline_id)
        .order_by()
        .values_list("source", "stage_id")
        .annotate(n=Count("pk"))
    )
    counts: Counter[tuple[str, int]] = Counter()
    for source, stage_id, n in found:
        counts[(source, book.now(stage_id))] += n
    columns = tuple((s.id, s.name) for s in book.open_stages(pipeline_id))
    most = max((n for (_source, stage), n in counts.items() if stage in dict(columns)), default=0)
    keys = [key for key, kind in SOURCES.items() if kind.method]
    keys += sorted({source for source, _stage in counts} - set(keys))
    rows = tuple(_row(key, columns, counts, most) for key in keys)
    methods = [row for row in rows if source_of(row.key).method]
    return Coverage(
        stages=columns,
        rows=rows,
        gaps=sum(not cell.count for row in methods for cell in row.cells),
        total=sum(row.total for row in rows),
    )


def _row(
    key: str, columns: tuple[tuple[int, str], ...], counts: Counter[tuple[str, int]], most: int
) -> CoverageRow:
    kind = source_of(key)
    cells = tuple(
        CoverageCell(
            stage_id=stage_id,
            stage=name,
            count=counts[(key, stage_id)],
            tint=-(-3 * counts[(key, stage_id)] // most) if most else 0,
            query="?" + urlencode({"source": key, "stage": stage_id}),
            add="?" + urlencode({"source": key, "stage": stage_id}),
        )
        for stage_id, name in columns
    )
    return CoverageRow(
        key, str(kind.word), kind.icon, str(kind.how), cells, sum(c.count for c in cells)
    )
