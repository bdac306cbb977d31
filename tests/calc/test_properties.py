"""What must hold for every company, on random ones with everything that real histories have."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.calc import calendar
from metrics.calc.figures import quarter_table, quarter_tables
from metrics.calc.history import DIMENSIONS, as_of
from metrics.calc.stored import to_json
from metrics.calc.stored_rows import stored_figures
from tests.calc import companies
from tests.golden.agreement import differences

SEEDS = st.integers(0, 10**9)
QUARTERS = calendar.quarters_between(date(2025, 1, 1), date(2026, 6, 1), 1)
LATE = datetime(2027, 3, 1, tzinfo=UTC)

few = settings(max_examples=20)


def compute(company, quarter, at=LATE):
    moment = calendar.moment(at, company.tz)
    table = quarter_table(
        companies.as_history(company), quarter, moment, companies.as_rates(company)
    )
    return dict(stored_figures(table))


@few
@given(SEEDS)
def test_the_order_of_deals_and_rows_changes_not_one_bit(seed):
    company = companies.random_company(seed)
    rng = random.Random(seed)
    deals = [
        replace(deal, rows=tuple(rng.sample(deal.rows, len(deal.rows)))) for deal in company.deals
    ]
    rng.shuffle(deals)
    other = replace(company, deals=tuple(deals))
    for quarter in QUARTERS[::2]:
        assert compute(company, quarter) == compute(other, quarter)


COUNTS = (
    "opened", "won", "lost", "open_at_start", "open_at_end", "in_play", "open_days", "path_unknown",
    "rate_missing", "won_with_amount", "lost_with_amount", "open_with_amount", "cycle_won_days",
    "cycle_closed_days", "cohort_won",
)  # fmt: skip
SUMS = ("revenue_won", "amount_lost", "amount_open_at_end")
STAGE_COUNTS = ("cohort_reached", "cohort_lost", "cohort_pending", "advanced", "lost_at",
                "value_lost_with_amount", "days_count", "open_deals")  # fmt: skip


@few
@given(SEEDS)
def test_the_segments_of_a_dimension_add_up_to_all(seed):
    company = companies.random_company(seed)
    for quarter in QUARTERS:
        found = compute(company, quarter)
        if not found:
            continue
        whole = found["all"]
        families = [(dimension,) for dimension in DIMENSIONS]
        families += [(a, b) for i, a in enumerate(DIMENSIONS) for b in DIMENSIONS[i + 1 :]]
        for family in families:
            parts = [
                figures
                for name, figures in found.items()
                if name != "all" and [p.split("=")[0] for p in name.split("&")] == list(family)
            ]
            for name in COUNTS:
                assert sum(getattr(part, name) for part in parts) == getattr(whole, name)
            for name in SUMS:
                total = sum(getattr(part, name) or 0 for part in parts)
                assert total == pytest.approx(getattr(whole, name) or 0, rel=1e-9, abs=1e-6)
            for s, stage in enumerate(whole.stages):
                for name in STAGE_COUNTS:
                    assert sum(getattr(p.stages[s], name) for p in parts) == getattr(stage, name)


@few
@given(SEEDS, st.integers(0, 800))
def test_the_identities_of_funnel_and_bridge(seed, days):
    company = companies.random_company(seed)
    at = datetime(2025, 1, 1, 3, tzinfo=UTC) + timedelta(days=days)
    for quarter in QUARTERS:
        for figures in compute(company, quarter, at).values():
            assert figures.in_play == figures.open_at_start + figures.opened
            assert figures.in_play == figures.closed + figures.open_at_end
            assert figures.won_with_amount <= figures.won
            assert 0 <= figures.open_days <= figures.in_play * figures.days
            reached = [stage.cohort_reached for stage in figures.stages] + [figures.cohort_won]
            for s, stage in enumerate(figures.stages):
                assert reached[s] == reached[s + 1] + stage.cohort_lost + stage.cohort_pending
                assert stage.days_count <= stage.advanced + stage.lost_at
                reasons = stage.value_lost_by_reason.values()
                assert sum(reason.deals for reason in reasons) == stage.lost_at
            assert sum(stage.open_deals for stage in figures.stages) <= figures.open_at_end


@few
@given(SEEDS)
def test_the_bridge_between_quarters_at_one_instant(seed):
    """At one as_of nothing comes back in between: the end of a quarter is the start of the next."""
    company = companies.random_company(seed)
    tables = [compute(company, quarter) for quarter in QUARTERS]
    for before, after in pairwise(tables):
        for name in {*before, *after}:
            left = before[name].open_at_end if name in before else 0
            assert (after[name].open_at_start if name in after else 0) == left


@few
@given(SEEDS, st.integers(-40, 40))
def test_a_moved_boundary_changes_only_the_quarters_it_touches(seed, shift):
    company = companies.random_company(seed)
    history, rates = companies.as_history(company), companies.as_rates(company)
    moment = calendar.moment(LATE, company.tz)
    boundary = QUARTERS[2].start + timedelta(days=shift)
    moved = [*QUARTERS]
    moved[1] = replace(QUARTERS[1], end=boundary)
    moved[2] = replace(QUARTERS[2], start=boundary)

    def tables(quarters):
        found = quarter_tables(history, [(quarter, moment) for quarter in quarters], rates)
        return [dict(stored_figures(table)) for table in found]

    one, other = tables(QUARTERS), tables(moved)
    for number in (0, *range(3, len(QUARTERS))):
        assert one[number] == other[number]
    flows = ("opened", "won", "lost", "cycle_won_days", "open_days", "days")
    totals = [
        [sum(getattr(table["all"], name) for table in found[1:3] if "all" in table)
         for name in flows]
        for found in (one, other)
    ]  # fmt: skip
    if all("all" in table for found in (one, other) for table in found[1:3]):
        assert totals[0] == totals[1]
    states = as_of(history, moment.instant)
    low, high = sorted((boundary, QUARTERS[2].start))
    between = (states.opened_on >= calendar.day_number(low)) & (
        states.opened_on < calendar.day_number(high)
    )
    if between.any():  # some deal's opening changed sides: both quarters must say so
        assert one[1] != other[1]
        assert one[2] != other[2]


@few
@given(SEEDS)
def test_what_happens_after_as_of_does_not_exist(seed):
    company = companies.random_company(seed)
    at = datetime(2025, 8, 1, 12, tzinfo=UTC)
    known = [
        replace(deal, rows=rows)
        for deal in company.deals
        if not any(row.replaces for row in deal.rows)
        and (rows := tuple(row for row in deal.rows if row.at < at))
    ]
    untouched = [deal for deal in company.deals if not any(row.replaces for row in deal.rows)]
    one = replace(company, deals=tuple(known))
    other = replace(company, deals=tuple(untouched))
    for quarter in QUARTERS[:4]:
        assert compute(one, quarter, at) == compute(other, quarter, at)


@few
@given(SEEDS)
def test_a_segment_is_what_all_would_be_of_its_deals_alone(seed):
    company = companies.random_company(seed)
    quarter = QUARTERS[1]
    found = compute(company, quarter)
    for rep in ("Ada", "Bo"):
        alone = replace(
            company,
            deals=tuple(deal for deal in company.deals if deal.attributes["rep"] == rep),
        )
        own = compute(alone, quarter)
        if f"rep={rep}" in found:
            assert not differences(to_json(own["all"]), to_json(found[f"rep={rep}"]))
        else:
            assert own == {}


def test_no_deals_give_no_segments():
    company = companies.Company(3, companies.random_company(1).tz, ())
    assert compute(company, QUARTERS[0]) == {}
    assert np.array_equal(as_of(companies.as_history(company), 0).exists, np.zeros(0, bool))
