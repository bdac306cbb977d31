"""The shape of a report: sentences, tables of typed cells, pictures by name.

One frozen `Report` is built from the figures; page, print, PDF and XLSX are all made from it, so
that no figure can differ between them.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

Unit = Literal["text", "count", "average", "money", "share", "points", "days", "effect", "day"]
Where = Literal["both", "page", "file"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure twice: `text` as people read it, `value` as programs do.

    `value` is None where there is no figure; then `text` says why, or is empty. Shares and points
    are fractions (0.234), money is in the report's currency, days are whole or mean days.
    """

    text: str
    value: str | int | float | date | None = None
    unit: Unit = "text"
    tone: str = ""  # better, worse, or the name of a verdict

    @property
    def numeric(self) -> bool:
        """Is it written as a number in a file?"""
        return self.unit != "text"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `anchor` is its definition. `where`: a bound of an interval is a column of its own
    in a file, and stands in one cell for people."""

    name: str
    anchor: str = ""
    numeric: bool = True
    where: Where = "both"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, in the order of the columns; the first column names the row."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def shown(self, where: Where) -> tuple[int, ...]:
        """Which columns stand on the page, or in the file."""
        return tuple(
            place for place, column in enumerate(self.columns) if column.where in ("both", where)
        )

    @property
    def page_columns(self) -> tuple[Column, ...]:
        return tuple(self.columns[place] for place in self.shown("page"))

    @property
    def page_rows(self) -> tuple[tuple[tuple[Column, Cell], ...], ...]:
        """What people read: (column, cell) of each row."""
        places = self.shown("page")
        return tuple(tuple((self.columns[p], row[p]) for p in places) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Quote:
    """Somebody's words, and where they come from."""

    text: str
    source: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a list: a danger point, an experiment, a bet. `path` is its page."""

    title: str
    tag: str = ""
    tone: str = ""
    lines: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report. `picture` is the name of its drawing, "" without one."""

    key: str
    title: str
    anchor: str
    sentences: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    table: Table | None = None
    items: tuple[Item, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """One definition: a heading with its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report, ready to be written. `lines` say what it is of and how far it can be
    believed; `signature` who stands behind it."""

    title: str
    company: str
    quarter: str
    label: str  # the quarter as in addresses: 2026-Q1
    printed: str
    currency: str
    language: str
    direction: Literal["ltr", "rtl"]
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    signature: tuple[str, ...]
