"""What a row means: outcome, history, what is left without one, what is told instead."""

# ruff: noqa: E501 - rows of a table

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from pipeline.importers.grid import ImportRefused
from pipeline.importers.stages import KnownStage, plan_stages
from tests.pipeline.importers.reading import HEAD, batch, options, parsed, table

OURS = (
    KnownStage("Booked", "open", 1),
    KnownStage("Offer", "open", 2),
    KnownStage("Signed", "won", None),
    KnownStage("Gone", "lost", None),
)


def rows(*lines: str, head: str = HEAD) -> str:
    return head + "\n".join(lines) + "\n"


def test_a_day_only_closing_on_the_day_of_a_timed_opening_is_not_before_it() -> None:
    found = parsed(
        rows(
            "1,a,Won,2025-03-01 14:00,2025-03-01 00:00,5",
            "2,b,Won,2025-03-01 09:00,2025-03-02 00:00,5",
        )
    )
    assert not found.rejected
    assert found.deals[0].opened == found.deals[0].closed == datetime(2025, 3, 1, 13, tzinfo=UTC)


def test_deals_whose_state_has_no_day_have_no_history_and_are_named() -> None:
    found = batch(
        rows(
            "1,a,New,,,5",
            "2,b,Won,2025-01-13,,5",
            "3,c,Lost,,2025-01-13,5",
            "4,d,New,2025-01-13,,5",
        )
    )
    assert [p.deal.no_history for p in found.deals] == [
        "open_without_opening", "closed_without_closing", "closed_without_opening", None,
    ]  # fmt: skip
    assert [len(p.events) for p in found.deals] == [0, 0, 0, 1]
    kinds = {finding.kind: finding.lines for finding in found.findings}
    assert kinds["open_without_opening"] == (2,)
    assert kinds["closed_without_closing"] == (3,)
    assert kinds["closed_without_opening"] == (4,)


def test_open_deals_without_a_day_can_be_opened_on_a_told_one() -> None:
    found = batch(rows("1,a,New,,,5", "2,b,Won,,2025-01-13,5"), open_undated_at=date(2025, 5, 1))
    first, second = found.deals
    assert [e.at for e in first.events] == [datetime(2025, 4, 30, 22, tzinfo=UTC)]
    assert second.events == ()  # a closed deal is not opened after its closing


def test_the_stage_wins_over_stale_flags() -> None:
    head = "id,stage,closed date,created,is won,is closed\n"
    found = parsed(
        rows("1,Closed Won,2025-02-01,2025-01-13,false,false", "2,Closed Lost,2025-02-01,2025-01-13,true,true",
             "3,Talking,2025-12-01,2025-01-13,true,true", "4,Talking,2025-12-01,2025-01-13,false,false",
             "5,Customer,2025-02-01,2025-01-13,true,true", "6,Gone quiet,2025-02-01,2025-01-13,false,true",
             head=head)
    )  # fmt: skip
    assert [d.outcome for d in found.deals] == ["won", "lost", "open", "open", "won", "lost"]


def test_status_stands_apart_from_the_stage_where_it_says_open_won_lost() -> None:
    head = "id,stage,status,created,lost time\n"
    found = batch(
        rows(
            "1,Offer,Lost,2025-01-13,2025-02-01",
            "2,Offer,open,2025-01-13,",
            "3,Offer,deleted,2025-01-13,",
            head=head,
        )
    )
    assert [(p.deal.outcome, p.deal.stage) for p in found.deals] == [
        ("lost", "Offer"),
        ("open", "Offer"),
    ]
    assert "deleted" in found.rejected[0].reason


def test_a_status_column_without_a_stage_column_is_the_stage() -> None:
    found = parsed("id,status,created\n1,New,2025-01-13\n2,Won,2025-01-13\n")
    assert [(d.stage, d.outcome) for d in found.deals] == [("New", "open"), ("", "won")]


def test_the_companys_own_stages_are_matched_without_case_and_unknown_ones_rejected() -> None:
    from pipeline.importers.batch import plan_batch
    from pipeline.importers.deals import parse_deals

    told = options(known_stages=OURS, stage_map={"negotiating": "Offer"})
    read = parse_deals(
        table(rows("1,a,BOOKED ,2025-01-13,,5", "2,b,signed,2025-01-13,2025-02-01,5",
                   "3,c,Negotiating,2025-01-13,,5", "4,d,Legal,2025-01-13,,5")),
        told,
    )  # fmt: skip
    found = plan_batch([read], told, known={"Sales": OURS})
    assert [[e.stage.name for e in p.events] for p in found.deals] == [
        ["Booked"], ["Booked", "Signed"], ["Booked", "Offer"],
    ]  # fmt: skip
    assert [row.line for row in found.rejected] == [5]
    assert "--stage-map 'Legal=" in found.rejected[0].reason


def test_stages_are_ordered_by_use_then_by_the_file_and_can_be_told() -> None:
    def names(seen: list[str], told: list[str] | None = None) -> list[str]:
        plan = plan_stages(seen, known=(), told_order=told or ())
        return [s.name for s in plan.stages if s.kind == "open"]

    assert names(["Negotiation", "Prospecting", "Qualification"]) == [
        "Prospecting", "Qualification", "Negotiation",
    ]  # fmt: skip
    assert names(["Blue", "Amber"]) == ["Blue", "Amber"]
    assert names(["Blue", "Demo"]) == ["Demo", "Blue"]
    assert names(["blue", "BLUE", "Blue"]) == ["Blue"]
    assert names(["Blue", "Amber"], ["Amber", "Blue"]) == ["Amber", "Blue"]
    assert names([]) == ["Opened"]
    with pytest.raises(ImportRefused, match="twice"):
        names([], ["A", "a"])
    with pytest.raises(ImportRefused, match="not open"):
        names([], ["A", "Closed Won"])
    with pytest.raises(ImportRefused, match="has its stages"):
        plan_stages([], known=OURS, told_order=["A"])


