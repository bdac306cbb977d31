"""Tables as CSV and XLSX files: typed cells, and no text that a spreadsheet would run.

Pure: rows in, bytes out into a file that is handed over. Every download of facts goes through
here. Numbers stay numbers and days stay days; in CSV a text that a spreadsheet would take for a
formula gets a leading apostrophe, in XLSX it is marked as text.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

Value = str | int | Decimal | date | bool | None

_FORMULA = ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠")
_BREAKS = ("\t", "\r", "\n")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CELL_LENGTH = 32_767  # what a cell of a workbook holds


def inert(text: str) -> str:
    """The text as a CSV cell that no spreadsheet runs, nor breaks at a NUL.

    Leading blanks do not hide a formula: some programs drop them.
    """
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    text = text.encode("utf-8", "replace").decode("utf-8")
    if text.startswith(_BREAKS) or text.lstrip().startswith(_FORMULA):
        return f"'{text}"
    return text


def _csv_cell(value: Value) -> str | int:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return value
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case str():
            return inert(value)


def write_csv(file: IO[bytes], *, headings: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
    """UTF-8 with its mark (Excel needs it), commas, ISO days, points in numbers."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([inert(heading) for heading in headings])
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])
    text.flush()
    text.detach()  # the file stays open: it is the caller's


def write_xlsx(
    file: IO[bytes], *, title: str, headings: Sequence[str], rows: Iterable[Sequence[Value]]
) -> None:
    """One sheet with a frozen head; numbers and days are typed, everything else is text."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", _xml(title))[:31] or "Deals")
    sheet.freeze_panes = "A2"
    head = [_text_cell(sheet, heading) for heading in headings]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    for row in rows:
        sheet.append([_xlsx_cell(sheet, value) for value in row])
    book.save(file)


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _text_cell(sheet: object, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=_xml(text)[:_CELL_LENGTH])
    cell.data_type = "s"  # never "f", whatever it begins with
    return cell


def _xlsx_cell(sheet: object, value: Value) -> Any:
    match value:
        case None:
            return None
        case bool():
            return _text_cell(sheet, "yes" if value else "no")
        case str():
            return _text_cell(sheet, value) if value else None
        case date():
            cell = WriteOnlyCell(sheet, value=value)
            cell.number_format = "yyyy-mm-dd"
            return cell
        case _:
            return WriteOnlyCell(sheet, value=value)
