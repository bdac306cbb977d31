"""Rows of an XLSX workbook, read only after its archive was found harmless.

openpyxl reads in its streaming mode with defusedxml; formulas are never computed here: their
last stored value is taken, and a formula without one is a fault of its cell.
"""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from math import isfinite
from typing import Any

from pipeline.importers.grid import (
    Cell,
    CellFault,
    HeadingScore,
    ImportRefused,
    Limits,
    RawRow,
    Table,
    TableFormat,
    assemble,
    heading_text,
    is_blank,
)

_ERRORS = frozenset(
    ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#SPILL!", "#CALC!")
)
_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")


def check_archive(data: bytes, *, name: str, limits: Limits) -> None:
    """Refuse an archive that unpacks to too much, before anything of it is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            encrypted = any(member.flag_bits & 1 for member in members)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        raise ImportRefused(f"{name} is a damaged XLSX file.") from None
    if encrypted:
        raise ImportRefused(f"{name} has a password. Save it without one.")
    if len(members) > limits.archive_members:
        raise ImportRefused(f"{name} holds {len(members):,} parts, too many for a workbook.")
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.unpacked_bytes:
        raise ImportRefused(
            f"{name} unpacks to {unpacked / 1e6:,.0f} MB; an import takes up to "
            f"{limits.unpacked_bytes / 1e6:,.0f} MB."
        )
    if unpacked > limits.unpacked_ratio * max(len(data), 1):
        raise ImportRefused(
            f"{name} unpacks to {unpacked // max(len(data), 1):,} times its size, which no "
            "normal workbook does."
        )


def read_workbook(
    data: bytes,
    *,
    name: str,
    limits: Limits,
    sheet: str | None = None,
    heading_score: HeadingScore | None = None,
) -> Table:
    """The table in one sheet of a workbook. Raises ImportRefused with a sentence."""
    check_archive(data, name=name, limits=limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns about what it does not read
            return _read(data, name, limits, sheet, heading_score)
    except ImportRefused:
        raise
    except Exception as error:  # a hostile workbook can raise anything inside the parser
        detail = type(error).__name__
        raise ImportRefused(f"{name} cannot be read as an XLSX workbook ({detail}).") from error


def _open(data: bytes, *, values: bool) -> Any:
    import openpyxl
    from openpyxl import DEFUSEDXML

    if not DEFUSEDXML:
        raise ImportRefused("XLSX files are read only where the package defusedxml is installed.")
    return openpyxl.load_workbook(
        io.BytesIO(data), read_only=True, data_only=values, keep_links=False
    )


def _read(
    data: bytes,
    name: str,
    limits: Limits,
    sheet: str | None,
    heading_score: HeadingScore | None,
) -> Table:
    book = _open(data, values=True)
    sheets = {ws.title: ws for ws in book.worksheets}
    if not sheets:
        raise ImportRefused(f"{name} has no sheet with cells.")
    notes: list[str] = []
    if sheet is not None:
        if sheet not in sheets:
            known = ", ".join(f"'{title}'" for title in sheets)
            raise ImportRefused(f"{name} has no sheet '{sheet}'. Its sheets: {known}.")
        chosen = sheet
    else:
        chosen = _choose_sheet(sheets, heading_score)
        if len(sheets) > 1:
            others = ", ".join(f"'{title}'" for title in sheets if title != chosen)
            notes.append(f"Other sheets were left alone: {others} (--sheet to choose).")
    formulas: Any = None
    if _has_formulas(data):
        formulas = {ws.title: ws for ws in _open(data, values=False).worksheets}[chosen]
    records: list[RawRow] = []
    room = limits.rows * 2 + limits.heading_search + 1_000
    computed = 0
    for record, computed_here in _rows(sheets[chosen], formulas):
        computed += computed_here
        if len(record.cells) > max(limits.columns * 2, 2_000) and not all(
            map(is_blank, record.cells[limits.columns :])
        ):
            raise ImportRefused(
                f"{name} has more than {limits.columns:,} columns, the limit of an import."
            )
        if len(record.cells) > limits.columns + 1:
            record = RawRow(record.line, _trim(record.cells))
        records.append(record)
        if len(records) > room:
            raise ImportRefused(
                f"{name} has more than {limits.rows:,} rows, the limit of an import. "
                "Split the export, or raise --limit."
            )
    if computed:
        notes.append(f"{computed:,} cells are formulas; their stored values were taken.")
    return assemble(
        records,
        name=name,
        table_format=TableFormat(kind="xlsx", sheet=chosen),
        limits=limits,
        heading_score=heading_score,
        notes=notes,
        short_rows_are_padded=True,
    )


def _trim(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    end = len(cells)
    while end and is_blank(cells[end - 1]):
        end -= 1
    return cells[:end]


def _choose_sheet(sheets: dict[str, Any], heading_score: HeadingScore | None) -> str:
    """The visible sheet whose first rows look most like the headings; the first on a tie."""
    visible = [t for t, ws in sheets.items() if ws.sheet_state == "visible"] or list(sheets)
    if heading_score is None or len(visible) == 1:
        return visible[0]
    best, best_score = visible[0], 0
    for title in visible:
        ws = sheets[title]
        ws.reset_dimensions()
        for row in ws.iter_rows(max_row=30, values_only=True):
            score = heading_score([heading_text(_cell(value)) for value in row[:1_000]])
            if score > best_score:
                best, best_score = title, score
    return best


def _has_formulas(data: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            if member.filename.startswith("xl/worksheets/") and _FORMULA.search(
                archive.read(member)
            ):
                return True
    return False


def _rows(ws: Any, formulas: Any) -> Iterator[tuple[RawRow, int]]:
    # the stated dimensions of a sheet are often wrong, and can be hostile
    ws.reset_dimensions()
    if formulas is None:
        for line, values in enumerate(ws.iter_rows(values_only=True), start=1):
            yield RawRow(line, tuple(_cell(value) for value in values)), 0
        return
    formulas.reset_dimensions()
    pairs = zip_longest(
        ws.iter_rows(values_only=True), formulas.iter_rows(values_only=True), fillvalue=()
    )
    for line, (values, texts) in enumerate(pairs, start=1):
        cells: list[Cell] = []
        computed = 0
        for value, text in zip_longest(values, texts):
            is_formula = _is_formula(text, value)
            if is_formula and value is None:
                cells.append(CellFault("holds a formula without a stored value", str(text)))
                continue
            computed += is_formula
            cells.append(_cell(value))
        yield RawRow(line, tuple(cells)), computed


def _is_formula(text: object, value: object) -> bool:
    if isinstance(text, str):
        return text.startswith("=") and text != value
    # array and data table formulas are objects of openpyxl
    return type(text).__module__.startswith("openpyxl.")


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        if value in _ERRORS:
            return CellFault(f"holds the spreadsheet error {value}", value)
        return value
    if isinstance(value, float):
        if not isfinite(value):
            return CellFault("holds a number that is too large", repr(value))
        return value
    if isinstance(value, (datetime, date, time)):
        return value
    if isinstance(value, timedelta):
        return CellFault("holds a duration", str(value))
    return str(value)
