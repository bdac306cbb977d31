"""The rejected-rows file: each row with its line, column, reason and original cells.

It is made to be corrected and imported again: its first columns are passed over then, and the
apostrophe that keeps a spreadsheet from running a cell as a formula is taken off.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace

from pipeline.importers.grid import Cell, Row, Table
from pipeline.importers.parsed import ParsedFile, RejectedRow
from pipeline.importers.values import original

OWN_HEADINGS = ("import: file", "import: line", "import: column", "import: reason")
_FORMULA_STARTS = ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠")
_BREAKS = ("\t", "\r", "\n")


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet runs. Numbers stay as they are, else `-5` would be damaged."""
    text = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return "'" + text if _would_run(text) and not _is_number(text) else text


def _would_run(text: str) -> bool:
    """Leading blanks do not hide a formula: some programs drop them."""
    return text.startswith(_BREAKS) or text.lstrip().startswith(_FORMULA_STARTS)


def _is_number(text: str) -> bool:
    digits = text.lstrip("+-").replace(".", "", 1).replace(",", "", 1)
    return len(text) - len(text.lstrip("+-")) <= 1 and digits.isascii() and digits.isdigit()


def rejected_csv(files: Sequence[ParsedFile], rows: Sequence[RejectedRow]) -> str:
    """The file as text, CSV with commas. Files with other headings add their columns."""
    places: dict[str, list[int]] = {}
    columns: dict[tuple[str, int], int] = {}
    headings: list[str] = []
    for parsed in files:
        seen: dict[str, int] = {}
        place = []
        for heading in parsed.table.headings:
            nth = seen[heading] = seen.get(heading, 0) + 1
            key = (heading, nth)
            if key not in columns:
                columns[key] = len(headings)
                headings.append(heading)
            place.append(columns[key])
        places[parsed.name] = place
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*OWN_HEADINGS, *map(safe_cell, headings)])
    for row in rows:
        cells = [""] * len(headings)
        extra: list[str] = []
        place = places[row.file]
        for position, cell in enumerate(row.cells):
            text = safe_cell(_one_cell(cell))
            if position < len(place):
                cells[place[position]] = text
            else:
                extra.append(text)  # cells beyond the headings: the reason says so
        own = (safe_cell(row.file), str(row.line), safe_cell(row.column), safe_cell(row.reason))
        writer.writerow([*own, *cells, *extra])
    return out.getvalue()


def _one_cell(cell: Cell) -> str:
    text = original(cell)
    return text if len(text) <= 32_000 else text[:32_000]  # what a spreadsheet cell holds


def restored(table: Table) -> Table:
    """A rejected-rows file as the table it was made of; any other table as it is."""
    width = len(OWN_HEADINGS)
    if table.headings[:width] != OWN_HEADINGS:
        return table
    return replace(
        table,
        headings=table.headings[width:],
        rows=tuple(Row(row.line, tuple(map(_plain, row.cells[width:]))) for row in table.rows),
        broken=tuple(replace(row, cells=row.cells[width:]) for row in table.broken),
    )


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.startswith("'") and safe_cell(cell[1:]) == cell:
        return cell[1:]
    return cell