def test_of_rows_with_one_id_the_latest_update_holds_else_the_last() -> None:
    head = "id,name,stage,created,updated at,amount\n"
    found = batch(
        rows("1,new,New,2025-01-13,2025-03-02,2", "1,old,New,2025-01-13,2025-03-01,1", head=head)
    )
    assert [p.deal.name for p in found.deals] == ["new"]
    assert "updated later" in found.rejected[0].reason
    found = batch(rows("1,first,New,2025-01-13,,1", "1,second,New,2025-01-13,,2"))
    assert [p.deal.name for p in found.deals] == ["second"]
    assert "comes later" in found.rejected[0].reason


def test_a_deal_without_an_id_column_is_known_by_name_customer_and_opening() -> None:
    text = "name,customer,stage,created\nA,Oak,New,2025-01-13\nA,Oak,New,2025-01-14\n"
    found = parsed(text)
    keys = [d.external_id for d in found.deals]
    assert len(set(keys)) == 2
    assert keys == [d.external_id for d in parsed(text).deals]


def test_sources_carry_their_channel() -> None:
    head = "id,stage,created,source,channel\n"
    found = batch(
        rows("1,New,2025-01-13,Fair,outbound", "2,New,2025-01-13,Fair,", "3,New,2025-01-13,,Inbound",
             "4,New,2025-01-13,Web,", "5,New,2025-01-13,Ads,inbound", "6,New,2025-01-13,Ads,outbound",
             "7,New,2025-01-13,,sideways", head=head),
        channels={"web": "inbound"},
    )  # fmt: skip
    assert [p.source for p in found.deals] == [
        "Fair", "Fair", "Inbound", "Web", "Ads (inbound)", "Ads (outbound)", "",
    ]  # fmt: skip
    assert found.channels == {
        "Fair": "outbound", "Inbound": "inbound", "Web": "inbound",
        "Ads (inbound)": "inbound", "Ads (outbound)": "outbound",
    }  # fmt: skip
    assert any("sideways" in finding.sentence for finding in found.findings)


def test_spellings_that_differ_in_case_are_offered_as_one_and_not_merged() -> None:
    head = "id,stage,created,source\n"
    text = rows(
        "1,New,2025-01-13,Avito", "2,New,2025-01-13,avito", "3,New,2025-01-13,Avito", head=head
    )
    found = batch(text)
    assert {p.source for p in found.deals} == {"Avito", "avito"}
    offer = next(f.sentence for f in found.findings if f.kind == "spelling")
    assert "--rename 'source:avito=Avito'" in offer
    merged = batch(text, renames={("source", "avito"): "Avito"})
    assert {p.source for p in merged.deals} == {"Avito"}


def test_currencies_come_from_the_column_the_sign_what_was_told_or_the_company() -> None:
    head = "id,stage,created,amount,currency\n"
    found = parsed(
        rows("1,New,2025-01-13,5,USD", "2,New,2025-01-13,$5,", "3,New,2025-01-13,5,", "4,New,2025-01-13,$5,CAD",
             "5,New,2025-01-13,\u20ac5,USD", head=head),
        currency="SEK",
    )  # fmt: skip
    assert [d.currency for d in found.deals] == ["USD", "USD", "SEK", "CAD"]
    assert "another currency" in found.rejected[0].reason


def test_every_fault_of_a_row_is_told_at_once() -> None:
    found = parsed(rows("1,a,New,2025-02-30,,abc", "2,b,New,2025-01-13,,5"))
    assert found.rejected[0].column == "amount; opened"
    assert "not an amount" in found.rejected[0].reason
    assert "does not exist" in found.rejected[0].reason


def test_local_days_are_those_of_the_company_whatever_the_zone_of_the_file() -> None:
    found = parsed(
        rows("1,a,New,2025-07-01 23:30,,5"),
        company_zone=ZoneInfo("Asia/Tokyo"),
        file_zone=ZoneInfo("America/New_York"),
    )
    assert found.deals[0].opened == datetime(2025, 7, 2, 3, 30, tzinfo=UTC)


def test_names_are_made_of_customer_and_product_where_there_is_none() -> None:
    head = "id,stage,created,account,product,amount\n"
    found = parsed(
        rows(
            "1,New,2025-01-13,Oak,Plus,5",
            "2,New,2025-01-13,,Plus,",
            "3,New,2025-01-13,,,",
            head=head,
        )
    )
    assert [d.name for d in found.deals] == ["Oak, Plus", "Plus", "3"]
    assert [d.amount for d in found.deals] == [Decimal("5.00"), None, None]


def test_a_file_in_which_most_ids_repeat_is_taken_for_a_history() -> None:
    text = rows(*(f"{n % 5},a,New,2025-01-13,,5" for n in range(20)))
    with pytest.raises(ImportRefused, match="one row a change"):
        batch(text)
    assert len(batch(rows(*(f"{n},a,New,2025-01-13,,5" for n in range(20)))).deals) == 20


def test_rows_rejected_for_one_reason_are_told_together() -> None:
    from pipeline.importers.report import batch_lines

    found = batch(rows(*(f"{n},a,,2025-01-13,,5" for n in range(30)), "99,a,New,2025-01-13,,5"))
    said = batch_lines(found)
    assert "30 rows do not go in:" in said
    assert any("30 rows, the first on line 2, stage" in line for line in said)
    assert any(line.startswith("1 deal:") for line in said)
