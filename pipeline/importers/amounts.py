"""Amounts of a column: is `1.054` a thousand, or one and a bit?

The decimal mark is decided from all values of a column; currency signs and codes are read from
the value or its own column. Decimal throughout, never float arithmetic.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from pipeline.importers.grid import Cell, CellFault, ImportRefused
from pipeline.importers.values import ValueFault, foreign_digits, is_nothing, original, shown

DECIMALS = 2
LARGEST = Decimal("9999999999999.99")  # 13 digits before the mark

_SIGNS = {
    "\u20ac": ("EUR",), "\u00a3": ("GBP",), "\u20bd": ("RUB",), "\u20b9": ("INR",),
    "z\u0142": ("PLN",), "k\u010d": ("CZK",), "ft": ("HUF",), "r$": ("BRL",), "\u20ba": ("TRY",),
    "\u20a9": ("KRW",), "\u20aa": ("ILS",), "\u20ab": ("VND",), "\u20b4": ("UAH",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "CLP", "COP", "ARS"),
    "us$": ("USD",), "a$": ("AUD",), "c$": ("CAD",), "ca$": ("CAD",), "nz$": ("NZD",),
    "\u00a5": ("JPY", "CNY"), "kr": ("SEK", "NOK", "DKK", "ISK"), "kr.": ("DKK",),
    "fr.": ("CHF",), "sfr.": ("CHF",),
}  # fmt: skip
_BLANKS = re.compile(r"[\s\u00a0\u202f\u2009']|\u2019")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[.,]\d+", re.ASCII)
_SCIENTIFIC = re.compile(r"[+-]?\d{1,20}(?:[.,]\d{1,20})?[eE][+-]?\d{1,4}", re.ASCII)
_CODE = re.compile(r"[A-Za-z]{3}", re.ASCII)
_BY_LENGTH = tuple(sorted(_SIGNS.items(), key=lambda item: -len(item[0])))
_CENT = Decimal(1).scaleb(-DECIMALS)


@dataclass(frozen=True, slots=True)
class AmountColumn:
    """How the amounts of one column are read, and how that was decided."""

    heading: str
    mark: str | None  # the decimal mark, None where no value has a mark
    how: str

    def read(self, cell: Cell) -> tuple[Decimal | None, tuple[str, ...]]:
        """(amount or None for an empty cell, the currencies its sign may stand for).

        Raises ValueFault.
        """
        if is_nothing(cell):
            return None, ()
        if isinstance(cell, CellFault):
            raise ValueFault(cell.reason)
        if isinstance(cell, bool) or not isinstance(cell, (int, float, str)):
            raise ValueFault("is not an amount")
        if isinstance(cell, (int, float)):
            return _money(_decimal_of_number(cell), from_float=isinstance(cell, float)), ()
        negative, number, currencies = _strip(cell)
        plain = _SCIENTIFIC.fullmatch(number) is None
        value = _plain(number, self.mark) if plain else _scientific(number)
        return _money(-value if negative else value, from_float=False), currencies


def decide_amounts(heading: str, cells: Iterable[Cell], *, told: str | None = None) -> AmountColumn:
    """Decide the decimal mark of a column. `told` ("." or ",") overrules.

    Raises ImportRefused when values contradict each other.
    """
    if told is not None:
        if told not in (".", ","):
            raise ImportRefused("The decimal mark is '.' or ','.")
        return AmountColumn(heading, told, f"decimal mark '{told}', as told")
    votes = {".": 0, ",": 0}
    examples = {".": "", ",": ""}
    unsure: dict[str, str] = {}
    marked = False
    cells = list(cells)
    for cell in dict.fromkeys(c for c in cells if isinstance(c, str)):
        if is_nothing(cell):
            continue
        try:
            _, number, _ = _strip(cell)
        except ValueFault:
            continue
        if "." not in number and "," not in number:
            continue
        marked = True
        mark = _mark_of(number)
        if mark in votes:
            if not _is_well_formed(number, mark):
                continue
            votes[mark] += 1
            examples[mark] = shown(cell)
        elif mark is not None:
            unsure.setdefault(mark[1], shown(cell))
    if votes["."] and votes[","]:
        raise ImportRefused(
            f"The column '{heading}' writes amounts in two ways ('{examples['.']}' and "
            f"'{examples[',']}'). Say --decimal-mark . or , and the others are reported."
        )
    for mark in (".", ","):
        if votes[mark]:
            how = f"decimal mark '{mark}', decided by values such as {examples[mark]}"
            return AmountColumn(heading, mark, how)
    if len(unsure) > 1:
        raise ImportRefused(
            f"The column '{heading}' holds amounts such as {unsure['.']} and {unsure[',']}, and "
            "no value decides which sign is the decimal mark. Say --decimal-mark . or ,."
        )
    if unsure:
        grouping, example = next(iter(unsure.items()))
        mark = "," if grouping == "." else "."
        how = f"'{grouping}' taken for a thousands separator, as in {example} (--decimal-mark)"
        return AmountColumn(heading, mark, how)
    if any(isinstance(cell, (int, float)) for cell in cells):
        return AmountColumn(heading, None, "numbers of the sheet")
    return AmountColumn(heading, None, "plain numbers" if marked else "whole numbers")


def _mark_of(number: str) -> str | None:
    """The decimal mark that one value proves; "?." or "?," when a single sign before exactly
    three digits may be either; None when it proves nothing or is malformed."""
    dots, commas = number.count("."), number.count(",")
    if dots and commas:
        last = "." if number.rfind(".") > number.rfind(",") else ","
        return last if number.count(last) == 1 else None
    sign = "." if dots else ","
    if dots + commas > 1:
        return "," if sign == "." else "."  # a sign that repeats separates thousands
    whole, _, rest = number.partition(sign)
    if len(rest) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0"):
        return "?" + sign
    return sign


def _strip(cell: str) -> tuple[bool, str, tuple[str, ...]]:
    """(negative, the digits with their signs, currencies) of a value. Raises ValueFault."""
    text = cell.strip().strip("\ufeff\u200e\u200f")
    if len(text) > 60:
        raise ValueFault(f"is {len(text):,} characters long and no amount")
    if _NUMBER.fullmatch(text):  # most are plain
        return False, text, ()
    if foreign_digits(text):
        raise ValueFault("holds digits other than 0 to 9")
    text = _BLANKS.sub("", text.replace("\u2212", "-"))
    negative = False
    if text.startswith("(") and text.endswith(")"):
        negative, text = True, text[1:-1]
    currencies: tuple[str, ...] = ()
    for _ in range(3):  # sign and currency stand on either side, in any order
        if text.startswith("-") and not negative:
            negative, text = True, text[1:]
        elif text.endswith("-") and not negative:
            negative, text = True, text[:-1]
        elif text.startswith("+"):
            text = text[1:]
        rest, found = _without_currency(text)
        if not found:
            break
        if currencies and currencies != found:
            raise ValueFault("names two currencies")
        text, currencies = rest, found
    if _SCIENTIFIC.fullmatch(text) or _NUMBER.fullmatch(text):
        return negative, text, currencies
    raise ValueFault("is not an amount")


def _without_currency(text: str) -> tuple[str, tuple[str, ...]]:
    low = text.casefold()
    for sign, codes in _BY_LENGTH:
        if low.startswith(sign):
            return text[len(sign) :], codes
        if low.endswith(sign):
            return text[: -len(sign)], codes
    if len(text) > 3:
        for code, rest in ((text[:3], text[3:]), (text[-3:], text[:-3])):
            if _CODE.fullmatch(code):
                return rest, (code.upper(),)
    return text, ()


def _scientific(number: str) -> Decimal:
    try:
        value = Decimal(number.replace(",", "."))
    except InvalidOperation:
        raise ValueFault("is not an amount") from None
    if value.adjusted() > 13:
        raise ValueFault("is larger than any amount kept here")
    return value


def _plain(number: str, mark: str | None) -> Decimal:
    mark = mark or "."
    grouping = "," if mark == "." else "."
    whole, sign, rest = number.partition(mark)
    if grouping in rest or mark in rest:
        raise ValueFault(f"does not fit the decimal mark '{mark}' of its column")
    if grouping in whole:
        first, *groups = whole.split(grouping)
        # Indian grouping has pairs before the last three digits
        if (
            not 1 <= len(first) <= 3
            or len(groups[-1]) != 3
            or any(len(group) not in (2, 3) for group in groups)
        ):
            raise ValueFault(f"does not fit the decimal mark '{mark}' of its column")
        whole = first + "".join(groups)
    return Decimal(f"{whole or '0'}.{rest}" if sign else whole)


def _is_well_formed(number: str, mark: str) -> bool:
    if _SCIENTIFIC.fullmatch(number):
        return True
    try:
        _plain(number, mark)
    except ValueFault:
        return False
    return True


def _decimal_of_number(cell: int | float) -> Decimal:
    if isinstance(cell, int):
        if abs(cell) >= 10**15:
            raise ValueFault("is larger than any amount kept here")
        return Decimal(cell)
    try:
        return Decimal(repr(cell))
    except InvalidOperation:
        raise ValueFault("is not an amount") from None


def _money(value: Decimal, *, from_float: bool) -> Decimal:
    if value.adjusted() > 13 or abs(value) > LARGEST:
        raise ValueFault("is larger than any amount kept here")
    rounded = value.quantize(_CENT, rounding=ROUND_HALF_EVEN)
    if rounded == value:
        return rounded
    # a sheet computes in binary: 1054.3300000000002 is 1054.33
    if from_float and abs(value - rounded) <= abs(value) * Decimal("1e-12"):
        return rounded
    raise ValueFault(f"has more than {DECIMALS} decimals, which would be lost")


def currency_of(found: tuple[str, ...], *, preferred: str) -> str | None:
    """The currency a sign means: the company's own where the sign may stand for it."""
    if not found:
        return None
    return preferred if preferred in found else found[0]


def read_currency(cell: Cell) -> str | None:
    """An ISO code from a currency column, or the sign it holds; None for an empty cell."""
    if is_nothing(cell):
        return None
    if isinstance(cell, CellFault):
        raise ValueFault(cell.reason)
    text = original(cell).strip()
    if _CODE.fullmatch(text):
        return text.upper()
    found = _SIGNS.get(text.casefold())
    if found and len(found) == 1:
        return found[0]
    raise ValueFault("is not a currency code such as EUR")
