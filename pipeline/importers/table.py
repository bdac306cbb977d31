"""What is in this file? A table of cells by position, with the line each row stands on.

`read_table` takes the bytes of a CSV, TSV or XLSX file and gives headings and rows; it decides
encoding, delimiter and the heading row, and says what it decided. Nothing here knows what a
deal is. Columns are kept by position, because real exports repeat headings.

A file that is no table, or is larger than the limits, is refused with a sentence
(`ImportRefused`). A row that cannot be split into cells does not stop the others: it comes back
as a `BrokenRow` with its reason.
"""

from pathlib import Path

from pipeline.importers import sniff, text_table, workbook
from pipeline.importers.grid import (
    HeadingScore,
    ImportRefused,
    Limits,
    Table,
    too_large,
)


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
