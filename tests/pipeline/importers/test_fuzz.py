"""Whatever comes in: a table, a sentence, or rows reported; never another exception."""

import io

import openpyxl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.importers.columns import FIELDS
from pipeline.importers.grid import ImportRefused
from pipeline.importers.rejected import rejected_csv
from pipeline.importers.report import Written, as_json, batch_lines, reading_lines
from tests.pipeline.importers.reading import HEAD, batch

FEW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "1", "Won", "Lost", "New", "2025-02-31", "2025-01-13", "13/01/2025", "01/13/2025",
         "1,5", "1.5", "$1", "1e400", "9" * 50, "\0", "=1+1", "-5", '"', "n/a", "\ud800", "x" * 300,
         "2025-01-13T10:00:00+14:00", "\uff11", "1.054,00 \u20ac"]
    ),
    st.integers(-5, 99_999_999_999).map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.floats().map(str),
)  # fmt: skip


def survives(data: bytes, name: str = "deals.csv", **told: object) -> None:
    try:
        found = batch(data, name, **told)
    except ImportRefused as error:
        refused = error.sentence
    else:
        refused = None
    if refused is not None:
        assert refused.strip()
        assert len(refused) < 10_000
        return
    rows = sum(len(f.table.rows) + len(f.table.broken) for f in found.files)
    assert len(found.deals) + len(found.rejected) == rows
    for planned in found.deals:
        instants = [event.at for event in planned.events]
        assert instants == sorted(instants)
        assert planned.deal.amount is None or planned.deal.amount >= 0
        assert planned.deal.external_id
        assert planned.deal.name
        for text in (planned.deal.name, planned.deal.external_id, planned.source):
            text.encode("utf-8")
            assert "\0" not in text
    rejected_csv(found.files, found.rejected).encode("utf-8")
    reading_lines(found.files[0])
    batch_lines(found)
    as_json(found, Written())


@FEW
@given(st.binary(max_size=400))
def test_bytes(data: bytes) -> None:
    survives(data)


@FEW
@given(st.binary(max_size=200), st.sampled_from([",", ";", "\t", '"', "\n", "\r", "\0", "\ufeff"]))
def test_bytes_after_headings(data: bytes, sign: str) -> None:
    survives((HEAD + "1,a" + sign).encode() + data)


@FEW
@given(st.lists(st.lists(CELLS, min_size=6, max_size=6), min_size=1, max_size=8))
def test_cells(rows: list[list[str]]) -> None:
    body = "\n".join(",".join('"' + c.replace('"', '""') + '"' for c in row) for row in rows)
    survives((HEAD + body + "\n").encode("utf-8", "surrogatepass"))


@FEW
@given(
    st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=1, max_size=5),
    st.dictionaries(
        st.sampled_from([*FIELDS, "nonsense"]),
        st.one_of(st.sampled_from(["#1", "#2", "#3", "#4", "#9", "a", ""]), st.text(max_size=5)),
        max_size=6,
    ),
)
def test_maps(rows: list[list[str]], told: dict[str, str]) -> None:
    body = "\n".join(",".join('"' + c.replace('"', '""') + '"' for c in row) for row in rows)
    survives(("a,b,c,d\n" + body + "\n").encode("utf-8", "surrogatepass"), columns=told)


SHEET_CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(),
    st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), max_size=10),
    st.sampled_from(["Won", "New", "=1+1", "#REF!", "2025-01-13", "1.054,00"]),
)


@settings(FEW, max_examples=40)
@given(st.lists(st.lists(SHEET_CELLS, min_size=6, max_size=6), min_size=1, max_size=4))
def test_sheets(rows: list[list[object]]) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEAD.strip().split(","))
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    survives(out.getvalue(), "deals.xlsx")


@settings(FEW, max_examples=40)
@given(st.integers(0, 4_000), st.binary(min_size=1, max_size=8))
def test_damaged_workbooks(place: int, noise: bytes) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEAD.strip().split(","))
    book.active.append(["1", "a", "Won", "2025-01-13", "2025-02-01", 5])
    out = io.BytesIO()
    book.save(out)
    data = out.getvalue()
    place %= len(data)
    survives(data[:place] + noise + data[place + len(noise) :], "deals.xlsx")
