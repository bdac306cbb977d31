"""The vectorised figures equal the slow reference, on small histories with everything wrong."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from metrics.calc import calendar
from metrics.calc.figures import quarter_table, quarter_tables
from metrics.calc.stored import to_json
from metrics.calc.stored_rows import stored_figures
from tests.calc import companies, reference
from tests.golden.agreement import differences

STARTS = [
    date(2024, 10, 1),
    date(2025, 1, 1),
    date(2025, 7, 1),
    date(2025, 10, 1),
    date(2026, 4, 1),
]


def as_ofs(company: companies.Company, quarter: calendar.Quarter) -> list[datetime]:
    """While it runs, on its first day, when it is final, and long after."""
    final = calendar.final_at(quarter, 7, company.tz).astimezone(UTC)
    first = calendar.local_midnight(quarter.start, company.tz).astimezone(UTC)
    return [
        first + timedelta(hours=5),
        first + timedelta(days=40, hours=7),
        final,
        final + timedelta(days=500),
    ]


@pytest.mark.parametrize("seed", range(24))
def test_figures_equal_the_slow_reference(seed):
    company = companies.random_company(seed)
    history, rates = companies.as_history(company), companies.as_rates(company)
    compared = 0
    for start in STARTS:
        quarter = companies.quarter(start)
        for as_of in as_ofs(company, quarter):
            table = quarter_table(history, quarter, calendar.moment(as_of, company.tz), rates)
            actual = {name: to_json(figures) for name, figures in stored_figures(table)}
            expected = reference.stored(company, quarter.start, quarter.end, as_of)
            lines = differences(expected, actual)
            assert not lines, f"{quarter.label} as of {as_of}:\n" + "\n".join(lines[:20])
            compared += len(expected)
    assert compared > 20


@pytest.mark.parametrize("seed", [3, 17, 29])
def test_whole_history_at_once_equals_one_quarter_at_a_time(seed):
    company = companies.random_company(seed)
    history, rates = companies.as_history(company), companies.as_rates(company)
    wanted = []
    for start in STARTS:
        quarter = companies.quarter(start)
        wanted += [(quarter, calendar.moment(at, company.tz)) for at in as_ofs(company, quarter)]
    for table, (quarter, moment) in zip(
        quarter_tables(history, wanted, rates), wanted, strict=True
    ):
        alone = quarter_table(history, quarter, moment, rates)
        assert dict(stored_figures(table)) == dict(stored_figures(alone))


def test_the_random_companies_hold_what_they_are_for():
    """Guards the guard: corrections, withdrawals, comebacks, undone wins, jumps, foreign money."""
    found = dict.fromkeys(
        ["correction", "withdrawal", "came back", "undone win", "jump", "foreign", "unknown path"],
        0,
    )
    for seed in range(24):
        for deal in companies.random_company(seed).deals:
            rows = reference.effective(deal.rows)
            tos = [row.to for row in rows]
            found["correction"] += any(row.replaces for row in rows)
            found["withdrawal"] += any(row.to is None for row in deal.rows)
            found["came back"] += "lost" in tos[:-1]
            found["undone win"] += "won" in tos[:-1] and tos[-1] != "won"
            steps = [to for to in tos if isinstance(to, int)]
            found["jump"] += any(y - x > 1 for x, y in pairwise(steps))
            found["foreign"] += deal.currency > 0
            found["unknown path"] += not deal.path_known
    assert min(found.values()) >= 20, found
