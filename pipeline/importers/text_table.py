"""Rows of a delimited text file (CSV, TSV): encoding, delimiter, quoting, line numbers."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline.importers import sniff
from pipeline.importers.grid import (
    HeadingScore,
    ImportRefused,
    Limits,
    RawRow,
    Table,
    TableFormat,
    assemble,
    heading_text,
)

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_CHARACTERS = 262_144
_SAMPLE_ROWS = 200


def read_text_table(
    data: bytes,
    *,
    name: str,
    limits: Limits,
    heading_score: HeadingScore | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Table:
    """The table in a text file. Raises ImportRefused with a sentence."""
    text, encoding_words, notes = sniff.decode(data, name=name, encoding=encoding)
    skipped = 0
    first_line, _, _ = text[:16].partition("\n")
    if first_line.strip("\r").lower().startswith("sep=") and len(first_line.strip("\r")) == 5:
        delimiter = delimiter or first_line[4]
        text, skipped = text[len(first_line) + 1 :], 1
    if delimiter is not None:
        delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter.lower(), delimiter)
        if len(delimiter) != 1 or delimiter in '"\r\n \0':
            raise ImportRefused("A delimiter is one character, e.g. --delimiter ';' or tab.")
    else:
        delimiter = detect_delimiter(text, name=name, heading_score=heading_score)
    # blank lines and title lines do not count as rows, so leave them some room here
    room = limits.rows * 2 + limits.heading_search + 1_000
    records: list[RawRow] = []
    for record in split_rows(text, delimiter=delimiter, lines_before=skipped):
        records.append(record)
        if len(records) > room:
            raise ImportRefused(
                f"{name} has more than {limits.rows:,} rows, the limit of an import. "
                "Split the export, or raise --limit."
            )
    return assemble(
        records,
        name=name,
        table_format=TableFormat(kind="csv", encoding=encoding_words, delimiter=delimiter),
        limits=limits,
        heading_score=heading_score,
        notes=notes,
        short_rows_are_padded=False,
    )


def split_rows(text: str, *, delimiter: str, lines_before: int = 0) -> Iterator[RawRow]:
    """Records of delimited text with the line each begins on.

    Quoting is strict: a cell that opens with a quotation mark must close with one. A record
    that breaks this, or holds an endless cell, comes back with its fault and reading goes on
    at the next line.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1 + lines_before
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = reader.line_num + lines_before
            yield RawRow(line, (), _fault(str(error), line, last))
            continue
        yield RawRow(line, tuple(cells))


def _fault(error: str, line: int, last: int) -> str:
    where = f" (lines {line} to {last})" if last > line else ""
    if "field limit" in error:
        return (
            f"A cell is longer than {csv.field_size_limit():,} characters{where}: "
            "perhaps a quotation mark was left open."
        )
    if "end of data" in error:
        return f"A quotation mark is opened and never closed{where}."
    if "expected after" in error:
        return f"Text follows a closing quotation mark; inside a cell double it{where}."
    return f"The row cannot be split into cells{where}: {error}."


def detect_delimiter(text: str, *, name: str, heading_score: HeadingScore | None = None) -> str:
    """The delimiter under which the first rows make the most even table.

    Headings that the caller recognises decide first. Raises ImportRefused when no delimiter
    gives two columns.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    best: tuple[int, float, int] | None = None
    chosen = None
    for delimiter in DELIMITERS:
        rows = _sample_rows(sample, delimiter)
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        score = max((heading_score(row) for row in rows[:30]), default=0) if heading_score else 0
        rank = (score, round(count / len(rows), 2), width)
        if best is None or rank > best:
            best, chosen = rank, delimiter
    if chosen is None:
        raise ImportRefused(
            f"{name} has one column only, whether separated by comma, semicolon, tab or "
            "vertical bar. If another character separates the cells, name it with --delimiter."
        )
    return chosen


def _sample_rows(sample: str, delimiter: str) -> Sequence[list[str]]:
    rows: list[list[str]] = []
    for record in split_rows(sample, delimiter=delimiter):
        if record.fault is None and record.cells:
            rows.append([heading_text(cell) for cell in record.cells])
        if len(rows) >= _SAMPLE_ROWS:
            break
    return rows
