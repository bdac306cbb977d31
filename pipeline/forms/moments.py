"""From the day and time that somebody types to the instant that is recorded."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NOON = time(12)


def instant_of(
    *,
    day: date | None,
    at: time | None,
    now: datetime,
    zone: ZoneInfo,
    after: datetime | None = None,
) -> datetime:
    """The instant of a local day and time; now, when neither is given.

    A day without a time is noon, or today now; of the day of `after` (the deal's last move) it
    is a minute after that, since what is told second happened second.
    """
    if day is None and at is None:
        return now
    today = now.astimezone(zone).date()
    day = day or today
    if at is not None:
        return datetime.combine(day, at, tzinfo=zone)
    if day == today:
        return now
    found = datetime.combine(day, NOON, tzinfo=zone)
    if after is not None and after >= found and after.astimezone(zone).date() == day:
        end = datetime.combine(day, time(23, 59, 59), tzinfo=zone)
        found = max(after, min(after + timedelta(minutes=1), end))
    return found
