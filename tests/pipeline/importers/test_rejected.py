"""The rejected-rows file: safe for spreadsheets, complete, and importable after correction."""

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.importers.rejected import OWN_HEADINGS, rejected_csv, safe_cell
from tests.pipeline.importers.reading import HEAD, batch, parsed

BAD = (
    HEAD
    + "1,=cmd|'/c calc'!A0,Won,2025-02-31,2025-03-01,5\n"
    + "2,b,Won,2025-01-13,2025-02-01,-5\n"
    + "3,short\n"
    + "4,good,Won,2025-01-13,2025-02-01,5\n"
)


def test_rows_are_written_with_line_column_reason_and_original_cells() -> None:
    found = batch(BAD)
    written = list(csv.reader(io.StringIO(rejected_csv(found.files, found.rejected))))
    assert tuple(written[0]) == (*OWN_HEADINGS, *HEAD.strip().split(","))
    assert [(row[1], row[2]) for row in written[1:]] == [
        ("2", "opened"),
        ("3", "amount"),
        ("4", ""),
    ]
    assert written[1][5] == "'=cmd|'/c calc'!A0"
    assert written[2][9] == "-5"  # a number is not damaged


def test_a_corrected_file_of_rejected_rows_goes_in() -> None:
    found = batch(BAD)
    text = rejected_csv(found.files, found.rejected)
    corrected = text.replace("2025-02-31", "2025-02-28").replace(",-5", ",5")
    again = parsed(corrected, "rejected.csv")
    assert [d.external_id for d in again.deals] == ["1", "2"]
    assert again.deals[0].name == "=cmd|'/c calc'!A0"
    assert [row.line for row in again.rejected] == [4]


def test_formulas_are_kept_from_running() -> None:
    for text in (
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "|calc",
        "%x",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\n x",
    ):
        assert safe_cell(text).startswith("'")
    for text in ("-5", "+5", "-5.5", "5", "a=b", ""):
        assert safe_cell(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_cell_can_be_written_and_no_cell_starts_like_a_formula(text: str) -> None:
    safe = safe_cell(text)
    safe.encode("utf-8")
    if safe.startswith(("=", "@", "|", "%", "\t", "\r", "\n")):
        raise AssertionError(safe)
    assert "\0" not in safe
