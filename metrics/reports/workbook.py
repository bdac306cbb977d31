"""A report as XLSX: a sheet a section with real numbers, and what every number means.

A share is a fraction with a percent format, money a number with its currency, a day a date. Text
is never a formula, whatever it begins with.
"""

import re
from collections.abc import Sequence
from datetime import date
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font

from metrics.reports.document import Cell, Report, Section, Term, Unit

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_A_SHEET = re.compile(r"[\[\]:*?/\\']")
_CELL_LENGTH = 32_767
_FORMATS: dict[Unit, str] = {
    "count": "#,##0",
    "average": "#,##0.0",
    "share": "0.0%",
    "points": "+0.0%;-0.0%;0.0%",
    "days": "#,##0.0",
    "effect": "0.0000",
    "day": "yyyy-mm-dd",
}
_HEAD, _TITLE = Font(bold=True), Font(bold=True, size=14)
_WRAPPED = Alignment(wrap_text=True, vertical="top")


def write_workbook(
    report: Report, *, terms: Sequence[Term], about: str, definitions: tuple[str, str, str]
) -> bytes:
    """The file. `about` names the first sheet; `definitions` the last one and its two columns."""
    book = Workbook(write_only=True)
    used: set[str] = set()
    sheet = _sheet(book, about, used)
    _line(sheet, report.title, font=_TITLE)
    for text in (report.company, *report.lines, *report.warnings, *report.summary):
        _line(sheet, text)
    for text in report.signature:
        _line(sheet, text)
    for section in report.sections:
        _section(_sheet(book, section.title, used), section, report.currency)
    name, term, meaning = definitions
    sheet = _sheet(book, name, used)
    sheet.append([_text(sheet, head, font=_HEAD) for head in (term, meaning)])
    for one in terms:
        sheet.append([_text(sheet, one.name), _text(sheet, one.text, wrapped=True)])
    sheet.column_dimensions["B"].width = 120
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _sheet(book: Any, title: str, used: set[str]) -> Any:
    """A sheet of its own name: 31 characters, none of those that Excel keeps for itself."""
    name = _NOT_A_SHEET.sub(" ", _xml(title)).strip()[:31] or "-"
    base, number = name, 2
    while name.casefold() in used:
        name = f"{base[:28]} {number}"
        number += 1
    used.add(name.casefold())
    sheet = book.create_sheet(name)
    sheet.column_dimensions["A"].width = 44
    for letter in "BCDEFGHIJKLMNO":
        sheet.column_dimensions[letter].width = 18
    return sheet


def _section(sheet: Any, section: Section, currency: str) -> None:
    _line(sheet, section.title, font=_TITLE)
    for text in section.sentences:
        _line(sheet, text)
    table = section.table
    if table is not None and table.rows:
        sheet.append([])
        places = table.shown("file")
        sheet.append([_text(sheet, table.columns[p].name, font=_HEAD) for p in places])
        for row in table.rows:
            sheet.append([_cell(sheet, row[p], currency) for p in places])
        if table.note:
            _line(sheet, table.note)
    if section.items:
        sheet.append([])
    for item in section.items:
        sheet.append([_text(sheet, t) for t in (item.title, item.tag, *item.lines)])
        for quote in item.quotes:
            sheet.append([None, _text(sheet, quote.text), _text(sheet, quote.source)])
    for text in section.notes:
        _line(sheet, text)


def _line(sheet: Any, text: str, *, font: Font | None = None) -> None:
    sheet.append([_text(sheet, text, font=font)])


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _text(sheet: Any, text: str, *, font: Font | None = None, wrapped: bool = False) -> Any:
    cell = WriteOnlyCell(sheet, value=_xml(text)[:_CELL_LENGTH])
    cell.data_type = "s"  # never "f", whatever it begins with
    if font is not None:
        cell.font = font
    if wrapped:
        cell.alignment = _WRAPPED
    return cell


def _cell(sheet: Any, cell: Cell, currency: str) -> Any:
    """The number where there is one, else the reason why there is none."""
    value = cell.value
    if value is None:
        return _text(sheet, cell.text) if cell.text else None
    if isinstance(value, str) or cell.unit == "text":
        return _text(sheet, str(value))
    made = WriteOnlyCell(sheet, value=value)
    code = currency if re.fullmatch("[A-Z]{3}", currency) else ""
    money = f'#,##0.00 "{code}"' if code else "#,##0.00"
    made.number_format = money if cell.unit == "money" else _FORMATS[cell.unit]
    assert isinstance(value, int | float | date)
    return made
