"""What does a cell mean? Days, amounts and text, read as their whole COLUMN decides.

One value such as `03/04/2026` or `1.054` cannot tell how it is meant; the other values of its
column usually can. So a column is decided first (`decide_days` in days.py, `decide_amounts` in
amounts.py) and read afterwards. A cell that does not fit raises `ValueFault` with a reason for
the person importing; nothing is guessed per cell and nothing is repaired silently.
"""

import re
from datetime import date, datetime, time

from pipeline.importers.grid import Cell, CellFault

# Written by exporters for "nothing", in columns of days and amounts only.
NOTHING = frozenset(("", "-", "--", "\u2013", "\u2014", "n/a", "na", "null", "none", "nan", "nat"))

_SHOWN = 60
_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060"
_SURROGATE = re.compile("[\ud800-\udfff]")


class ValueFault(ValueError):
    """A cell cannot be taken; the message continues a sentence that names the column."""


def shown(cell: Cell) -> str:
    """A cell as it is quoted in a message: short, printable, on one line."""
    text = original(cell)
    text = "".join(ch if ch.isprintable() else "\u00b7" for ch in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "\u2026"


def original(cell: Cell) -> str:
    """A cell as text, as the file had it (a day of a sheet as ISO, a number plainly)."""
    if cell is None:
        return ""
    if isinstance(cell, CellFault):
        return cell.shown
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, int):
        return integer_text(cell)
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        return repr(cell)
    return cell


def integer_text(value: int) -> str:
    """Digits of a whole number; Python refuses to write one of thousands of digits."""
    try:
        return str(value)
    except ValueError:
        return hex(value)


def read_text(cell: Cell, *, longest: int) -> str:
    """Text, trimmed, on one line; "" for an empty cell.

    Raises ValueFault: a spreadsheet error, a NUL or broken character, longer than `longest`.
    """
    if cell is None:
        return ""
    if isinstance(cell, CellFault):
        raise ValueFault(cell.reason)
    text = original(cell)
    if text.isascii() and text.isprintable():  # most are plain
        return _not_too_long(text.strip(), longest)
    if "\0" in text:
        raise ValueFault("holds a zero byte (NUL), which text cannot hold")
    if _SURROGATE.search(text):
        raise ValueFault("holds bytes that are no valid character")
    if any(ch in text for ch in _INVISIBLE):
        text = text.translate(dict.fromkeys(map(ord, _INVISIBLE)))
    text = " ".join(text.splitlines()).strip() if not text.isprintable() else text.strip()
    text = "".join(ch for ch in text if ch >= " " and ch != "\x7f")
    return _not_too_long(text, longest)


def _not_too_long(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValueFault(f"is {len(text):,} characters long; up to {longest} are kept")
    return text


def read_id(cell: Cell, *, longest: int) -> str:
    """An id as text. A number of a sheet with more than 15 digits was rounded by the sheet."""
    if isinstance(cell, float) and (not cell.is_integer() or abs(cell) >= 1e15):
        raise ValueFault("is a number that the spreadsheet may have rounded; store ids as text")
    if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) >= 10**15:
        raise ValueFault("is a number that the spreadsheet may have rounded; store ids as text")
    return read_text(cell, longest=longest)


_YES = frozenset(("true", "yes", "y", "1", "ja", "oui", "si", "s\u00ed", "wahr", "vrai", "x"))
_NO = frozenset(("false", "no", "n", "0", "nein", "non", "falsch", "faux", ""))


def read_yes_no(cell: Cell) -> bool | None:
    """Yes, no, or None for an empty cell. Raises ValueFault for anything else."""
    if isinstance(cell, bool):
        return cell
    text = read_text(cell, longest=1_000).casefold()
    if text in _YES:
        return True
    if text in _NO:
        return False if text else None
    raise ValueFault("is neither yes nor no")


def is_nothing(cell: Cell) -> bool:
    """An empty cell of a column of days or amounts, or a word for nothing."""
    if cell is None:
        return True
    return isinstance(cell, str) and cell.strip().casefold() in NOTHING


def foreign_digits(text: str) -> bool:
    """Digits other than 0 to 9 (full-width, Arabic-Indic): Python would read them silently."""
    return any(ch.isdigit() and not "0" <= ch <= "9" for ch in text)
