"""Exchange rates as people paste them: a line a rate, or a table of months and currencies.

Pure. A line holds a month, a currency and a number in any order: "2026-03 USD 0.92". A table
begins with a line of currencies, and every further line with its month. Columns are parted by
tabs, semicolons or blanks; a number may have a decimal comma.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

_CURRENCY = re.compile(r"[A-Za-z]{3}")
_MONTHS = (
    (re.compile(r"((?:19|20|21)\d\d)[-/](\d{1,2})(?:[-/]\d{1,2})?"), (1, 2)),
    (re.compile(r"(?:\d{1,2}/)?(\d{1,2})/((?:19|20|21)\d\d)"), (2, 1)),
    # With dots only whole days: 1.2026 is a rate.
    (re.compile(r"\d{1,2}\.(\d{1,2})\.((?:19|20|21)\d\d)"), (2, 1)),
)
_NUMBER = re.compile(r"\d{1,10}(?:[.,]\d{1,10})?")
MOST_LINES = 2_000


@dataclass(frozen=True, slots=True)
class RateLine:
    """One rate that was read. `month` is the first day of its month."""

    currency: str
    month: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class RateLines:
    """What a text holds: its rates, and a sentence for each line that cannot be read."""

    rates: tuple[RateLine, ...]
    problems: tuple[str, ...]


def month_of(text: str) -> date | None:
    """The first day of the month that a text names: 2026-03, 2026-03-31, 03/2026."""
    for pattern, (year, month) in _MONTHS:
        found = pattern.fullmatch(text)
        if found is not None:
            try:
                return date(int(found[year]), int(found[month]), 1)
            except ValueError:
                return None
    return None


def rate_of(text: str) -> Decimal | None:
    """A rate as it is kept: above zero, at most ten digits on either side. None for others."""
    plain = text.strip()
    if not _NUMBER.fullmatch(plain):
        return None
    try:
        rate = Decimal(plain.replace(",", "."))
    except InvalidOperation:
        return None
    return rate if rate > 0 else None


def read_rates(text: str) -> RateLines:
    """Read pasted rates. The last one of a month and currency holds."""
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
    if len(lines) > MOST_LINES:
        return RateLines((), (f"These are more than {MOST_LINES:,} lines. Paste fewer.",))
    if not lines:
        return RateLines((), ("Paste at least one line.",))
    heading = _heading(_cells(lines[0]))
    rates: dict[tuple[str, date], RateLine] = {}
    problems: list[str] = []
    for number, line in enumerate(lines[1:] if heading else lines, start=2 if heading else 1):
        read = _row(heading, line) if heading else _line(line)
        if isinstance(read, str):
            problems.append(f"Line {number}: {read}")
            continue
        rates.update({(rate.currency, rate.month): rate for rate in read})
    return RateLines(tuple(rates.values()), tuple(problems))


def _cells(line: str) -> list[str]:
    if "\t" in line:
        return [cell.strip() for cell in line.split("\t")]
    if ";" in line:
        return [cell.strip() for cell in line.split(";")]
    # A comma parts columns only where it cannot be a decimal one: before a blank or a letter.
    return re.sub(r",(?=\s|[A-Za-z])|(?<=[A-Za-z]),", " ", line).split()


def _heading(cells: list[str]) -> tuple[str, ...]:
    """The currencies of a table's first line; () where there is no table."""
    named = cells[1:] if cells and (not cells[0] or not _CURRENCY.fullmatch(cells[0])) else cells
    if named and all(_CURRENCY.fullmatch(cell) for cell in named) and month_of(cells[0]) is None:
        return tuple(cell.upper() for cell in named)
    return ()


def _row(currencies: tuple[str, ...], line: str) -> list[RateLine] | str:
    month_text, *cells = _cells(line)
    month = month_of(month_text)
    if month is None:
        return f"{month_text[:40]} is no month. Write it as 2026-03."
    if len(cells) > len(currencies):
        return "There are more rates than currencies."
    found = []
    for currency, cell in zip(currencies, cells, strict=False):
        if not cell:
            continue
        rate = rate_of(cell)
        if rate is None:
            return f"{cell[:40]} is no rate. Write a number above zero, such as 0.92."
        found.append(RateLine(currency, month, rate))
    return found


def _line(line: str) -> list[RateLine] | str:
    month: date | None = None
    currency, rate = "", None
    cells = [cell for cell in _cells(line) if cell]
    for cell in cells:
        named = month_of(cell)
        if named is not None and month is None:
            month = named
        elif _CURRENCY.fullmatch(cell) and not currency:
            currency = cell.upper()
        elif rate is None and rate_of(cell) is not None:
            rate = rate_of(cell)
        else:
            return f"{cell[:40]} is not understood. Write a line as 2026-03 USD 0.92."
    if month is None or not currency or rate is None:
        return "A month, a currency and a rate belong here. Write it as 2026-03 USD 0.92."
    return [RateLine(currency, month, rate)]
