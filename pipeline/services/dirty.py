"""Mark quarters whose figures may be behind: in the transaction of every change of facts."""

from datetime import date, datetime

from django.db import connection

from accounts.models import Company

_MARK = """
    INSERT INTO pipeline_dirtyquarter (company_id, quarter_start, gen, done_gen)
    SELECT %s, q, 1, 0 FROM unnest(%s::date[]) AS q
    -- Quarters of a calendar that the company had before, whose as_of may lie after the change.
    UNION
    SELECT company_id, quarter_start, 1, 0 FROM pipeline_dirtyquarter
    WHERE company_id = %s AND quarter_start > %s
      AND (extract(month FROM quarter_start)::int - %s) %% 3 <> 0
    ORDER BY 2
    ON CONFLICT (company_id, quarter_start)
    DO UPDATE SET gen = pipeline_dirtyquarter.gen + 1
"""


def next_quarter(start: date) -> date:
    """The first day of the quarter after the one that starts on `start`."""
    months = start.year * 12 + start.month - 1 + 3
    return date(months // 12, months % 12 + 1, 1)


def quarters_since(*, company: Company, since: date, now: datetime) -> list[date]:
    """The quarters whose as_of lies after the local day `since`, oldest first, as start days.

    A move in the settling days of a quarter touches that quarter too.
    """
    today = company.local_day(company.clock(now))
    start = company.quarter_start(since)
    previous = company.quarter_start(date.fromordinal(start.toordinal() - 1))
    starts = []
    if (since - start).days < company.settle_days:
        starts.append(previous)
    while start <= today:
        starts.append(start)
        start = next_quarter(start)
    return starts


def mark_dirty(*, company: Company, since: date, now: datetime) -> None:
    """Mark every quarter that a change at the local day `since` may touch.

    Called last in a writer's transaction: these rows are hot, and are locked oldest first.
    Superfluous marks are harmless: nothing changed, nothing written.
    """
    starts = quarters_since(company=company, since=since, now=now)
    if starts:
        with connection.cursor() as cursor:
            # A quarter has 92 days at most, and then the settling days.
            reach = date.fromordinal(since.toordinal() - 92 - company.settle_days)
            first = company.fiscal_year_start_month
            cursor.execute(_MARK, [company.pk, starts, company.pk, reach, first])
