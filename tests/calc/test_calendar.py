"""Which quarter is a day in, when does a day begin, when is a quarter final."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from metrics.calc import calendar

ZONES = (
    "UTC",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Havana",
    "America/Los_Angeles",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Lisbon",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
FIRST, LAST = date(2020, 1, 1), date(2035, 12, 31)
DAYS = np.arange(calendar.day_number(FIRST), calendar.day_number(LAST) + 1, dtype=np.int32)


@pytest.mark.parametrize("fiscal_start", range(1, 13))
def test_every_day_is_in_exactly_one_quarter_of_three_months(fiscal_start):
    quarters = calendar.quarters_between(FIRST, LAST, fiscal_start)
    assert all(x.end == y.start for x, y in pairwise(quarters))
    for quarter in quarters:
        assert quarter.start.day == quarter.end.day == 1
        months = (quarter.end.year - quarter.start.year) * 12
        assert months + quarter.end.month - quarter.start.month == 3
        assert (quarter.start.month - fiscal_start) % 3 == 0
    assert len({quarter.label for quarter in quarters}) == len(quarters)

    starts = calendar.quarter_starts(DAYS, fiscal_start)
    edges = np.array([quarter.first_day for quarter in quarters])
    expected = edges[np.searchsorted(edges, DAYS, side="right") - 1]
    assert np.array_equal(starts, expected)
    for number in range(0, len(DAYS), 17):
        quarter = calendar.quarter_of(calendar.day_of_number(int(DAYS[number])), fiscal_start)
        assert quarter.first_day == starts[number]
        assert quarter.first_day <= DAYS[number] < quarter.end_day


def test_days_before_1970_have_quarters_too():
    days = np.array([-1, -400, 0], np.int32)
    for fiscal_start in range(1, 13):
        starts = calendar.quarter_starts(days, fiscal_start)
        expected = [
            calendar.quarter_of(calendar.day_of_number(int(day)), fiscal_start).first_day
            for day in days
        ]
        assert starts.tolist() == expected


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_begins_at_its_first_instant(zone):
    tz = ZoneInfo(zone)
    second = timedelta(seconds=1)
    day = FIRST
    while day <= LAST:
        begins = calendar.local_midnight(day, tz).astimezone(UTC)
        assert begins.astimezone(tz).date() == day
        assert (begins - second).astimezone(tz).date() < day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        # clocks go forward over midnight: the day begins at one o'clock
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T01:00:00-02:00"),
        ("Asia/Beirut", date(2024, 3, 31), "2024-03-31T01:00:00+03:00"),
        # clocks go back over midnight: the first of two midnights
        ("America/Havana", date(2024, 11, 3), "2024-11-03T00:00:00-04:00"),
        # one minute after midnight back to 23:01: the day began before that
        ("America/St_Johns", date(2010, 11, 7), "2010-11-07T00:00:00-02:30"),
        # a day that never was begins with the next one
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-31T00:00:00+14:00"),
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-31T00:00:00+14:00"),
        # a gap that begins before midnight
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T00:30:00-04:00"),
        ("Europe/Paris", date(2025, 7, 8), "2025-07-08T00:00:00+02:00"),
    ],
)
def test_midnights_that_are_none(zone, day, expected):
    assert calendar.local_midnight(day, ZoneInfo(zone)).isoformat() == expected


@pytest.mark.parametrize(
    ("day", "fiscal_start", "label"),
    [
        (date(2026, 7, 1), 1, "2026-Q3"),
        (date(2026, 12, 31), 1, "2026-Q4"),
        (date(2025, 4, 1), 4, "FY2026-Q1"),
        (date(2026, 3, 31), 4, "FY2026-Q4"),
        (date(2026, 1, 31), 2, "FY2026-Q4"),
        (date(2026, 2, 1), 2, "FY2027-Q1"),
        (date(2026, 11, 30), 12, "FY2026-Q4"),
        (date(2026, 12, 1), 12, "FY2027-Q1"),
        (date(2026, 1, 1), 12, "FY2026-Q1"),
        (date(2026, 10, 1), 7, "FY2027-Q2"),
    ],
)
def test_labels(day, fiscal_start, label):
    assert calendar.quarter_of(day, fiscal_start).label == label


def test_a_fiscal_year_starts_in_a_month():
    for month in (0, 13):
        with pytest.raises(ValueError, match="month 1 to 12"):
            calendar.quarter_of(FIRST, month)


def test_the_instant_decides_the_local_day():
    tz = ZoneInfo("Europe/Paris")
    before = datetime(2025, 6, 30, 21, 59, 59, 999999, tzinfo=UTC)
    assert calendar.local_day(before, tz) == date(2025, 6, 30)
    assert calendar.local_day(before + timedelta(microseconds=1), tz) == date(2025, 7, 1)
    with pytest.raises(ValueError, match="time zone"):
        calendar.local_day(before.replace(tzinfo=None), tz)
    with pytest.raises(ValueError, match="time zone"):
        calendar.microseconds(before.replace(tzinfo=None))


def test_microseconds_are_exact():
    instant = datetime(2026, 7, 1, 0, 0, 0, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert calendar.microseconds(instant) == 1_782_831_600_000_001
    assert calendar.microseconds(datetime(1970, 1, 1, tzinfo=UTC)) == 0


def test_running_settling_final():
    tz = ZoneInfo("Europe/Paris")
    quarter = calendar.quarter_of(date(2025, 5, 1), 4)
    ends = datetime(2025, 6, 30, 22, tzinfo=UTC)
    final = datetime(2025, 7, 7, 22, tzinfo=UTC)
    tick = timedelta(microseconds=1)

    def at(instant):
        return calendar.status(quarter, 7, tz, instant)

    assert [at(ends - tick), at(ends)] == ["running", "settling"]
    assert [at(final - tick), at(final)] == ["settling", "final"]
    assert calendar.final_at(quarter, 7, tz).isoformat() == "2025-07-08T00:00:00+02:00"
    assert calendar.as_of_for(quarter, 7, tz, final + timedelta(days=9)) == final
    assert calendar.as_of_for(quarter, 7, tz, ends) == ends
    assert calendar.as_of_for(quarter, 7, tz, ends).utcoffset() == timedelta(hours=2)


def test_status_is_not_fooled_by_a_repeated_hour():
    """Two datetimes of one zone compare by clock face; the instants are an hour apart."""
    tz = ZoneInfo("America/Havana")
    # 2024-11-03 00:00 to 01:00 happens twice; a quarter of this company is final on that day.
    quarter = calendar.quarter_of(date(2024, 10, 31), 2)
    assert quarter.end == date(2024, 11, 1)
    final = calendar.final_at(quarter, 2, tz)
    second_midnight = final.replace(fold=1)
    assert calendar.status(quarter, 2, tz, second_midnight) == "final"
    assert calendar.as_of_for(quarter, 2, tz, second_midnight) == final


def test_quarters_next_to_each_other():
    quarter = calendar.quarter_of(date(2026, 2, 3), 3)
    assert calendar.next_quarter(calendar.previous_quarter(quarter, 3), 3) == quarter
    assert calendar.quarters_between(date(2026, 5, 1), date(2026, 1, 1), 1) == ()


@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Tokyo", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]
)
def test_days_of_many_instants_are_those_of_each(zone):
    tz = ZoneInfo(zone)
    start = datetime(2011, 10, 1, tzinfo=UTC)
    instants = [start + timedelta(minutes=17 * n, microseconds=n) for n in range(9_000)]
    given = np.array([calendar.microseconds(instant) for instant in instants])
    days = calendar.local_days(given, tz)
    assert days.dtype == np.int32
    expected = [calendar.day_number(calendar.local_day(instant, tz)) for instant in instants]
    assert days.tolist() == expected
    assert calendar.local_days(given[:0], tz).tolist() == []
