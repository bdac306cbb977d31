"""From what somebody says about the time of a move to its instant, also when clocks change."""

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.forms.happened import HappenedForm, NoSuchTime, TwoSuchTimes, local_instant

PARIS = ZoneInfo("Europe/Paris")
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def form(zone: ZoneInfo = PARIS, *, now: datetime = NOW, **data: str) -> HappenedForm:
    filled = HappenedForm(data, now=now, zone=zone)
    filled.is_valid()
    return filled


def instant(zone: ZoneInfo = PARIS, **data: str) -> Any:
    filled = form(zone, **data)
    assert filled.errors == {}
    return filled.cleaned_data["happened_at"].astimezone(UTC)


def test_now_is_the_instant_itself() -> None:
    assert instant(when="now") == NOW
    assert instant() == NOW


def test_now_outweighs_a_day_that_was_typed_before() -> None:
    assert instant(when="now", day="2026-11-01", at="08:00") == NOW


def test_yesterday_without_a_time_is_noon() -> None:
    assert instant(when="yesterday") == datetime(2026, 11, 19, 11, 0, tzinfo=UTC)


def test_yesterday_is_the_companys_yesterday() -> None:
    late = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # still the 19th in New York
    found = form(NEW_YORK, now=late, when="yesterday", at="10:00").cleaned_data["happened_at"]
    assert found.astimezone(UTC) == datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def test_earlier_today_with_a_time() -> None:
    assert instant(when="today", at="09:30") == datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


def test_on_another_day() -> None:
    found = instant(when="day", day="2026-11-17", at="17:05")
    assert found == datetime(2026, 11, 17, 16, 5, tzinfo=UTC)


def test_a_day_alone_is_understood_without_the_choice() -> None:
    assert instant(day="2026-11-17") == datetime(2026, 11, 17, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        ({"when": "day"}, "day", "Choose the day"),
        ({"when": "day", "day": "2026-11-21"}, "day", "lies in the future"),
        ({"when": "day", "day": "9999-12-31"}, "day", "lies in the future"),
        ({"when": "day", "day": "0001-01-01"}, "day", "too long ago"),
        ({"when": "day", "day": "2026-02-30"}, "day", "valid date"),
        ({"when": "soon"}, "when", "valid choice"),
        ({"when": "today", "at": "25:00"}, "at", "valid time"),
        ({"when": "today", "at": "\x00"}, "at", "valid time"),
    ],
)
def test_what_cannot_be_is_refused_in_words(data: dict[str, str], field: str, said: str) -> None:
    assert said in " ".join(form(**data).errors[field])


def test_a_time_that_no_clock_showed_is_refused() -> None:
    filled = form(when="day", day="2026-03-29", at="02:30")
    assert "no clock showed this time" in filled.errors["at"][0]
    assert not filled.asks_which


def test_a_time_that_clocks_showed_twice_is_asked_about() -> None:
    filled = form(when="day", day="2026-10-25", at="02:30")
    assert "this time twice" in filled.errors["fold"][0]
    assert filled.asks_which


@pytest.mark.parametrize(("fold", "hour"), [("0", 0), ("1", 1)])
def test_the_answer_says_which_of_the_two(fold: str, hour: int) -> None:
    found = instant(when="day", day="2026-10-25", at="02:30", fold=fold)
    assert found == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


def test_an_answer_to_a_question_that_is_not_asked_changes_nothing() -> None:
    found = instant(when="day", day="2026-10-24", at="02:30", fold="1")
    assert found == datetime(2026, 10, 24, 0, 30, tzinfo=UTC)


def test_the_borders_of_a_change_of_clocks() -> None:
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    first = local_instant(day=spring, at=time(1, 59), zone=PARIS)
    then = local_instant(day=spring, at=time(3, 0), zone=PARIS)
    assert (then - first.astimezone(UTC)).total_seconds() == 60
    for minute in (0, 59):
        with pytest.raises(NoSuchTime):
            local_instant(day=spring, at=time(2, minute), zone=PARIS)
        with pytest.raises(TwoSuchTimes):
            local_instant(day=autumn, at=time(2, minute), zone=PARIS)
    assert local_instant(day=autumn, at=time(3, 0), zone=PARIS).utcoffset().total_seconds() == 3600  # type: ignore[union-attr]


def test_a_whole_day_that_a_country_left_out() -> None:
    with pytest.raises(NoSuchTime):
        local_instant(day=date(2011, 12, 30), at=time(12), zone=ZoneInfo("Pacific/Apia"))
