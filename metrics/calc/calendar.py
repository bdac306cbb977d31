"""Which quarter is a day in, when does a local day begin, and when is a quarter final.

A quarter is three whole local calendar months counted from the company's fiscal start
month: the days [start, end). A day is a local calendar date; an instant is UTC. Definitions:
docs/metrics.md, "Time" and "Snapshots". Nothing here reads a clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import numpy as np
import numpy.typing as npt

from metrics.calc.types import SnapshotStatus

_EPOCH_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_HALF_MINUTE = 30_000_000  # microseconds
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """The local days [start, end), named as every page names them."""

    start: date
    end: date
    label: str

    @property
    def first_day(self) -> int:
        """`start` as days since 1970-01-01."""
        return day_number(self.start)

    @property
    def end_day(self) -> int:
        """`end` (not in the quarter) as days since 1970-01-01."""
        return day_number(self.end)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as the arithmetic needs it: microseconds since epoch UTC, and its local day."""

    instant: int
    day: int


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH_DAY).days


def day_of_number(number: int) -> date:
    """The date of a number of days since 1970-01-01."""
    return _EPOCH_DAY + timedelta(days=number)


def microseconds(instant: datetime) -> int:
    """Microseconds since epoch UTC, exactly. ValueError for a datetime without a zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return (instant.astimezone(UTC) - _EPOCH) // _MICROSECOND


def moment(instant: datetime, tz: tzinfo) -> Moment:
    """What `as_of` is for the arithmetic: the instant and its day in the company's zone."""
    return Moment(microseconds(instant), day_number(local_day(instant, tz)))


def local_day(instant: datetime, tz: tzinfo) -> date:
    """The local calendar date on which an instant falls."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(tz).date()


def local_days(instants: npt.NDArray[np.int64], tz: tzinfo) -> npt.NDArray[np.int32]:
    """`local_day` of many instants at once: microseconds since epoch UTC to days since 1970.

    Since 1972 zones change their offset on whole half minutes only: they are asked once for each.
    """
    halves, place = np.unique(instants // _HALF_MINUTE, return_inverse=True)
    offsets = np.array(
        [_offset(_EPOCH + int(half) * 30 * _SECOND, tz) for half in halves], np.int64
    )
    shifted = instants + offsets[place] * 1_000_000 if len(instants) else instants
    return (shifted // _DAY).astype(np.int32)


def _offset(instant: datetime, tz: tzinfo) -> int:
    """Seconds that local clocks are ahead of UTC."""
    offset = instant.astimezone(tz).utcoffset()
    if offset is None:
        raise ValueError("a zone needs an offset")
    return int(offset.total_seconds())


def local_midnight(day: date, tz: tzinfo) -> datetime:
    """The first instant of a local day, as a local datetime.

    Where clocks go forward over midnight the day begins later than 00:00; where they go back
    over it, the first of the two midnights counts. A day that a zone skipped altogether (Apia,
    2011-12-30) begins where the next one does.
    """
    naive = datetime.combine(day, time.min)
    early = naive.replace(tzinfo=tz, fold=0)
    instant = early.astimezone(UTC)
    back = instant.astimezone(tz)
    if back.replace(tzinfo=None) == naive:
        return back
    # 00:00 lies in a gap. The change happened between the two readings of 00:00; search it.
    other = naive.replace(tzinfo=tz, fold=1).astimezone(UTC)
    low, high = min(instant, other) - _SECOND, max(instant, other)
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if local_day(middle, tz) >= day:
            high = middle
        else:
            low = middle
    return high.astimezone(tz)


def quarter_of(day: date, fiscal_start: int) -> Quarter:
    """The quarter that contains a local day, for a fiscal year that starts in this month."""
    _check_month(fiscal_start)
    month = day.year * 12 + day.month - 1
    return _quarter(month - (month - (fiscal_start - 1)) % 3, fiscal_start)


def next_quarter(quarter: Quarter, fiscal_start: int) -> Quarter:
    """The quarter that begins where this one ends."""
    return quarter_of(quarter.end, fiscal_start)


def previous_quarter(quarter: Quarter, fiscal_start: int) -> Quarter:
    """The quarter that ends where this one begins."""
    return quarter_of(quarter.start - timedelta(days=1), fiscal_start)


def quarters_between(first: date, last: date, fiscal_start: int) -> tuple[Quarter, ...]:
    """Every quarter from the one with day `first` to the one with day `last`, in order.

    Empty where `last` lies before the quarter of `first`.
    """
    return tuple(_iterate(first, last, fiscal_start))


def _iterate(first: date, last: date, fiscal_start: int) -> Iterator[Quarter]:
    quarter = quarter_of(first, fiscal_start)
    while quarter.start <= last:
        yield quarter
        quarter = next_quarter(quarter, fiscal_start)


def quarter_starts(days: npt.NDArray[np.int32], fiscal_start: int) -> npt.NDArray[np.int32]:
    """`quarter_of(day).start` for many days at once, all as days since 1970-01-01."""
    _check_month(fiscal_start)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    # 1970-01 is month 0 of numpy and month 1970 * 12 of `quarter_of`, which is 0 modulo 3.
    months -= (months - (fiscal_start - 1)) % 3
    starts = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return starts.astype(np.int32)


def final_at(quarter: Quarter, settle_days: int, tz: tzinfo) -> datetime:
    """The local midnight that ends the settling days: from then on the quarter is final."""
    return local_midnight(quarter.end + timedelta(days=settle_days), tz)


def status(quarter: Quarter, settle_days: int, tz: tzinfo, now: datetime) -> SnapshotStatus:
    """Whether a snapshot taken now is replaced in place (running, settling) or kept (final)."""
    # In UTC: datetimes of one zone are compared by their clock faces, blind to a repeated hour.
    instant = now.astimezone(UTC)
    if instant < local_midnight(quarter.end, tz).astimezone(UTC):
        return "running"
    return "settling" if instant < final_at(quarter, settle_days, tz).astimezone(UTC) else "final"


def as_of_for(quarter: Quarter, settle_days: int, tz: tzinfo, now: datetime) -> datetime:
    """The instant that a quarter's figures are relative to: now until final, then fixed."""
    end = final_at(quarter, settle_days, tz).astimezone(UTC)
    return min(now.astimezone(UTC), end).astimezone(tz)


def _quarter(month: int, fiscal_start: int) -> Quarter:
    start, end = _first_of(month), _first_of(month + 3)
    if fiscal_start == 1:
        return Quarter(start, end, f"{start.year}-Q{(start.month + 2) // 3}")
    number = (start.month - fiscal_start) % 12 // 3 + 1
    # The fiscal year ends where its last quarter does; it is named after that calendar year.
    last = _first_of(month + 3 * (5 - number)) - timedelta(days=1)
    return Quarter(start, end, f"FY{last.year}-Q{number}")


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _check_month(fiscal_start: int) -> None:
    if not 1 <= fiscal_start <= 12:
        raise ValueError(f"a fiscal year starts in a month 1 to 12, not {fiscal_start}")
