"""Days and times of a column: is `03/04/2026` the 3rd of April or the 4th of March?

A column is decided from all its values. One value such as `25/04/2026` decides it; when none
does, the person importing must say. A day without a time is the local day of the company and
is kept as its first instant; a time without a zone is the company's local time (or that of the
zone told for the file).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo

from pipeline.importers.grid import Cell, CellFault, ImportRefused
from pipeline.importers.values import ValueFault, foreign_digits, is_nothing, shown

Order = Literal["day_first", "month_first"]

EARLIEST, LATEST = date(1970, 1, 1), date(2100, 1, 1)

_TIME = (
    r"(?:(?:T|,?\s+)(?P<h>\d{1,2}):(?P<i>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"\s*(?P<ap>[AaPp]\.?[Mm]\.?)?)?"
    r"\s*(?P<z>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
)
_NUMERIC = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[./-])\s?(?P<b>\d{1,2})(?P=sep)\s?(?P<c>\d{1,4})" + _TIME, re.ASCII
)
_DAY_NAME = re.compile(
    r"(?P<a>\d{1,2})[ .-]+(?P<m>[A-Za-z]{3,9})\.?,?[ -]+(?P<c>\d{4}|\d{2})" + _TIME, re.ASCII
)
_NAME_DAY = re.compile(
    r"(?P<m>[A-Za-z]{3,9})\.? (?P<a>\d{1,2})(?:st|nd|rd|th)?,? (?P<c>\d{4})" + _TIME, re.ASCII
)
_COMPACT = re.compile(r"(?P<a>\d{4})(?P<b>\d{2})(?P<c>\d{2})", re.ASCII)
_MILLISECONDS = re.compile(r"\d{12,13}", re.ASCII)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun",
            "july jul", "august aug", "september sep sept", "october oct", "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant in UTC; `day_only` when the file told the day and no time."""

    at: datetime
    day_only: bool


@dataclass(frozen=True, slots=True)
class _Parts:
    """A value split into numbers, before day and month are told apart."""

    a: int
    b: int
    c: int
    shape: Literal["year_first", "either", "named"]
    separator: str
    clock: tuple[int, int, int, int] | None
    offset: timedelta | None


