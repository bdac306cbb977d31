"""What is in this file? A table of cells by position, with the line each row stands on.

`read_table` takes the bytes of a CSV, TSV or XLSX file and gives headings and rows; it decides
encoding, delimiter and the heading row, and says what it decided. Nothing here knows what a
deal is. Columns are kept by position, because real exports repeat headings.

A file that is no table, or is larger than the limits, is refused with a sentence
(`ImportRefused`). A row that cannot be split into cells does not stop the others: it comes back
as a `BrokenRow` with its reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
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


def read_bytes(path: Path, *, limits: Limits) -> bytes:
    """The bytes of a file that was named on the command line.

    Raises ImportRefused: no such file, a folder, not readable, empty, larger than the limit.
    """
    try:
        if path.is_dir():
            raise ImportRefused(f"{path} is a folder, not a file.")
        size = path.stat().st_size
        if size > limits.bytes:
            raise ImportRefused(too_large(path.name, size, limits))
        with path.open("rb") as handle:
            data = handle.read(limits.bytes + 1)
    except FileNotFoundError:
        raise ImportRefused(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImportRefused(f"{path} cannot be read: {reason}.") from None
    if len(data) > limits.bytes:
        raise ImportRefused(too_large(path.name, len(data), limits))
    return data


def too_large(name: str, size: int, limits: Limits) -> str:
    return (
        f"{name} has {size / 1e6:,.1f} MB; an import takes up to {limits.bytes / 1e6:,.0f} MB. "
        "Split the export."
    )


def read_table(
    data: bytes,
    *,
    name: str,
    limits: Limits | None = None,
    heading_score: HeadingScore | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
) -> Table:
    """Read a CSV, TSV or XLSX file.

    `heading_score` says how much a row looks like the headings that the caller hopes for; the
    best of the first rows is the heading row, the first one when none scores. `encoding`,
    `delimiter` and `sheet` overrule what would be detected.

    Raises ImportRefused with a sentence.
    """
    from pipeline.importers import sniff, text_table, workbook

    limits = limits or Limits()
    if len(data) > limits.bytes:
        raise ImportRefused(too_large(name, len(data), limits))
    kind = sniff.kind_of(data, name=name)
    if kind == "xlsx":
        return workbook.read_workbook(
            data, name=name, limits=limits, sheet=sheet, heading_score=heading_score
        )
    if sheet is not None:
        raise ImportRefused(f"{name} is a text file; --sheet is for XLSX workbooks.")
    return text_table.read_text_table(
        data,
        name=name,
        limits=limits,
        heading_score=heading_score,
        encoding=encoding,
        delimiter=delimiter,
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
    """Drop the totals and notes below a formatted report: rows of one or two filled cells."""
    kept = list(body)
    while kept and kept[-1].fault is None:
        filled = sum(1 for cell in kept[-1].cells if not is_blank(cell))
        if filled > 2 or filled * 2 >= width:
            break
        kept.pop()
    return kept, len(body) - len(kept)
