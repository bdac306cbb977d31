"""Any two quarters against each other: levers, stages, other countings, what happened between."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.formats import Style
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.calendar import Quarter
from metrics.models import DangerPoint, Experiment, RecordedChange, Snapshot
from metrics.selectors.quarters_compare import Comparison, comparison
from metrics.selectors.quarters_definitions import (
    changes_over_time,
    differences,
    stage_places,
    terms_of,
)
from tests.metrics.figures import before, figures, stage
from tests.personas import World, client_of

PAGE = "/w/alpha/quarters/compare/"
STYLE = Style("en", "EUR")
DEFINITIONS: dict[str, Any] = {
    "definitions": "1",
    "timezone": "Europe/Paris",
    "currency": "EUR",
    "fiscal_year_start_month": 1,
    "settle_days": 7,
    "velocity_number": "average_open",
    "velocity_cycle": "won",
    "stages": ["Booked", "Held", "Met the coach"],
    "stage_ids": [11, 12, 13],
    "code": "0.1.0",
}


def compared(first: Any = None, second: Any = None, **other: Any) -> Comparison:
    found = comparison(
        first=first or before(),
        second=second or figures(),
        channels=({}, {}),
        definitions=(DEFINITIONS, {**DEFINITIONS, **other}),
        style=STYLE,
    )
    assert found is not None
    return found


def test_the_four_levers_add_up_to_the_difference() -> None:
    first, second = before(velocity=51.0 * 12_670 * (43 / 206) / 91), figures()
    second = replace(second, velocity=52.3 * 12_417 * (50 / 214) / 88)
    page = compared(first, second)
    total = sum(step.value for step in page.movement.steps)
    assert total == pytest.approx(second.velocity - first.velocity, rel=1e-9)
    assert "From <strong" in page.lede


def test_mix_and_rate_stand_apart_for_all_deals_only() -> None:
    first = {
        "channel=inbound": before(won=30, closed=100),
        "channel=outbound": before(won=10, closed=100),
    }
    second = {
        "channel=inbound": figures(won=15, closed=50),
        "channel=outbound": figures(won=15, closed=150),
    }
    found = comparison(
        first=before(),
        second=figures(),
        channels=(first, second),
        definitions=(DEFINITIONS, DEFINITIONS),
        style=STYLE,
    )
    assert found is not None
    # Both channels win as before: the whole fall is the mix.
    assert "\N{MINUS SIGN}5.0 pts because the mix of channels changed and 0.0 pts" in (
        found.movement.mix
    )
    part = compared(before(segment="rep=Ada"), figures(segment="rep=Ada"))
    assert part.movement.mix == ""


@pytest.mark.parametrize(
    "other",
    [
        {"velocity_number": "in_play"},
        {"velocity_cycle": "closed"},
        {"definitions": "2"},
        {"currency": "USD"},
    ],
)
def test_velocity_is_not_compared_where_a_factor_means_something_else(other: Any) -> None:
    page = compared(**other)
    assert page.movement.steps == ()
    assert page.movement.reason.startswith("Not compared: velocity was counted in different ways")
    assert page.lede == ""
    assert page.rows[0].change is None
    # Counts of deals mean the same in both.
    assert page.rows[-1].change is not None


def test_another_calendar_is_said_but_does_not_forbid_the_comparison() -> None:
    page = compared(timezone="Asia/Kolkata", fiscal_year_start_month=4)
    assert page.movement.steps
    found = differences(
        DEFINITIONS,
        {**DEFINITIONS, "timezone": "Asia/Kolkata", "fiscal_year_start_month": 4},
        STYLE,
    )
    assert [one.sentence for one in found] == [
        "Time zone: Europe/Paris, then Asia/Kolkata.",
        "Fiscal year starts in: January, then April.",
    ]


def test_a_first_quarter_and_one_without_velocity_say_why() -> None:
    assert "incomplete" in compared(before(first=True)).movement.reason
    empty = figures(velocity=None, velocity_empty="no_won")
    assert "No deal was won" in compared(second=empty).movement.reason


def test_a_stage_changed_clearly_or_not_or_there_are_too_few() -> None:
    first = before(
        stages=(
            stage(1, "Booked", advanced=80, lost_at=20),
            stage(2, "Held", advanced=80, lost_at=20),
            stage(3, "Met the coach", advanced=5, lost_at=2),
        )
    )
    second = figures(
        stages=(
            stage(1, "Booked", advanced=82, lost_at=18),
            stage(2, "Held", advanced=40, lost_at=60),
            stage(3, "Met the coach", advanced=40, lost_at=60),
        )
    )
    page = compared(first, second)
    assert [row.verdict for row in page.stages] == [
        "no clear change",
        "clearly worse",
        "too few deals to tell",
    ]
    assert page.stages[1].difference == "\N{MINUS SIGN}40.0 pts"
    assert page.stages[1].interval.startswith("95% \N{MINUS SIGN}51.")
    assert page.stages_note == "1 stage changed clearly."


def test_other_stages_stand_side_by_side_and_renamed_ones_are_compared() -> None:
    page = compared(stages=["Booked", "Demo", "Met the coach"], stage_ids=[11, 14, 13])
    assert "different stages" in page.stages_note
    assert all(row.difference == "" and row.verdict == "" for row in page.stages)
    assert page.stages[1].first == "no such stage"
    renamed = figures(stages=(stage(1, "Call"), stage(2, "Held"), stage(3, "Met the coach")))
    again = compared(second=renamed, stages=["Call", "Held", "Met the coach"])
    assert again.stages[0].name == "Call (was Booked)"
    assert again.stages[0].verdict != ""


def test_stages_are_found_by_what_they_are_not_by_their_place() -> None:
    moved = {**DEFINITIONS, "stage_ids": [12, 11, 15]}
    assert stage_places(DEFINITIONS, moved) == {1: 2, 2: 1}


def test_a_change_of_counting_is_told_at_its_quarter() -> None:
    quarters = [
        Quarter(date(2026, 1, 1), date(2026, 4, 1), "2026-Q1"),
        Quarter(date(2026, 4, 1), date(2026, 7, 1), "2026-Q2"),
    ]
    kept = {quarters[0].start: DEFINITIONS, quarters[1].start: DEFINITIONS}
    assert changes_over_time(quarters, kept, STYLE) == ()
    kept[quarters[1].start] = {**DEFINITIONS, "velocity_cycle": "closed"}
    [said] = changes_over_time(quarters, kept, STYLE)
    assert said.startswith("From Q2 2026 on figures rest on other settings")
    assert "Cycle: of deals won, then of all deals closed." in said
    assert {t.name: t.text for t in terms_of(DEFINITIONS, STYLE)}["Days to settle"] == "7 days"


@pytest.fixture
def manager(computed: World) -> Client:
    return client_of(computed.a.user(Role.MANAGER))


def test_without_names_the_newest_is_compared_with_the_one_before(manager: Client) -> None:
    context = manager.get(PAGE).context
    assert (context["first"], context["second"]) == ("Q1 2026", "Q2 2026")
    assert context["unfinished"] == ["Q2 2026"]
    turned = manager.get(PAGE, {"a": "2026-Q2", "b": "2025-Q4"}).context
    assert (turned["first"], turned["second"]) == ("Q4 2025", "Q2 2026")
    assert "first quarter on record" in turned["page"].movement.reason


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"a": "2031-Q1"}, "There is no quarter called 2031-Q1."),
        ({"a": "2026-Q1", "b": "<b>"}, "There is no quarter called &lt;b&gt;."),
        ({"a": "2026-Q1", "b": "2026-Q1"}, "A quarter is not compared with itself."),
        ({"seg": "product=Nothing"}, "Nothing has no deal in Q1 2026."),
    ],
)
def test_what_cannot_be_compared_gets_a_sentence(
    manager: Client, query: dict[str, str], said: str
) -> None:
    response = manager.get(PAGE, query)
    assert response.status_code == 200
    assert said in response.content.decode()


def test_quarters_of_other_settings_say_so_on_the_page(computed: World) -> None:
    with company_context(computed.a.company.pk):
        row = Snapshot.objects.get(segment="all", quarter_start=date(2026, 4, 1))
        row.definitions = {**row.definitions, "velocity_number": "opened"}
        row.save(update_fields=["definitions"])
    response = client_of(computed.a.user(Role.LEADER)).get(PAGE)
    body = response.content.decode()
    assert "The two quarters were not counted in the same way." in body
    assert "Number of deals: Open deals, on an average day, then Deals opened" in body
    assert response.context["page"].movement.steps == ()
    listed = client_of(computed.a.user(Role.LEADER)).get("/w/alpha/quarters/").content.decode()
    assert "From Q2 2026 on figures rest on other settings" in listed


def test_what_happened_in_between_is_listed_by_day(computed: World) -> None:
    a = computed.a
    inside, outside = datetime(2026, 4, 10, 9, tzinfo=UTC), datetime(2026, 3, 31, 9, tzinfo=UTC)
    point = {"pipeline": a.pipeline, "opened_quarter": "2026-Q1"}
    with company_context(a.company.pk):
        DangerPoint.objects.create(stage=a.stages["Held"], opened_at=inside, **point)
        DangerPoint.objects.create(
            stage=a.stages["Coach"],
            segment="channel=inbound",
            state="resolved",
            opened_at=outside,
            closed_at=inside,
            **point,
        )
        RecordedChange.objects.create(
            happened_on=date(2026, 4, 11), text="New price list", recorded_at=inside
        )
        RecordedChange.objects.create(
            happened_on=date(2026, 3, 11), text="Before it", recorded_at=outside
        )
        Experiment.objects.create(
            title="Shorter offer",
            pipeline=a.pipeline,
            measure="win_rate",
            created_at=outside,
            state="decided",
            decided_at=inside,
            decided_by=a.user(Role.MANAGER),
            decision="adopt",
        )
    client = client_of(a.user(Role.LEADER))
    found = client.get(PAGE, {"a": "2026-Q1", "b": "2026-Q2"}).context["between"]
    assert [(h.day, h.text) for h in found.opened] == [("10 Apr 2026", "Held")]
    assert [(h.text, h.note) for h in found.ended] == [("Coach (Inbound)", "Resolved")]
    assert [(h.text, h.note) for h in found.experiments] == [("Shorter offer", "Adopted")]
    assert [h.text for h in found.changes] == ["New price list"]
    # Of a segment what concerns it or all deals, and not what happened to inbound ones.
    asked = {"a": "2025-Q4", "b": "2026-Q2", "seg": "channel=outbound"}
    outbound = client.get(PAGE, asked).context["between"]
    assert [(h.day, h.text) for h in outbound.opened] == [("10 Apr 2026", "Held")]
    assert outbound.ended == ()
    assert [h.text for h in outbound.changes] == ["Before it", "New price list"]
    whole = client.get(PAGE, {**asked, "seg": "all"}).context["between"]
    assert [h.text for h in whole.opened] == ["Coach (Inbound)", "Held"]


def test_reps_who_joined_and_left_are_those_with_deals_in_play(computed: World) -> None:
    """In Q4 both had one in play; in Q1 Ada alone, whose deal was lost in January; then both."""
    client = client_of(computed.a.user(Role.LEADER))

    def between(a: str, b: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        found = client.get(PAGE, {"a": a, "b": b}).context["between"]
        return found.joined, found.left

    assert between("2025-Q4", "2026-Q1") == ((), ("Ben",))
    assert between("2026-Q1", "2026-Q2") == (("Ben",), ())
    assert between("2025-Q4", "2026-Q2") == ((), ())
