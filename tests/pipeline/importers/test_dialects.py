"""The same deals in five dialects of export are read as the same deals."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.pipeline.importers.make_samples import DEALS
from tests.pipeline.importers.reading import batch, parsed, table

SAMPLES = Path(__file__).parent / "samples"
DIALECTS = {
    "plain_crlf.csv": "text, UTF-8, separated by comma",
    "american_lf.csv": "text, UTF-8, separated by comma",
    "european_semicolon_bom.csv": "text, UTF-8 with byte order mark, separated by semicolon",
    "renamed_utf16_tab.txt": "text, UTF-16 with byte order mark, separated by tab",
    "workbook.xlsx": "XLSX workbook, sheet 'Deals'",
    "latin1.csv": "text, Windows-1252, separated by comma",
}


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


@pytest.mark.parametrize("name", DIALECTS)
def test_each_dialect_gives_the_deals_as_they_were_written(name: str) -> None:
    zone = ZoneInfo("Europe/Paris")

    def instant(day: str) -> datetime | None:
        if not day:
            return None
        return datetime.combine(date.fromisoformat(day), datetime.min.time(), zone).astimezone(UTC)

    found = parsed(sample(name), name)
    assert not found.rejected
    read = [
        (d.external_id, d.rep, d.product, d.customer, d.outcome, d.opened, d.closed, d.amount)
        for d in found.deals
    ]
    expected = [
        (
            number,
            rep,
            product,
            account,
            {"Won": "won", "Lost": "lost"}.get(stage, "open"),
            instant(opened),
            instant(closed),
            Decimal(value) if value else None,
        )
        for number, rep, product, account, stage, opened, closed, value in DEALS
    ]
    assert read == expected


@pytest.mark.parametrize(("name", "sentence"), DIALECTS.items())
def test_what_was_detected_is_said(name: str, sentence: str) -> None:
    assert table(sample(name), name).format.sentence() == sentence


@pytest.mark.parametrize("name", DIALECTS)
def test_histories_and_stages_are_the_same_in_each_dialect(name: str) -> None:
    found = batch(sample(name), name)
    plan = found.pipelines["Sales"]
    assert [(s.name.casefold(), s.kind) for s in plan.stages] == [
        ("prospecting", "open"),
        ("engaging", "open"),
        ("won", "won"),
        ("lost", "lost"),
    ]
    histories = {
        p.deal.external_id: [event.stage.name.casefold() for event in p.events] for p in found.deals
    }
    assert histories == {
        "T-01": ["prospecting", "won"],
        "T-02": ["prospecting", "won"],
        "T-03": ["prospecting", "lost"],
        "T-04": ["prospecting", "lost"],
        "T-05": ["prospecting", "engaging"],
        "T-06": ["prospecting", "engaging"],
        "T-07": [],
        "T-08": ["prospecting", "won"],
    }


def test_hubspot_close_date_of_an_open_deal_is_an_expectation() -> None:
    found = parsed(sample("hubspot.csv"))
    assert found.columns.format == "hubspot"
    by_id = {deal.external_id: deal for deal in found.deals}
    assert by_id["903"].outcome == "open"
    assert by_id["903"].closed is None
    assert by_id["901"].closed == datetime(2025, 3, 31, 14, 20, tzinfo=UTC)  # Paris, summer time
    assert by_id["902"].lost_reason == "went quiet"
    assert any("stages" in note for note in found.columns.notes)


def test_salesforce_report_keeps_the_original_currency_and_drops_title_and_total() -> None:
    found = parsed(sample("salesforce_report.csv"))
    assert found.columns.format == "salesforce"
    assert not found.rejected
    assert [(d.name, d.amount, d.currency) for d in found.deals] == [
        ("Rowan 2025", Decimal("1100.00"), "GBP"),
        ("Sorrel pilot", Decimal("700.00"), "EUR"),
    ]
    assert found.table.heading_line == 4
    assert any("2 closing lines" in note for note in found.table.notes)


def test_pipedrive_keeps_the_stage_in_which_a_deal_was_lost() -> None:
    found = batch(sample("pipedrive.csv"))
    histories = {
        p.deal.external_id: [(event.stage.name, event.at.isoformat()) for event in p.events]
        for p in found.deals
    }
    assert histories["41"] == [
        ("Qualified", "2025-01-10T07:00:00+00:00"),
        ("Proposal Made", "2025-01-20T11:00:00+00:00"),
        ("Lost", "2025-02-01T14:30:00+00:00"),
    ]
    assert histories["42"][1:] == [
        ("Negotiations Started", "2025-03-01T08:00:00+00:00"),
        ("Won", "2025-03-04T16:00:00+00:00"),
    ]
    assert [name for name, _ in histories["43"]] == ["Qualified"]
    assert {p.pipeline for p in found.deals} == {"Coaching"}
