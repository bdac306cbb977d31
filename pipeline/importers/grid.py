"""The grid of cells that every reader hands over: headings, rows by position, line numbers.

Here are the types, the limits and `assemble`, which finds the heading row and brings every row
to its width. `table.py` is the door.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal


class ImportRefused(Exception):
    """The whole file is refused; the message is a sentence for the person importing."""

    @property
    def sentence(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may hold. The same numbers bind the command and the upload."""

    bytes: int = 20_000_000
    rows: int = 200_000
    columns: int = 1_000
    unpacked_bytes: int = 200_000_000
    unpacked_ratio: int = 100
    archive_members: int = 2_000
    heading_search: int = 30  # a formatted report has title lines above its headings


@dataclass(frozen=True, slots=True)
class CellFault:
    """A cell that is known to be no value, e.g. a spreadsheet error; `shown` is what it held."""

    reason: str
    shown: str


_TOTAL = re.compile(r"(?:grand |sub)?totals?\b|sum\b|gesamt", re.IGNORECASE)

Cell = str | int | float | bool | datetime | date | time | CellFault | None
HeadingScore = Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: the line of the file (row of the sheet) on which it begins."""

    line: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that could not be split into the table's columns."""

    line: int
    reason: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class TableFormat:
    """How the file was read: printed, so that a wrong guess is seen at once."""

    kind: Literal["csv", "xlsx"]
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None

    def sentence(self) -> str:
        if self.kind == "xlsx":
            return f"XLSX workbook, sheet '{self.sheet}'"
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
        delimiter = self.delimiter or ","
        return f"text, {self.encoding}, separated by {names.get(delimiter, repr(delimiter))}"


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows by position. Every row has exactly `len(headings)` cells."""

    name: str
    format: TableFormat
    heading_line: int
    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    broken: tuple[BrokenRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RawRow:
    """A record as the reader of one format gave it, before the heading row is known.

    `fault` says why the record could not be split into cells.
    """

    line: int
    cells: tuple[Cell, ...]
    fault: str | None = None


def too_large(name: str, size: int, limits: Limits) -> str:
    return (
        f"{name} has {size / 1e6:,.1f} MB; an import takes up to {limits.bytes / 1e6:,.0f} MB. "
        "Split the export."
    )


def is_blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip("\ufeff\u200b \t\r\n\xa0"))


def heading_text(cell: Cell) -> str:
    """A heading as text: trimmed, line breaks and repeated blanks folded to one blank."""
    if cell is None:
        return ""
    if isinstance(cell, CellFault):
        return cell.shown
    return " ".join(str(cell).replace("\ufeff", "").split())


def assemble(
    records: Sequence[RawRow],
    *,
    name: str,
    table_format: TableFormat,
    limits: Limits,
    heading_score: HeadingScore | None,
    notes: Sequence[str],
    short_rows_are_padded: bool,
) -> Table:
    """Find the heading row among the records and bring every row to its width.

    A text row with fewer cells than headings was probably split in the wrong place and is
    broken; a sheet simply does not store trailing empty cells (`short_rows_are_padded`).
    """
    notes = list(notes)
    filled = [r for r in records if r.fault is not None or not all(map(is_blank, r.cells))]
    if not filled:
        raise ImportRefused(f"{name} is empty: it holds no headings and no rows.")
    index = _heading_index(filled, limits, heading_score)
    heading = filled[index]
    texts = [heading_text(cell) for cell in heading.cells]
    while texts and not texts[-1]:
        texts.pop()  # trailing separators of some exporters
    if len(texts) > limits.columns:
        raise ImportRefused(
            f"{name} has {len(texts):,} columns; an import takes up to {limits.columns:,}."
        )
    body = filled[index + 1 :]
    if len(body) > limits.rows:
        raise ImportRefused(
            f"{name} has {len(body):,} rows; an import takes up to {limits.rows:,}. "
            "Split the export, or raise --limit."
        )
    width = len(texts)
    blank = len(records) - len(filled)
    if blank:
        notes.append(f"{blank:,} empty rows were passed over.")
    if index:
        notes.append(f"{index} title lines above the headings were passed over.")
        body, dropped = _without_tail(body, width)
        if dropped:
            notes.append(f"{dropped} closing lines below the table were passed over.")
    rows: list[Row] = []
    broken: list[BrokenRow] = []
    for record in body:
        cells = record.cells
        if record.fault is not None:
            broken.append(BrokenRow(record.line, record.fault, cells))
        elif len(cells) == width:
            rows.append(Row(record.line, cells))
        elif len(cells) > width:
            if all(is_blank(cell) for cell in cells[width:]):
                rows.append(Row(record.line, cells[:width]))
            else:
                reason = f"The row has {len(cells)} cells, the headings are {width}."
                broken.append(BrokenRow(record.line, reason, cells))
        elif short_rows_are_padded:
            rows.append(Row(record.line, cells + (None,) * (width - len(cells))))
        else:
            reason = f"The row has {len(cells)} cells, the headings are {width}."
            broken.append(BrokenRow(record.line, reason, cells))
    return Table(
        name=name,
        format=table_format,
        heading_line=heading.line,
        headings=tuple(texts),
        rows=tuple(rows),
        broken=tuple(broken),
        notes=tuple(notes),
    )


def _heading_index(
    records: Sequence[RawRow], limits: Limits, heading_score: HeadingScore | None
) -> int:
    if heading_score is None:
        return 0
    best, best_score = 0, 0
    for index, record in enumerate(records[: limits.heading_search]):
        if record.fault is not None or len(record.cells) > 20_000:
            continue
        score = heading_score([heading_text(cell) for cell in record.cells])
        if score > best_score:
            best, best_score = index, score
    return best


def _without_tail(body: Sequence[RawRow], width: int) -> tuple[list[RawRow], int]:
    """Drop what stands below a formatted report: totals, and notes of one or two cells."""
    kept = list(body)
    while kept and kept[-1].fault is None:
        filled = [heading_text(cell) for cell in kept[-1].cells if not is_blank(cell)]
        is_total = bool(filled) and _TOTAL.match(filled[0]) is not None
        if not is_total and (len(filled) > 2 or len(filled) * 2 >= width):
            break
        kept.pop()
    return kept, len(body) - len(kept)
