"""Which heading is which field, and what was told instead."""

import pytest

from pipeline.importers.columns import FIELDS, map_columns, recognise_format
from pipeline.importers.grid import ImportRefused


def fields(headings: list[str], **told: str) -> dict[str, str]:
    found = map_columns(headings, told=told)
    return {name: found.heading(name) for name in found.positions}


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        (["Record ID", "Deal Name", "Deal Stage"], "hubspot"),
        (["hs_object_id", "dealname", "dealstage"], "hubspot"),
        (["Opportunity Name", "Stage", "Amount"], "salesforce"),
        (["Id", "StageName", "CloseDate"], "salesforce"),
        (["Deal - Title", "Deal - Stage"], "pipedrive"),
        (["deal", "stage"], "file"),
    ],
)
def test_a_vendor_is_known_by_its_headings(headings: list[str], expected: str) -> None:
    assert recognise_format(headings) == expected


@pytest.mark.parametrize(
    "headings",
    [
        ["From Stage", "To Stage", "Last Modified"],
        ["OpportunityId", "StageName", "CreatedDate"],
        ["OpportunityId", "Field", "OldValue", "NewValue"],
        ["field_key", "old_value", "new_value"],
    ],
)
def test_histories_are_refused_by_name(headings: list[str]) -> None:
    with pytest.raises(ImportRefused, match="one row a change"):
        map_columns(headings)


def test_case_blanks_and_punctuation_do_not_matter() -> None:
    assert fields(["RECORD_ID", "deal-name", " Deal  Stage ", "CLOSE DATE"]) == {
        "id": "RECORD_ID",
        "name": "deal-name",
        "stage": " Deal  Stage ",
        "close": "CLOSE DATE",
    }


def test_headings_of_the_widely_used_sample_are_known() -> None:
    found = fields(
        ["opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date",
         "close_date", "close_value"]
    )  # fmt: skip
    assert found == {
        "id": "opportunity_id", "rep": "sales_agent", "product": "product",
        "customer": "account", "stage": "deal_stage", "opened": "engage_date",
        "close": "close_date", "amount": "close_value",
    }  # fmt: skip


def test_what_was_told_overrules_by_heading_by_number_and_by_nothing() -> None:
    headings = ["id", "stage", "Amount", "Net", "close date"]
    assert fields(headings, amount="Net")["amount"] == "Net"
    assert fields(headings, amount="#4")["amount"] == "Net"
    assert "amount" not in fields(headings, amount="")
    for told in ({"amount": "Gross"}, {"amount": "#9"}, {"amount": "#0"}, {"price": "Net"}):
        with pytest.raises(ImportRefused):
            map_columns(headings, told=told)


def test_a_repeated_heading_is_used_once_and_said() -> None:
    found = map_columns(["id", "stage", "amount", "amount"])
    assert found.positions["amount"] == 2
    assert any("repeats" in note for note in found.notes)
    filled = map_columns(["id", "stage", "amount", "amount"], is_column_filled=lambda p: p == 3)
    assert filled.positions["amount"] == 3


def test_closed_is_a_flag_in_a_salesforce_report_and_a_day_elsewhere() -> None:
    assert fields(["Opportunity Name", "Stage", "Closed"])["is_closed"] == "Closed"
    assert fields(["Name", "Stage", "Closed"])["close"] == "Closed"


def test_hubspot_stage_columns_are_recognised_and_not_taken_for_anything_else() -> None:
    found = map_columns(
        ["Record ID", "Deal Name", "Deal Stage", 'Date entered "Won (EU (North))"',
         "hs_v2_date_entered_123", "Time in 'New (Sales)'"]
    )  # fmt: skip
    assert found.stage_columns == (3, 4, 5)
    assert found.unused == ()


def test_every_field_is_described() -> None:
    assert all(FIELDS.values())
