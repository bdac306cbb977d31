"""Bytes -> cells: encodings, delimiters, quoting, line numbers, sheets, and their limits."""

import io
import zipfile
from datetime import datetime

import openpyxl
import pytest

from pipeline.importers.grid import CellFault, ImportRefused, Limits
from pipeline.importers.table import read_bytes
from tests.pipeline.importers.reading import HEAD, table

ROW = "1,Birch,Won,2025-01-01,2025-02-01,5\n"


def sheet_bytes(rows: list[list[object]], *more: tuple[str, list[list[object]]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, cells in more:
        sheet = book.create_sheet(title)
        for row in cells:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one part replaced or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for item in old.infolist():
            if item.filename != name:
                new.writestr(item, old.read(item))
        new.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_found(delimiter: str, end: str) -> None:
    text = (HEAD + ROW * 2).replace(",", delimiter).replace("\n", end)
    found = table(text)
    assert found.format.delimiter == delimiter
    assert [row.line for row in found.rows] == [2, 3]
    assert found.rows[0].cells == ("1", "Birch", "Won", "2025-01-01", "2025-02-01", "5")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with byte order mark"),
        ("utf-16", "UTF-16 with byte order mark"),
        ("utf-16-le", "UTF-16 without byte order mark"),
        ("utf-16-be", "UTF-16 without byte order mark"),
        ("utf-32", "UTF-32"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_encodings_are_found(encoding: str, words: str) -> None:
    found = table((HEAD + ROW.replace("Birch", "Fr\u00e4nzi \u20ac")).encode(encoding))
    assert found.format.encoding == words
    assert found.rows[0].cells[1] == "Fr\u00e4nzi \u20ac"


def test_an_encoding_can_be_told_and_a_wrong_one_is_refused() -> None:
    data = (HEAD + ROW.replace("Birch", "\u0411\u0435\u0440\u0451\u0437\u0430")).encode("cp1251")
    assert (
        table(data, encoding="windows-1251").rows[0].cells[1]
        == "\u0411\u0435\u0440\u0451\u0437\u0430"
    )
    with pytest.raises(ImportRefused, match="not text in the encoding"):
        table(data, encoding="utf-8")
    for name in ("klingon", "rot13", "hex", "\0"):
        with pytest.raises(ImportRefused):
            table(data, encoding=name)


def test_headings_with_commas_and_quotes_and_cells_with_line_breaks() -> None:
    text = 'id,"Deal Value, $","Date entered ""Won""",stage\n1,"a\nb","x ""y""",Won\n2,c,d,Lost\n'
    found = table(text)
    assert found.headings == ("id", "Deal Value, $", 'Date entered "Won"', "stage")
    assert found.rows[0].cells == ("1", "a\nb", 'x "y"', "Won")
    assert [row.line for row in found.rows] == [2, 4]


def test_rows_that_cannot_be_split_are_broken_and_the_others_stay() -> None:
    text = HEAD + ROW + '2,"open\n' + ROW
    found = table(text)
    assert len(found.rows) == 1
    assert found.broken[0].line == 3
    assert "never closed" in found.broken[0].reason
    text = HEAD + '1,"a"b,Won,,,\n' + "2,short\n" + "3,x,Won,,,5,extra\n" + ROW
    found = table(text)
    assert [(b.line, b.reason.split(",")[0]) for b in found.broken] == [
        (2, "Text follows a closing quotation mark; inside a cell double it."),
        (3, "The row has 2 cells"),
        (4, "The row has 7 cells"),
    ]
    assert [row.line for row in found.rows] == [5]


def test_an_endless_cell_is_one_broken_row() -> None:
    found = table(HEAD + "1," + "x" * 131_073 + ",Won,,,\n" + ROW)
    assert "longer than 131,072 characters" in found.broken[0].reason
    assert len(found.rows) == 1


def test_a_lone_carriage_return_splits_a_row_and_both_halves_are_reported() -> None:
    found = table(HEAD + "1,Bi\rrch,Won,2025-01-01,2025-02-01,5\n" + ROW)
    assert [b.line for b in found.broken] == [2, 3]
    assert len(found.rows) == 1


def test_empty_columns_at_the_right_and_empty_rows_are_passed_over() -> None:
    found = table("id,stage,,\n1,Won,,\n\n,,,\n2,Lost\n")
    assert found.headings == ("id", "stage")
    assert [row.cells for row in found.rows] == [("1", "Won"), ("2", "Lost")]
    assert any("empty rows" in note for note in found.notes)


def test_a_delimiter_can_be_stated_by_the_file_or_told() -> None:
    assert table("sep=;\nid;stage\n1;Won\n").rows[0].line == 3
    found = table("id:stage\n1:Won\n", delimiter=":")
    assert found.rows[0].cells == ("1", "Won")
    with pytest.raises(ImportRefused, match="one character"):
        table(HEAD, delimiter="::")
    with pytest.raises(ImportRefused, match="one column only"):
        table("id:stage\n1:Won\n")


def test_true_dates_numbers_and_short_rows_of_a_sheet() -> None:
    data = sheet_bytes(
        [["id", "stage", "opened", "amount"], [1, "Won", datetime(2025, 1, 2), 5.5], [2, "Lost"]]
    )
    found = table(data, "deals.xlsx")
    assert found.rows[0].cells == (1, "Won", datetime(2025, 1, 2), 5.5)
    assert found.rows[1].cells == (2, "Lost", None, None)


def test_the_sheet_with_known_headings_is_chosen_and_can_be_told() -> None:
    data = sheet_bytes([["Read me"]], ("Deals", [["id", "stage"], ["1", "Won"]]))
    assert table(data).format.sheet == "Deals"
    assert table(data, sheet="Sheet").format.sheet == "Sheet"
    with pytest.raises(ImportRefused, match="no sheet 'Nope'"):
        table(data, sheet="Nope")
    with pytest.raises(ImportRefused, match="--sheet is for XLSX"):
        table(HEAD + ROW, sheet="Deals")


def test_formulas_give_their_stored_value_or_a_fault_of_their_cell() -> None:
    data = sheet_bytes([["id", "stage", "amount"], ["1", "Won", "=2+3"], ["2", "Won", 4]])
    found = table(data)
    assert isinstance(found.rows[0].cells[2], CellFault)
    assert found.rows[1].cells[2] == 4
    xml = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")
    computed = with_part(
        data,
        "xl/worksheets/sheet1.xml",
        xml.replace(b"<v></v>", b"<v>5</v>").replace(b"<v />", b"<v>5</v>"),
    )
    found = table(computed)
    assert found.rows[0].cells[2] == 5
    assert any("formulas" in note for note in found.notes)


def test_spreadsheet_errors_are_faults_of_their_cell() -> None:
    found = table(sheet_bytes([["id", "stage", "amount"], ["1", "Won", "#N/A"]]))
    fault = found.rows[0].cells[2]
    assert isinstance(fault, CellFault)
    assert "#N/A" in fault.reason


def test_limits_bind() -> None:
    small = Limits(bytes=200, rows=3, columns=6)
    assert len(table(HEAD + ROW * 3, limits=small).rows) == 3
    with pytest.raises(ImportRefused, match="4 rows"):
        table(HEAD + ROW * 4, limits=small)
    with pytest.raises(ImportRefused, match="7 columns"):
        table("a,b,c,d,e,f,g\n1,2,3,4,5,6,7\n", limits=small)
    with pytest.raises(ImportRefused, match="MB"):
        table(HEAD + ROW * 10, limits=small)
    with pytest.raises(ImportRefused, match="more than 3 rows"):
        table(HEAD + "1,a,b,c,d,e\n" * 1_500, limits=Limits(rows=3))
    wide = sheet_bytes([["id", "stage", *[f"c{n}" for n in range(1_500)]], ["1", "Won"]])
    with pytest.raises(ImportRefused, match="columns"):
        table(wide)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    data = sheet_bytes([["id", "stage"], ["1", "Won"]])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            for item in old.infolist():
                bomb.writestr(item.filename, old.read(item))
        bomb.writestr("xl/media/zeros.bin", b"\0" * 30_000_000)
    with pytest.raises(ImportRefused, match="times its size"):
        table(out.getvalue(), "bomb.xlsx")
    with pytest.raises(ImportRefused, match="unpacks to"):
        table(data, "big.xlsx", limits=Limits(unpacked_bytes=1_000))


def test_entity_bombs_in_a_workbook_are_refused() -> None:
    data = sheet_bytes([["id", "stage"], ["1", "Won"]])
    xml = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b'<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData>'
        b"</worksheet>"
    )
    with pytest.raises(ImportRefused, match="cannot be read as an XLSX"):
        table(with_part(data, "xl/worksheets/sheet1.xml", xml))


def test_reading_from_disk_refuses_with_a_sentence(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ImportRefused, match="There is no file"):
        read_bytes(tmp_path / "nothing.csv", limits=Limits())
    with pytest.raises(ImportRefused, match="is a folder"):
        read_bytes(tmp_path, limits=Limits())
    big = tmp_path / "big.csv"
    big.write_bytes(b"x" * 11)
    with pytest.raises(ImportRefused, match="MB"):
        read_bytes(big, limits=Limits(bytes=10))
    assert read_bytes(big, limits=Limits()) == b"x" * 11
