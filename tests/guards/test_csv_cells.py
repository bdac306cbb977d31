"""No cell of any file that we write is a formula to a spreadsheet."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from metrics.charts import export
from pipeline import exports
from pipeline.importers import rejected

STARTS = ["=", "+", "-", "@", "|", "%", "\t", "\r", "\n", " =", "\t=", "\r\n=", "  @", "\x00="]
BODIES = ["1+1", "SUM(A1:A9)", "cmd|' /C calc'!A0", 'HYPERLINK("http://x.example","y")', "x"]
PAYLOADS = [start + body for start, body in itertools.product(STARTS, BODIES)]

WRITERS: dict[str, Callable[[str], Any]] = {
    "charts": export._inert,
    "exports": exports.inert,
    "rejected rows": rejected.safe_cell,
}


def runs(cell: str) -> bool:
    """Would a spreadsheet run the cell, or break at it?"""
    bare = cell.lstrip(" \t\r\n\x00")
    if "\x00" in cell:
        return True
    return bare[:1] in {"=", "+", "-", "@", "|", "%"} or cell[:1] in {"\t", "\r", "\n"}


@pytest.mark.parametrize("writer", WRITERS)
def test_no_payload_runs(writer: str) -> None:
    write = WRITERS[writer]
    assert [p for p in PAYLOADS if runs(write(p))] == []


@pytest.mark.parametrize("writer", WRITERS)
def test_plain_text_stays_as_it_is(writer: str) -> None:
    for text in ["Acme", "7 deals", "a=b", "x@example.com", "", "Ünïcode 🙂"]:
        assert WRITERS[writer](text) == text


def test_the_test_sees_a_formula() -> None:
    assert all(runs(p) for p in PAYLOADS)
    assert not runs("'=1+1")
