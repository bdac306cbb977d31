# ruff: noqa: E501 - one line a file reads as a table
"""A set of broken files, made here, and what must become of each.

`refused`: the file as a whole, with a sentence that holds these words. `rejected`: lines that do
not go in; every other row does.
"""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass

import openpyxl

from tests.pipeline.importers.reading import HEAD

GOOD = "7,Birch,Won,2025-01-13,2025-02-01,5\n"


@dataclass(frozen=True, slots=True)
class Broken:
    name: str
    data: bytes
    refused: str | None = None
    rejected: tuple[tuple[int, str], ...] = ()  # (line, words of the reason)
    deals: int = 0


def _text(body: str) -> bytes:
    return (HEAD + body).encode()


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def _zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def _workbook(rows: list[list[object]], sheet_xml: tuple[bytes, bytes] | None = None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    if sheet_xml is None:
        return out.getvalue()
    changed = io.BytesIO()
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename == "xl/worksheets/sheet1.xml":
                data = data.replace(*sheet_xml)
            new.writestr(item, data)
    return changed.getvalue()


def broken_files() -> list[Broken]:
    bomb = _zip(**{"[Content_Types].xml": b"<x/>", "xl__workbook.xml": b"\0" * 50_000_000})
    sheet = [["id", "name", "stage", "opened", "close date", "amount"]]
    return [
        Broken("empty.csv", b"", "is empty"),
        Broken("blank_lines.csv", b"\r\n\r\n  \r\n", "is empty"),
        Broken("only_mark.csv", b"\xef\xbb\xbf", "is empty"),
        Broken("header_only.csv", HEAD.encode(), "no rows"),
        Broken("wrong_delimiter.csv", (HEAD + GOOD).replace(",", "^").encode(), "one column"),
        Broken("utf16.csv", (HEAD + GOOD).encode("utf-16"), deals=1),
        Broken("utf16_unmarked.csv", (HEAD + GOOD).encode("utf-16-le"), deals=1),
        Broken("utf16_cut.csv", (HEAD + GOOD).encode("utf-16")[:-1], deals=1),
        Broken("nul.csv", _text("1,Bi\0rch,Won,2025-01-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "NUL"),), deals=1),
        Broken("nul_in_stage.csv", _text("1,Birch,W\0on,2025-01-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "NUL"),), deals=1),
        Broken("all_nul.csv", b"\0" * 5_000, "is empty"),
        Broken("surrogate.csv", HEAD.encode() + b"1,Bi\xed\xa0\x80rch,Won,2025-01-13,2025-02-01,5\n"
               + GOOD.encode(), rejected=((2, "no valid character"),), deals=1),
        Broken("broken_utf8.csv", ("\ufeff" + HEAD).encode() + b"1,Bi\xffrch,Won,2025-01-13,,5\n"
               + GOOD.encode(), rejected=((2, "no valid character"),), deals=1),
        Broken("31_february.csv", _text("1,Birch,Won,2025-02-31,2025-03-01,5\n" + GOOD),
               rejected=((2, "does not exist"),), deals=1),
        Broken("1e400.csv", _text("1,Birch,Won,2025-01-13,2025-02-01,1e400\n" + GOOD),
               rejected=((2, "larger than any amount"),), deals=1),
        Broken("1e20.csv", _text("1,Birch,Won,2025-01-13,2025-02-01,1e20\n" + GOOD),
               rejected=((2, "larger than any amount"),), deals=1),
        Broken("long_integer.csv", _text(f"1,Birch,Won,2025-01-13,2025-02-01,{'9' * 5_000}\n" + GOOD),
               rejected=((2, "no amount"),), deals=1),
        Broken("long_id.csv", _text(f"{'9' * 5_000},Birch,Won,2025-01-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "characters long"),), deals=1),
        Broken("long_name.csv", _text(f"1,{'n' * 300},Won,2025-01-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "300 characters long"),), deals=1),
        Broken("long_stage.csv", _text(f"1,Birch,{'s' * 300},2025-01-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "300 characters long"),), deals=1),
        Broken("duplicate_ids.csv", _text("7,Old,Won,2025-01-13,2025-01-14,1\n" + GOOD),
               rejected=((2, "line 3"),), deals=1),
        Broken("many_columns.csv", (
            HEAD.strip() + "".join(f",c{n}" for n in range(200)) + "\n"
            + GOOD.strip() + ",x" * 200 + "\n").encode(), deals=1),
        Broken("too_many_columns.csv", (
            HEAD.strip() + "".join(f",c{n}" for n in range(1_200)) + "\n"
            + GOOD.strip() + ",x" * 1_200 + "\n").encode(), "columns"),
        Broken("picture.csv", _png(), "picture"),
        Broken("picture_jpeg.csv", b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(range(256)) * 20, "picture"),
        Broken("noise.csv", bytes((n * 7919 + n // 3) % 256 for n in range(20_000)), "no text"),
        Broken("page.csv", b"<!DOCTYPE html><html><table><tr><td>id</td></tr></table>", "web page"),
        Broken("data.csv", b'[{"id": 1, "stage": "Won"}]', "JSON"),
        Broken("archive.csv", _zip(deals=b"id,stage\n1,Won\n"), "zip archive"),
        Broken("bomb.xlsx", bomb, "times its size"),
        Broken("damaged.xlsx", _workbook([*sheet])[:-200], "damaged"),
        Broken("not_a_workbook.xlsx",
               _zip(**{"[Content_Types].xml": b"<x/>", "xl__workbook.xml": b"<y/>"}), "cannot be read"),
        Broken("old_excel.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Excel"),
        Broken("endless_cell.csv", _text(f"1,{'x' * 131_073},Won,2025-01-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "longer than 131,072"),), deals=1),
        Broken("open_quote.csv", _text(GOOD + '1,"Birch,Won,2025-01-13,2025-02-01,5\n'),
               rejected=((3, "never closed"),), deals=1),
        Broken("lone_cr.csv", _text("1,Bi\rrch,Won,2025-01-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "cells"), (3, "cells")), deals=1),
        Broken("full_width.csv", _text(
            "1,Birch,Won,\uff12\uff10\uff12\uff15-01-13,2025-02-01,5\n"
            "2,Birch,Won,2025-01-13,2025-02-01,\uff11\uff12\n" + GOOD),
               rejected=((2, "0 to 9"), (3, "0 to 9")), deals=1),
        Broken("thousandth.csv", _text("1,Birch,Won,2025-01-13,2025-02-01,0.001\n" + GOOD),
               rejected=((2, "decimals"),), deals=1),
        Broken("negative.csv", _text("1,Birch,Won,2025-01-13,2025-02-01,-12000\n" + GOOD),
               rejected=((2, "negative"),), deals=1),
        Broken("closed_before_opened.csv", _text("1,Birch,Won,2025-03-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "before it was opened"),), deals=1),
        Broken("closed_without_day.csv", _text("1,Birch,Won,2025-01-13,,5\n" + GOOD), deals=2),
        Broken("future.csv", _text("1,Birch,Won,2025-01-13,2031-02-01,5\n" + GOOD),
               rejected=((2, "in the future"),), deals=1),
        Broken("no_id.csv", _text(",Birch,Won,2025-01-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "no id"),), deals=1),
        Broken("no_stage.csv", _text("1,Birch,,2025-01-13,2025-02-01,5\n" + GOOD),
               rejected=((2, "names no stage"),), deals=1),
        Broken("no_stage_column.csv", b"id,name,amount\n1,Birch,5\n", "No column tells the stage"),
        Broken("no_key_column.csv", b"stage,amount\nWon,5\n", "one deal from another"),
        Broken("unsure_days.csv", _text("1,Birch,Won,03/04/2025,05/06/2025,5\n"), "day or with"),
        Broken("formula.csv", _text("=1+1,Birch,Won,2025-01-13,2025-02-01,=2+2\n" + GOOD),
               rejected=((2, "not an amount"),), deals=1),
        Broken("formula_text.csv", _text("1,=cmd|'/c calc'!A0,Won,2025-01-13,2025-02-01,5\n"), deals=1),
        Broken("formula.xlsx", _workbook([*sheet, [1, "Birch", "Won", "2025-01-13", "2025-02-01", "=1"],
               [7, "Birch", "Won", "2025-01-13", "2025-02-01", 5]]),
               rejected=((2, "formula"),), deals=1),
        Broken("long_number.xlsx", _workbook(
            [*sheet, [7, "Birch", "Won", "2025-01-13", "2025-02-01", 5]],
            (b"<v>5</v>", b"<v>" + b"9" * 5_000 + b"</v>")), "cannot be read"),
        Broken("infinite_number.xlsx", _workbook(
            [*sheet, [7, "Birch", "Won", "2025-01-13", "2025-02-01", 5],
             [8, "Birch", "Won", "2025-01-13", "2025-02-01", 6]],
            (b"<v>5</v>", b"<v>1e400</v>")), rejected=((2, "too large"),), deals=1),
        Broken("history.csv", b"Opportunity Name,From Stage,To Stage\nA,New,Won\n", "one row a change"),
    ]  # fmt: skip
