"""The day and time that somebody types become one instant."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from pipeline.forms.moments import instant_of

ZONE = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 5, 20, 9, 0, tzinfo=UTC)  # eleven o'clock there


def instant(day: date | None = None, at: time | None = None, **more: datetime) -> str:
    found = instant_of(day=day, at=at, now=NOW, zone=ZONE, **more)
    return found.astimezone(UTC).isoformat()


def test_nothing_typed_is_now() -> None:
    assert instant() == NOW.isoformat()
    assert instant(date(2026, 5, 20)) == NOW.isoformat()


def test_a_time_alone_is_today() -> None:
    assert instant(at=time(8, 30)) == "2026-05-20T06:30:00+00:00"


def test_a_day_alone_is_noon_there_in_summer_and_winter() -> None:
    assert instant(date(2026, 5, 12)) == "2026-05-12T10:00:00+00:00"
    assert instant(date(2026, 1, 12)) == "2026-01-12T11:00:00+00:00"


def test_what_is_told_second_happened_second() -> None:
    later = datetime(2026, 5, 12, 15, 0, tzinfo=UTC)
    assert instant(date(2026, 5, 12), after=later) == "2026-05-12T15:01:00+00:00"
    assert instant(date(2026, 5, 11), after=later) == "2026-05-11T10:00:00+00:00"
    assert instant(date(2026, 5, 13), after=later) == "2026-05-13T10:00:00+00:00"
    early = datetime(2026, 5, 12, 6, 0, tzinfo=UTC)
    assert instant(date(2026, 5, 12), after=early) == "2026-05-12T10:00:00+00:00"


def test_the_last_second_of_a_day_stays_in_it() -> None:
    end = datetime(2026, 5, 12, 21, 59, 59, tzinfo=UTC)
    assert instant(date(2026, 5, 12), after=end) == end.isoformat()