@dataclass(frozen=True, slots=True)
class DayColumn:
    """How the days of one column are read, and how that was decided."""

    heading: str
    order: Order | None
    how: str
    zone: ZoneInfo  # of times that carry none
    days_are_days: bool  # every time in the column is midnight: plain days

    def read(self, cell: Cell, *, company_zone: ZoneInfo) -> Moment | None:
        """The instant a cell means, None for an empty one. Raises ValueFault."""
        if is_nothing(cell):
            return None
        split = _split(cell)
        if isinstance(split, datetime):  # epoch milliseconds
            return _checked(split, day_only=False, cell=cell)
        day = _day(split, self.order)
        if split.clock is None or (self.days_are_days and split.clock == (0, 0, 0, 0)):
            return _checked(first_instant(day, company_zone), day_only=True, cell=cell)
        hour, minute, second, micro = split.clock
        try:
            naive = datetime.combine(day, time(hour, minute, second, micro))
            zone = timezone(split.offset) if split.offset is not None else self.zone
            at = naive.replace(tzinfo=zone).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueFault("holds a time that does not exist") from None
        return _checked(at, day_only=False, cell=cell)


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins, in UTC.

    Where the clock jumps over midnight, the day begins after the jump.
    """
    at = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).date() < day:  # midnight does not exist on this day
        low, high = at, at + timedelta(hours=3)
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (low, middle) if middle.astimezone(zone).date() >= day else (middle, high)
        at = high.replace(microsecond=0)
    return at


def decide_days(
    heading: str, cells: Iterable[Cell], *, zone: ZoneInfo, told: Order | None, forced: bool
) -> DayColumn:
    """Decide how a column's days are written.

    `told` is what the person said: it decides a column that does not decide itself, or every
    column when `forced`. Raises ImportRefused when nothing decides, or values contradict.
    """
    texts: dict[Cell, None] = {}
    for cell in cells:
        if not is_nothing(cell) and not isinstance(cell, CellFault):
            texts.setdefault(cell)
    either = day_votes = month_votes = 0
    day_example = month_example = ""
    dots = midnights = clocks = named = year_first = 0
    for cell in texts:
        try:
            split = _split(cell)
        except ValueFault:
            continue
        if isinstance(split, datetime):
            clocks += 1
            continue
        if split.clock is not None:
            midnights += split.clock == (0, 0, 0, 0)
            clocks += 1
        named += split.shape == "named"
        year_first += split.shape == "year_first"
        if split.shape != "either":
            continue
        day_fits, month_fits = _fits(split, "day_first"), _fits(split, "month_first")
        if day_fits and month_fits and split.a != split.b:
            either += 1
            dots += split.separator == "."
        elif day_fits and not month_fits:
            day_votes, day_example = day_votes + 1, shown(cell)
        elif month_fits and not day_fits:
            month_votes, month_example = month_votes + 1, shown(cell)
    days_are_days = clocks > 0 and clocks == midnights
    order: Order | None
    if told is not None and forced:
        order, how = told, f"{_words(told)}, as told"
    elif day_votes and month_votes:
        if told is None:
            raise ImportRefused(
                f"The column '{heading}' holds days of both orders ('{day_example}' and "
                f"'{month_example}'). Say --day-first or --month-first; the rows that do not "
                "fit are then reported."
            )
        order, how = told, f"{_words(told)}, as told"
    elif day_votes:
        order, how = "day_first", f"day first, decided by values such as {day_example}"
    elif month_votes:
        order, how = "month_first", f"month first, decided by values such as {month_example}"
    elif either and told is not None:
        order, how = told, f"{_words(told)}, as told"
    elif either and dots == either:
        order, how = "day_first", "day first, as days written with dots are"
    elif either:
        example = next(shown(cell) for cell in texts if _is_either(cell))
        raise ImportRefused(
            f"The days in the column '{heading}' can be read with the day or with the month "
            f"first, e.g. {example}, and no value decides. Say --day-first or --month-first."
        )
    else:
        order = None
        kinds = [w for n, w in ((year_first, "year first"), (named, "month by name")) if n]
        how = " and ".join(kinds) or ("plain numbers of milliseconds" if clocks else "empty")
    if clocks and not days_are_days:
        how += f", times without a zone in {zone.key}"
    return DayColumn(heading=heading, order=order, how=how, zone=zone, days_are_days=days_are_days)


def _words(order: Order) -> str:
    return "day first" if order == "day_first" else "month first"


def _is_either(cell: Cell) -> bool:
    try:
        split = _split(cell)
    except ValueFault:
        return False
    return not isinstance(split, datetime) and split.shape == "either"


def _split(cell: Cell) -> _Parts | datetime:
    if isinstance(cell, CellFault):
        raise ValueFault(cell.reason)
    if isinstance(cell, datetime):
        clock = (cell.hour, cell.minute, cell.second, cell.microsecond)
        return _Parts(cell.year, cell.month, cell.day, "year_first", "-", clock, cell.utcoffset())
    if isinstance(cell, date):
        return _Parts(cell.year, cell.month, cell.day, "year_first", "-", None, None)
    if isinstance(cell, int) and not isinstance(cell, bool) and 10**11 <= cell < 10**13:
        return _epoch(cell)
    if not isinstance(cell, str):
        raise ValueFault("is not a day")
    text = cell.strip().strip("\ufeff\u200e\u200f")
    if len(text) > 60:
        raise ValueFault("is not a day")
    if foreign_digits(text):
        raise ValueFault("holds digits other than 0 to 9")
    text = re.sub(r"[\u00a0\u202f\u2009]", " ", text)
    if match := _NUMERIC.fullmatch(text):
        a, b, c = int(match["a"]), int(match["b"]), int(match["c"])
        if len(match["a"]) == 4:
            return _Parts(a, b, c, "year_first", match["sep"], *_clock(match))
        if len(match["a"]) <= 2 and len(match["c"]) in (2, 4):
            year = c if len(match["c"]) == 4 else _century(c)
            return _Parts(a, b, year, "either", match["sep"], *_clock(match))
    for pattern in (_DAY_NAME, _NAME_DAY):
        if (match := pattern.fullmatch(text)) and match["m"].lower() in _MONTHS:
            year = int(match["c"]) if len(match["c"]) == 4 else _century(int(match["c"]))
            parts = (year, _MONTHS[match["m"].lower()], int(match["a"]))
            return _Parts(*parts, "named", " ", *_clock(match))
    if match := _COMPACT.fullmatch(text):
        return _Parts(
            int(match["a"]), int(match["b"]), int(match["c"]), "year_first", "", None, None
        )
    if _MILLISECONDS.fullmatch(text):
        return _epoch(int(text))
    raise ValueFault("is not a day")


def _epoch(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _century(two_digits: int) -> int:
    return 2000 + two_digits if two_digits < 70 else 1900 + two_digits


def _clock(
    match: re.Match[str],
) -> tuple[tuple[int, int, int, int] | None, timedelta | None]:
    offset = None
    if match["z"]:
        sign = match["z"][0]
        if sign in "+-":
            digits = match["z"][1:].replace(":", "").ljust(4, "0")
            hours, minutes = int(digits[:2]), int(digits[2:])
            if hours > 15 or minutes > 59:
                raise ValueFault("holds a time zone that does not exist")
            offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
        else:
            offset = timedelta(0)
    if match["h"] is None:
        return None, offset
    hour = int(match["h"])
    if match["ap"]:
        if not 1 <= hour <= 12:
            raise ValueFault("holds a time that does not exist")
        hour = hour % 12 + (12 if match["ap"][0] in "pP" else 0)
    micro = int((match["f"] or "0").ljust(6, "0")[:6])
    return (hour, int(match["i"]), int(match["s"] or 0), micro), offset


def _day(parts: _Parts, order: Order | None) -> date:
    if parts.shape != "either":
        year, month, day = parts.a, parts.b, parts.c
    elif order == "month_first":
        year, month, day = parts.c, parts.a, parts.b
    else:
        # undecided columns hold no value that differs by order, e.g. 05/05/2026
        year, month, day = parts.c, parts.b, parts.a
    try:
        return date(year, month, day)
    except ValueError:
        reading = f" ({_words(order)})" if parts.shape == "either" and order else ""
        raise ValueFault(f"is a day that does not exist{reading}") from None


def _fits(parts: _Parts, order: Order) -> bool:
    try:
        _day(parts, order)
    except ValueFault:
        return False
    return True


def _checked(at: datetime, *, day_only: bool, cell: Cell) -> Moment:
    if not EARLIEST <= at.date() <= LATEST:
        raise ValueFault("is a day before 1970 or after 2100")
    return Moment(at=at, day_only=day_only)
