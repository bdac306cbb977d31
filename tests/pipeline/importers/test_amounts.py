"""Amounts of a column: which sign is the decimal mark, which currency, and what is no amount."""

from decimal import Decimal

import pytest

from pipeline.importers.amounts import currency_of, decide_amounts, read_currency
from pipeline.importers.grid import Cell, ImportRefused
from pipeline.importers.values import ValueFault


def read(cells: list[Cell], told: str | None = None) -> list[str]:
    column = decide_amounts("Amount", cells, told=told)
    amounts = [column.read(cell)[0] for cell in cells]
    return ["" if amount is None else str(amount) for amount in amounts]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1054", ""], ["1054.00", ""]),
        (["1.054,00 \u20ac", "50,00 \u20ac"], ["1054.00", "50.00"]),
        (["$1,054.00", "$50.00"], ["1054.00", "50.00"]),
        (["$1,234,567", "$1,234"], ["1234567.00", "1234.00"]),
        (["1.234.567", "1.234"], ["1234567.00", "1234.00"]),
        (["1 054,5", "1\u202f054,50", "1\u00a0054"], ["1054.50", "1054.50", "1054.00"]),
        (["1'054.50", "1\u2019054.50 CHF"], ["1054.50", "1054.50"]),
        (["12,34,567.00"], ["1234567.00"]),
        (["0.054e3", "5.5"], ["54.00", "5.50"]),
        (["EUR 12", "12 EUR", "US$ 12"], ["12.00", "12.00", "12.00"]),
        ([1054, 0, 12.5, 1054.3300000000002], ["1054.00", "0.00", "12.50", "1054.33"]),
        (["-", "n/a", "NaN", None], ["", "", "", ""]),
        ([".5"], ["0.50"]),
    ],
)
def test_a_column_reads_its_amounts(cells: list[Cell], expected: list[str]) -> None:
    assert read(cells) == expected


def test_a_single_sign_before_three_digits_is_a_thousands_separator_and_says_so() -> None:
    column = decide_amounts("Amount", ["1,234", "950"])
    assert column.read("1,234")[0] == Decimal("1234.00")
    assert "thousands separator" in column.how
    assert "--decimal-mark" in column.how


def test_two_ways_of_writing_are_asked_about() -> None:
    with pytest.raises(ImportRefused, match="in two ways"):
        read(["1.054,00", "1,054.00"])
    with pytest.raises(ImportRefused, match="no value decides"):
        read(["1.054", "1,054"])
    column = decide_amounts("Amount", ["1.054", "1,054"], told=",")
    assert column.read("1.054")[0] == Decimal("1054.00")
    with pytest.raises(ValueFault, match="decimals"):
        column.read("1,054")


def test_negative_amounts_are_read_in_each_way_of_writing_them() -> None:
    assert read(["-5", "(5.00)", "5-", "\u22125", "-$5", "$-5"]) == ["-5.00"] * 6


@pytest.mark.parametrize(
    "cell",
    [
        "0.001", 0.001, "1e400", "1e20", "1E-400", "9" * 5_000, 10**20, 1e20, "\uff11\uff12",
        "\u0661\u0662", "12 apples", "1.2.3", "1,23,4", "inf", "Infinity", "=1+1", "12 EUR USD",
        "--5", True, "0x10", "1_000", "5 000 000 000 000 000",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_a_fault_of_its_cell(cell: Cell) -> None:
    column = decide_amounts("Amount", [cell, "12.50"])
    with pytest.raises(ValueFault):
        column.read(cell)
    assert column.read("12.50")[0] == Decimal("12.50")


def test_a_sign_shared_by_currencies_means_the_companys_own_where_it_can() -> None:
    column = decide_amounts("Amount", ["$5"])
    signs = column.read("$5")[1]
    assert currency_of(signs, preferred="CAD") == "CAD"
    assert currency_of(signs, preferred="EUR") == "USD"
    assert currency_of((), preferred="EUR") is None


def test_a_currency_column_holds_codes_or_signs() -> None:
    assert read_currency("eur") == "EUR"
    assert read_currency(" \u20ac ") == "EUR"
    assert read_currency("") is None
    with pytest.raises(ValueFault):
        read_currency("euros")
