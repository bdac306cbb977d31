"""Which closed quarters an entry would restate: asked before, so that nobody is surprised."""

from datetime import date, datetime, timedelta

from accounts.models import Company
from accounts.tenancy.context import require_company_id
from pipeline import paths
from pipeline.models import StageTransition
from pipeline.services.dirty import next_quarter
from pipeline.services.history import rows_of
from pipeline.services.moves import final_before


def quarter_label(*, company: Company, start: date) -> str:
    """The label of the quarter that starts on `start`: 2026-Q3, or FY2026-Q3.

    A fiscal year is named after the calendar year in which it ends. See docs/metrics.md.
    """
    first = company.fiscal_year_start_month
    number = (start.month - first) % 12 // 3 + 1
    if first == 1:
        return f"{start.year}-Q{number}"
    end = start
    for _ in range(5 - number):
        end = next_quarter(end)
    return f"FY{(end - timedelta(days=1)).year}-Q{number}"


def restated_quarters(*, since: date, now: datetime) -> tuple[str, ...]:
    """The labels of the active company's final quarters from the local day `since` on, oldest
    first: those that an entry of that day restates. Empty where none is final yet."""
    company = Company.objects.get(pk=require_company_id())
    open_from = final_before(company=company, now=now)
    start = company.quarter_start(since)
    labels = []
    while open_from is not None and start < open_from:
        labels.append(quarter_label(company=company, start=start))
        start = next_quarter(start)
    return tuple(labels)


def correction_reaches(
    *,
    replaced: StageTransition,
    to_stage_id: int | None,
    occurred_at: datetime,
) -> date:
    """The earliest local day that a correction changes; `to_stage_id` None withdraws.

    The row may have been replaced before, by one of another day: what holds now ends, whatever
    row it stands in.
    """
    company = Company.objects.get(pk=require_company_id())
    rows = rows_of(deal_id=replaced.deal_id)
    day = company.local_day(occurred_at)
    newest = max(row.id for row in rows) + 1
    planned = paths.Row(newest, to_stage_id, occurred_at, day, replaced.pk)
    changed = paths.first_difference(paths.effective(rows), paths.effective([*rows, planned]))
    return min(replaced.occurred_on, day, changed or day)
