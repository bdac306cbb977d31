"""What the Funnel page says, from figures made by hand."""

from dataclasses import replace
from itertools import pairwise

import pytest

from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.reports.funnel_chart import column_of
from metrics.selectors.funnel_page import FunnelPage, funnel_page
from metrics.selectors.wording import Reading
from metrics.views.funnel_charts import funnel_charts
from tests.metrics.figures import STAGES, before, figures, stage

STYLE = Style("en", "EUR")
QUARTERS = ("2026-Q2", "2026-Q3")


def page_of(*history: SegmentFigures, unit: str = "per100", at: int | None = None) -> FunnelPage:
    page = funnel_page(
        history=history or (before(), figures()), quarters=QUARTERS, unit=unit, at=at,
        reading=Reading(STYLE),
    )  # fmt: skip
    assert page is not None
    return page


def test_the_classic_picture() -> None:
    page = page_of()
    assert [c.value for c in page.columns] == ["100", "90", "50", "20"]
    assert [c.name for c in page.columns] == ["Booked", "Held", "Met the coach", "Won"]
    assert page.lede.text == (
        "Of 100 deals opened in Q3 2026, 20 were won. Worse than usual: Met the coach, where"
        " 60.0% (60 of 100) are lost on leaving, usually 52.0%."
    )
    assert page.columns[2].cohort_line.text == "30 lost of 50"
    assert page.columns[2].count.text == "n = 100"


def test_levels_losses_and_the_next_level_meet() -> None:
    columns = [column_of(c) for c in page_of().columns]
    for here, following in pairwise(columns):
        assert here.next_level == pytest.approx(following.level)


def test_units() -> None:
    assert [c.value for c in page_of(unit="deals").columns] == ["200", "180", "100", "40"]
    money = page_of(unit="money").columns
    assert [c.value for c in money] == ["€20,000", "€20,000", "€20,000", "€596,000"]
    assert money[0].count.text == "amount lost here in the quarter"


def exits_of(*history: SegmentFigures, unit: str = "per100") -> FunnelPage:
    page = funnel_page(
        history=history or (before(), figures()), quarters=QUARTERS, unit=unit, at=None,
        reading=Reading(STYLE), exits=True,
    )  # fmt: skip
    assert page is not None
    return page


def test_the_exits_in_every_unit() -> None:
    page = exits_of()
    assert [c.value for c in page.columns] == ["80", "80", "40", "23"]
    coach = page.columns[2]
    assert coach.count.text == "n = 100"
    assert coach.cohort_line.text == "60 lost of 100 that left"
    assert coach.exits_line.text == "95% 31 to 50% went on, usual 48.0%"
    assert page.columns[3].cohort_line.text == "23 won of 100 that closed"
    assert page.columns[3].exits_line.text == "95% 18 to 30% of what closed was won"
    assert page.unfinished is None
    assert page.lede.text.startswith("Of 214 deals closed in Q3 2026, 50 were won. Worse than")
    assert [column_of(c).next_level for c in page.columns[:3]] == pytest.approx([0.8, 0.8, 0.4])
    deals = exits_of(unit="deals").columns
    assert [c.value for c in deals] == ["80", "80", "40", "50"]
    assert deals[2].cohort_line.text == "60 lost of 100 that left"
    money = exits_of(unit="money").columns
    assert [c.value for c in money] == ["€20,000", "€20,000", "€20,000", "€596,000"]
    assert money[2].exits_line.text == "Expected loss up to €30,000"


def test_few_exits_are_counts_and_none_is_said_so() -> None:
    none = replace(STAGES[0], advanced=0, lost_at=0, exit_conversion=None, exit_interval=None)
    few = replace(STAGES[1], advanced=3, lost_at=2, exit_conversion=0.6, exit_interval=(0.2, 0.9))
    page = exits_of(figures(stages=(none, few, STAGES[2])))
    assert [c.value for c in page.columns[:3]] == ["\N{EN DASH}", "3 of 5", "40"]
    assert page.columns[0].cohort_line.text == "No deal left this stage in the quarter"
    assert page.columns[1].cohort_line.text == "2 lost of 5 that left"
    assert page.columns[1].exits_line.text == "usually 80.0% went on"
    page = exits_of(figures(stages=(none, few), danger_order=(2, 1), won=2, closed=5, lost=3))
    assert page.unit == "deals"
    assert "Fewer than 10 deals left any stage" in page.notices[0].text
    # The drawing is there though no deal left the first stage.
    assert funnel_charts(page, style=STYLE)["funnel"].drawings


def test_an_unfinished_cohort_is_marked_with_its_number() -> None:
    stages = (replace(STAGES[0], cohort_lost=8, cohort_pending=12), *STAGES[1:])
    page = page_of(figures(stages=stages))
    assert page.unfinished is not None
    assert "Unfinished: 12 still under way" in page.unfinished.text
    assert "are won so far" in page.lede.text
    assert page.columns[0].cohort_line.text == "4 lost of 100, 6 still open"


def test_under_ten_deals_counts_stand_in_for_rates() -> None:
    few = stage(1, "Booked", cohort_reached=7, cohort_lost=4, cohort_pending=1)
    page = page_of(figures(stages=(few,), danger_order=(1,), cohort_won=2))
    assert page.unit == "deals"
    assert page.columns[0].value == "7"
    assert page.lede.text.startswith("Of 7 deals opened in Q3 2026, 2 are won so far.")
    assert "counts are shown" in page.notices[0].text


