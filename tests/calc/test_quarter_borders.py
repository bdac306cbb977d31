"""Where every day falls, and where the last and the first second of a quarter count.

Every day from 2020 to 2035 in twenty time zones and for twelve fiscal starts, and the year in
which a zone skipped a day. Definitions: docs/metrics.md, "Time".
"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from accounts.models import Company
from metrics.calc import calendar, figures, history

# Half hours, quarters of one, days that begin at one o'clock or twice, a zone that skipped a day.
ZONES = (
    "UTC", "Africa/Cairo", "America/Asuncion", "America/Havana", "America/New_York",
    "America/Santiago", "America/Sao_Paulo", "America/St_Johns", "Asia/Beirut", "Asia/Gaza",
    "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran", "Atlantic/Azores", "Australia/Lord_Howe",
    "Europe/Lisbon", "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Kiritimati",
)  # fmt: skip
FIRST, LAST = date(2020, 1, 1), date(2035, 12, 31)
SECOND = timedelta(seconds=1)


def days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def first_instants(days: list[date], tz: ZoneInfo) -> list[int]:
    """When each of these days begins: microseconds since epoch."""
    return [calendar.microseconds(calendar.local_midnight(day, tz)) for day in days]


def history_of(opened: list[tuple[int, datetime]]) -> history.History:
    """A deal per (number of the zone, instant), never moved again; its source names the zone.

    The days are those that the writer of moves would have written down there.
    """
    n = len(opened)
    companies = [Company(timezone=zone) for zone in ZONES]
    days = [companies[zone].local_day(at) for zone, at in opened]
    none = np.zeros(n, np.int32)
    columns = {**dict.fromkeys(history.DIMENSIONS, none)}
    columns["source"] = np.array([zone + 1 for zone, _ in opened], np.int32)
    labels = dict.fromkeys(history.DIMENSIONS, ("unknown",))
    return history.History(
        stages=("Booked",),
        deal_id=np.arange(n, dtype=np.int64),
        visit_start=np.arange(n + 1, dtype=np.int64),
        entered_at=np.array([calendar.microseconds(at) for _, at in opened], np.int64),
        entered_on=np.array([calendar.day_number(day) for day in days], np.int32),
        stage=np.ones(n, np.int32),
        amount=np.full(n, 1.0),
        currency=none,
        path_known=np.ones(n, np.bool_),
        lost_level=np.zeros(n, np.int8),
        labels={**labels, "source": ("unknown", *ZONES)},
        **columns,
    )


@pytest.mark.parametrize("zone", ZONES)
def test_every_second_of_every_day_is_in_exactly_one_quarter(zone):
    """The first and the last second of each local day, for every fiscal start."""
    tz = ZoneInfo(zone)
    days = days_between(FIRST, LAST + timedelta(days=1))
    begins = np.array(first_instants(days, tz), np.int64)
    numbers = np.array([calendar.day_number(day) for day in days], np.int32)
    # The days follow each other without a gap or an overlap, whatever the clocks do.
    assert (np.diff(begins) > 0).all()
    assert np.array_equal(calendar.local_days(begins, tz), numbers)
    last_seconds = begins[1:] - 1_000_000
    assert np.array_equal(calendar.local_days(last_seconds, tz), numbers[:-1])
    company = Company(timezone=zone)
    for fiscal in range(1, 13):
        company.fiscal_year_start_month = fiscal
        quarters = calendar.quarters_between(FIRST, LAST, fiscal)
        assert all(one.end == other.start for one, other in pairwise(quarters))
        counted = sum(
            (numbers >= quarter.first_day).astype(int) * (numbers < quarter.end_day)
            for quarter in quarters
        )
        assert (counted[:-1] == 1).all()
        starts = calendar.quarter_starts(numbers[:-1], fiscal)
        # The writer's side marks the quarter that the reader's side counts in.
        for number in range(0, len(days) - 1, 29):
            instant = datetime.fromtimestamp(int(begins[number]) // 1_000_000, UTC)
            day = company.local_day(instant)
            assert calendar.day_number(company.quarter_start(day)) == starts[number]


@pytest.mark.parametrize("phase", [1, 2, 3])
def test_a_move_in_the_last_second_counts_before_the_border_and_one_at_midnight_after(phase):
    """Through the calc itself: deals opened on every border, counted in every quarter.

    Fiscal starts three months apart have the same borders (the test above) and other names. All
    zones are in one history, each a source of its own.
    """
    quarters = calendar.quarters_between(FIRST, LAST, phase)
    opened = []
    for number, zone in enumerate(ZONES):
        for quarter in quarters[1:]:
            border = calendar.local_midnight(quarter.start, ZoneInfo(zone)).astimezone(UTC)
            # On each border: one deal a second before it, two at the first instant.
            opened += [(number, border - SECOND), (number, border), (number, border)]
    known = history_of(opened)
    late = calendar.moment(datetime(2037, 1, 1, tzinfo=UTC), UTC)
    asked = [(quarter, late) for quarter in quarters]
    found = {zone: [] for zone in ZONES}
    for table in figures.quarter_tables(known, asked, history.Rates.none()):
        for zone, counts in found.items():
            place = table.segments.index(f"source={zone}")
            counts.append(int(table.sums["opened"][place]))
    expected = [1, *[3] * (len(quarters) - 2), 2]
    assert found == dict.fromkeys(ZONES, expected)


def test_the_skipped_day_of_apia_is_empty_and_every_other_one_is_in_one_quarter():
    tz = ZoneInfo("Pacific/Apia")
    skipped = date(2011, 12, 30)
    days = days_between(date(2011, 1, 1), date(2012, 12, 31))
    begins = dict(zip(days, first_instants(days, tz), strict=True))
    assert begins[skipped] == begins[date(2011, 12, 31)]
    there = [day for day in days if day != skipped]
    instants = np.array([begins[day] for day in there], np.int64)
    assert (np.diff(instants) > 0).all()
    found = calendar.local_days(instants, tz)
    assert found.tolist() == [calendar.day_number(day) for day in there]
    before = calendar.local_days(instants[1:] - 1_000_000, tz)
    assert np.array_equal(before, found[:-1])
    for fiscal in range(1, 13):
        quarters = calendar.quarters_between(days[0], days[-1], fiscal)
        for day, number in zip(there, found, strict=True):
            assert sum(q.first_day <= number < q.end_day for q in quarters) == 1, day
