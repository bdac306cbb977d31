"""Days of a column: decided by its values, asked for when none decides, never guessed."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.importers.days import decide_days, first_instant
from pipeline.importers.grid import Cell, ImportRefused
from pipeline.importers.values import ValueFault

UTC_ZONE = ZoneInfo("UTC")


def read(cells: list[Cell], zone: str = "UTC", **told: object) -> list[datetime | None]:
    where = ZoneInfo(zone)
    arguments: dict[str, object] = {"zone": where, "told": None, "forced": False, **told}
    column = decide_days("When", cells, **arguments)  # type: ignore[arg-type]
    moments = [column.read(cell, company_zone=where) for cell in cells]
    return [moment.at if moment else None for moment in moments]


def days(cells: list[Cell], **told: object) -> list[str]:
    return [str(at.date()) if at else "" for at in read(cells, **told)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2025-04-03", ""], ["2025-04-03", ""]),
        (["2025/4/3"], ["2025-04-03"]),
        (["25/04/2025", "03/04/2025"], ["2025-04-25", "2025-04-03"]),
        (["04/25/2025", "03/04/2025"], ["2025-04-25", "2025-03-04"]),
        (["4/25/25", "3/4/69"], ["2025-04-25", "2069-03-04"]),
        (["03.04.2025", "05.06.2025"], ["2025-04-03", "2025-06-05"]),
        (["3. 4. 2025"], ["2025-04-03"]),
        (["05/05/2025"], ["2025-05-05"]),
        (["3 Apr 2025", "Apr 4, 2025"], ["2025-04-03", "2025-04-04"]),
        (["05-April-2025", "5 Sept. 25"], ["2025-04-05", "2025-09-05"]),
        (["20250403"], ["2025-04-03"]),
        ([datetime(2025, 4, 3), date(2025, 4, 4), None], ["2025-04-03", "2025-04-04", ""]),
        (["n/a", "-", "NULL"], ["", "", ""]),
        (["1743638400000"], ["2025-04-03"]),
        (["2025-04-03T00:00:00.000Z"], ["2025-04-03"]),
    ],
)  # fmt: skip
def test_a_column_reads_its_days(cells: list[Cell], expected: list[str]) -> None:
    assert days(cells) == expected


def test_a_column_that_fits_both_ways_is_asked_about() -> None:
    with pytest.raises(ImportRefused, match="day or with the month") as refused:
        days(["03/04/2025", "05/06/2025"])
    assert "'When'" in str(refused.value)
    assert "03/04/2025" in str(refused.value)


def test_what_was_told_decides_an_undecided_column_only() -> None:
    assert days(["03/04/2025"], told="day_first") == ["2025-04-03"]
    assert days(["03/04/2025"], told="month_first") == ["2025-03-04"]
    assert days(["03/25/2025", "03/04/2025"], told="day_first") == ["2025-03-25", "2025-03-04"]


def test_what_was_told_for_a_column_holds_against_its_values() -> None:
    column = decide_days(
        "When", ["03/25/2025", "03/04/2025"], zone=UTC_ZONE, told="day_first", forced=True
    )
    with pytest.raises(ValueFault, match="does not exist"):
        column.read("03/25/2025", company_zone=UTC_ZONE)
    assert column.read("03/04/2025", company_zone=UTC_ZONE).at.month == 4  # type: ignore[union-attr]


def test_contradicting_values_are_asked_about() -> None:
    with pytest.raises(ImportRefused, match="both orders"):
        days(["25/04/2025", "04/26/2025"])


def test_a_day_that_exists_in_no_order_decides_nothing() -> None:
    with pytest.raises(ImportRefused, match="no value decides"):
        days(["31/02/2025", "02/31/2025", "13/13/2025", "03/04/2025"])


@pytest.mark.parametrize(
    "cell",
    [
        "31.02.2025", "2025-02-30", "2025-13-01", "yesterday", "5", 45_000, "May-20", True,
        "\uff12\uff10\uff12\uff15-04-03", "0001-01-01", "9999-12-31", "2025-04-03 25:00",
        "2025-04-03 10:00:61", "9" * 5_000, "2025-04-03 13:00 PM",
        "2025-04-03T10:00:00+99:00", "2025-04-03\x00",
    ],
)  # fmt: skip
def test_what_is_no_day_is_a_fault_of_its_cell(cell: Cell) -> None:
    column = decide_days("When", [cell, "25.04.2025"], zone=UTC_ZONE, told=None, forced=False)
    with pytest.raises(ValueFault):
        column.read(cell, company_zone=UTC_ZONE)
    assert column.read("25.04.2025", company_zone=UTC_ZONE) is not None


def test_a_time_without_a_zone_is_local_and_one_with_a_zone_is_not() -> None:
    found = read(
        ["2025-07-01 09:30", "2025-01-01 09:30:15", "2025-07-01T09:30:00Z", "1.7.2025 09:30"],
        zone="Europe/Paris",
    )
    assert found == [
        datetime(2025, 7, 1, 7, 30, tzinfo=UTC),
        datetime(2025, 1, 1, 8, 30, 15, tzinfo=UTC),
        datetime(2025, 7, 1, 9, 30, tzinfo=UTC),
        datetime(2025, 7, 1, 7, 30, tzinfo=UTC),
    ]
    assert read(["7/13/2025, 2:05 PM"]) == [datetime(2025, 7, 13, 14, 5, tzinfo=UTC)]


def test_midnights_throughout_a_column_are_days_in_the_companys_zone() -> None:
    assert read(["2025-07-01T00:00:00Z"], zone="America/New_York") == [
        datetime(2025, 7, 1, 4, 0, tzinfo=UTC)
    ]


def test_a_day_begins_after_a_skipped_midnight() -> None:
    # Santiago skipped 2024-09-08 00:00 to 01:00
    assert first_instant(date(2024, 9, 8), ZoneInfo("America/Santiago")) == datetime(
        2024, 9, 8, 4, 0, tzinfo=UTC
    )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/Santiago", "Pacific/Apia"])
def test_the_first_instant_of_a_day_belongs_to_it_and_the_one_before_does_not(zone: str) -> None:
    where = ZoneInfo(zone)
    for ordinal in range(date(2023, 1, 1).toordinal(), date(2025, 1, 1).toordinal()):
        day = date.fromordinal(ordinal)
        at = first_instant(day, where)
        assert at.astimezone(where).date() == day
        before = datetime.fromtimestamp(at.timestamp() - 1, tz=where).date()
        assert before < day