def test_a_quarter_without_openings() -> None:
    none = stage(1, "Booked", cohort_reached=0, cohort_lost=0, advanced=0, lost_at=0,
                 exit_conversion=None, exit_interval=None, value_lost=0.0,
                 value_lost_by_reason={}, verdict="too_few", chance_worse=None)  # fmt: skip
    page = page_of(figures(stages=(none,), danger_order=(1,), cohort_won=0, opened=0))
    assert "No deal was opened in Q3 2026." in page.lede.text
    assert "Too few deals left the stages" in page.lede.text
    assert funnel_charts(page, style=STYLE)["funnel"].drawings == ()
    assert page.stage is not None
    assert page.stage.reasons_empty


def test_a_pipeline_without_stages_still_has_a_page() -> None:
    page = page_of(figures(stages=(), danger_order=()))
    assert page.stage is None
    assert [c.name for c in page.columns] == ["Won"]


def test_the_worst_stage_is_selected_unless_another_is_asked_for() -> None:
    assert page_of().stage.position == 3
    assert page_of(at=1).stage.position == 1
    page = page_of(at=77)
    assert page.stage.position == 3
    assert "no stage of that number" in page.notices[0].text
    assert [c.selected for c in page.columns] == [False, False, True, False]


def test_deals_without_their_path_are_counted() -> None:
    assert (
        page_of(figures(path_unknown=1)).notices[0].text.startswith("1 deal came without its path")
    )
    assert (
        page_of(figures(path_unknown=5))
        .notices[0]
        .text.startswith("5 deals came without their path")
    )


def facts(page: FunnelPage) -> dict[str, tuple[str, str]]:
    assert page.stage is not None
    return {row.anchor: (row.figure.text, row.note.text) for row in page.stage.rows}


def usual(page: FunnelPage) -> dict[str, tuple[str, str]]:
    assert page.stage is not None
    rows = [row for row in page.stage.rows if row.usual is not None]
    return {row.anchor: (row.usual.text, row.usual_note) for row in rows}


def test_the_selected_stage_in_full() -> None:
    found = facts(page_of())
    assert found["exit-conversion"] == ("40.0% (40 of 100)", "95% 31 to 50%")
    assert usual(page_of())["exit-conversion"] == (
        "48.0% (192 of 400)",
        "the four quarters before",
    )
    assert usual(page_of())["time-in-stage"] == (
        "10 days",
        "the middle of the medians of Q2 26 (10)",
    )
    assert found["change"] == ("a clear change", "p = 0.01, adjusted for looking at every stage")
    assert found["time-in-stage"] == ("median 10 days", "nine in ten within 24 days, n = 0")
    assert found["kaplan-meier"][0] == "half have left after 11 days"
    assert found["value-lost"] == ("€20,000", "60 deals")
    assert found["worth-of-one-more"] == ("€500", "")
    assert found["expected-loss"][0] == "up to €30,000"
    assert page_of().stage.lede == "The chance that the loss is above usual is 95 in 100."


def test_what_cannot_be_computed_has_its_words() -> None:
    bare = stage(1, "Booked", advanced=3, lost_at=2, exit_conversion=0.6, exit_interval=(0.2, 0.9),
                 days_median=None, days_p90=None, days_median_km=None, usual_advanced=None,
                 usual_lost_at=None, chance_worse=None, verdict="too_few", change_p=None,
                 change_p_adjusted=None, worth_of_one_more=None, expected_loss=None,
                 value_lost=None)  # fmt: skip
    page = page_of(figures(stages=(bare,), danger_order=(1,)))
    found = facts(page)
    assert found["exit-conversion"] == ("3 of 5", "")
    assert usual(page)["exit-conversion"][0] == "nothing to compare with yet"
    assert usual(page)["time-in-stage"][0] == "nothing to compare with yet"
    assert found["change"][0] == "not computable"
    assert found["kaplan-meier"][0] == "not yet half have left"
    assert found["value-lost"][0] == "no amounts"
    assert found["expected-loss"][0].startswith("not computable")
    assert page.stage.conversion is None
    assert "5 left this stage in the quarter and 0" in page.stage.lede
    assert funnel_charts(page, style=STYLE)["interval"].drawings == ()


def test_every_anchor_exists_in_the_definitions() -> None:
    from metrics.selectors.definitions import SOURCE

    source = SOURCE.read_text(encoding="utf-8")
    for anchor in facts(page_of()):
        assert f"{{#{anchor}}}" in source


def test_reasons_by_number_of_deals() -> None:
    reasons = page_of(at=1).stage.reasons
    assert [(r.name, r.deals_line.text, r.amount_line.text) for r in reasons] == [
        ("Competitor", "12", "€12,000"),
        ("Not recorded", "8", "€8,000"),
    ]


def test_a_renamed_stage_keeps_its_history_by_position() -> None:
    renamed = tuple(replace(s, name=s.name.replace("Held", "Discovery")) for s in STAGES)
    page = page_of(before(), figures(stages=renamed), at=2)
    assert [row.figure.text for row in page.stage.history] == ["80.0% (80 of 100)"] * 2


def test_a_running_quarter_is_marked_in_the_history() -> None:
    page = page_of(before(), figures(status="running", version=0))
    assert [row.running for row in page.stage.history] == [False, True]
    assert page.status == "Running"
