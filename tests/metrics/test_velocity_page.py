"""What the Velocity page says, from figures made by hand."""

from dataclasses import replace
from typing import get_args

import pytest

from accounts.formats import Style
from metrics.calc.types import SegmentFigures, VelocityEmpty
from metrics.reports.velocity_charts import velocity_charts
from metrics.selectors.channels import channel_segments
from metrics.selectors.velocity_page import VelocityPage, velocity_page
from metrics.selectors.wording import Reading
from tests.metrics.figures import before, figures, stage

STYLE = Style("en", "EUR")
QUARTERS = ("2026-Q1", "2026-Q2", "2026-Q3")


def page_of(
    *history: SegmentFigures, segment: str = "all", reading: Reading | None = None, **channels: list
) -> VelocityPage:
    page = velocity_page(
        history=history,
        channels={name.replace("_", "="): rows for name, rows in channels.items()},
        quarters=QUARTERS,
        segment=segment,
        reading=reading or Reading(STYLE),
    )
    assert page is not None
    return page


def text(html: str) -> str:
    return (
        html.replace('<strong class="nowrap">', "").replace("<strong>", "").replace("</strong>", "")
    )


def test_the_lede_says_how_much_and_what_moved_it() -> None:
    page = page_of(before(), figures())
    assert text(page.lede) == (
        "Your pipeline turned into €8,466 per day in Q3 2026, €1,284 more than in Q2 2026."
        " What moved it most: a higher win rate, +€880 a day."
        " What held against it: smaller deals, −€156 a day."
    )


def test_a_fall_names_its_cause_first() -> None:
    levers = replace(figures().levers, win_rate=-900.0, number=100.0, amount=0.0, cycle=10.0)
    page = page_of(before(), figures(velocity=6392.0, levers=levers))
    assert "€790 less than in Q2 2026" in text(page.lede)
    assert "What moved it most: a lower win rate, −€900" in text(page.lede)
    assert "against it: more deals, +€100" in text(page.lede)


def test_a_change_that_is_written_as_zero_is_called_the_same() -> None:
    page = page_of(before(velocity=8466.2), figures())
    assert text(page.lede).startswith(
        "Your pipeline turned into €8,466 per day in Q3 2026, about as much as in Q2 2026."
    )
    assert page.hero.delta.text == "0.0%"
    assert page.hero.delta.tone == ""


def test_a_running_quarter_says_so_far() -> None:
    page = page_of(before(), figures(status="running", version=0))
    assert "so far in Q3 2026" in text(page.lede)
    assert (page.hero.status, page.hero.status_tone) == ("Running", "accent")
    assert [row.running for row in page.trend] == [False, False, True]


def test_the_first_quarter_is_compared_with_nothing() -> None:
    page = velocity_page(
        history=[figures("2026-Q1", first=True, levers=None, win_rate_mix=None)],
        channels={}, quarters=["2026-Q1"], segment="all", reading=Reading(STYLE),
    )  # fmt: skip
    assert page is not None
    assert "first quarter on record" in page.lede
    assert page.hero.delta is None
    assert all(cell.delta is None for cell in page.levers)
    assert "first quarter" in page.movement.reason
    assert "levers" not in velocity_charts(page, style=STYLE)


def test_nothing_is_compared_with_a_first_quarter() -> None:
    page = page_of(before(first=True), figures(levers=None))
    assert page.hero.delta is None
    assert all(cell.delta is None and cell.before == "" for cell in page.levers)
    assert "incomplete" in page.movement.reason
    assert "incomplete" in page.lede


@pytest.mark.parametrize("reason", get_args(VelocityEmpty))
def test_every_empty_velocity_has_its_sentence(reason: str) -> None:
    empty = figures(velocity=None, velocity_empty=reason, velocity_interval=None, levers=None)
    page = page_of(before(), empty)
    assert page.hero.value == ""
    assert len(page.hero.reason) > 10
    assert page.hero.reason in page.lede
    assert page.hero.reason in page.movement.reason
    assert "€0" not in text(page.lede)


def test_one_deal_that_was_lost() -> None:
    one = figures(
        opened=1, won=0, lost=1, closed=1, won_with_amount=0, revenue_won=None, avg_deal_size=None,
        win_rate=0.0, win_rate_interval=(0.0, 0.79), win_rate_value=None, cycle_mean=None,
        cycle_median=None, cycle_p90=None, velocity=None, velocity_empty="no_won",
        velocity_interval=None, levers=None, amount_open_at_end=None,
    )  # fmt: skip
    page = page_of(one)
    cells = {cell.name: cell for cell in page.levers}
    assert cells["Win rate"].value == "0 of 1"
    assert cells["Win rate"].lines == ("closed; too few for a rate",)
    assert cells["Average deal"].missing
    assert cells["Sales cycle"].value == "no deal won"
    assert page.notices == (
        "Thin: only 1 deal closed in this quarter, so every rate here may be chance.",
    )


def test_a_segment_without_figures_in_the_quarter_has_no_page() -> None:
    page = velocity_page(
        history=[before()], channels={}, quarters=QUARTERS, segment="all", reading=Reading(STYLE)
    )
    assert page is None


def test_the_equation_shows_value_change_n_and_interval() -> None:
    page = page_of(before(), figures())
    number, win, amount, cycle = page.levers
    assert (number.value, number.delta.text, number.delta.tone) == ("52.3", "+2.5%", "better")
    assert (win.value, win.delta.text) == ("23.4%", "+2.5 pts")
    assert win.before == "from 20.9%"
    assert win.lines == ("50 of 214; 95% 18 to 30%",)
    assert (amount.value, amount.delta.text, amount.delta.tone) == ("€12,417", "−2.0%", "worse")
    assert amount.lines == ("mean of 48 won deals", "2 won without an amount")
    assert (cycle.value, cycle.delta.text, cycle.delta.icon, cycle.delta.tone) == (
        "88 days", "−3 days", "arrow-down-right", "better",
    )  # fmt: skip
    assert [cell.operator for cell in page.levers] == ["", "×", "×", "÷"]


def test_the_companys_choice_of_n_and_c_is_named() -> None:
    reading = Reading(STYLE, number="closed", cycle="closed")
    page = page_of(figures(number_of_deals=214.0), reading=reading)
    assert page.levers[0].name == "Deals closed"
    assert page.levers[0].value == "214"
    assert page.levers[3].lines[1] == "214 closed deals"


def test_no_rate_is_compared_under_ten() -> None:
    few = before(won=3, lost=4, closed=7, win_rate=3 / 7)
    page = page_of(few, figures())
    assert page.levers[1].delta is None
    assert page.levers[1].before == "from 3 of 7"


def test_the_steps_add_up_to_the_change() -> None:
    page = page_of(before(), figures())
    steps = page.movement.steps
    assert page.movement.before + sum(s.value for s in steps) == pytest.approx(page.movement.after)
    assert [s.text for s in steps] == ["+€297", "+€880", "−€156", "+€263"]


def test_mix_and_rate_add_up_in_words() -> None:
    page = page_of(before(), figures(win_rate_mix=0.014, win_rate_rate=-0.059))
    assert page.movement.mix.startswith("Win rate of all deals: −4.5 pts. Of it, +1.4 pts")
    assert page_of(before(), figures(win_rate_mix=None)).movement.mix == ""


@pytest.mark.parametrize(
    ("segment", "parts"),
    [
        ("all", ("channel=inbound", "channel=outbound")),
        ("channel=inbound", ("channel=inbound", "channel=outbound")),
        ("product=Course", ("channel=inbound&product=Course", "channel=outbound&product=Course")),
        ("channel=inbound&rep=Ada", ("channel=inbound&rep=Ada", "channel=outbound&rep=Ada")),
        ("product=Course&rep=Ada", ()),
    ],
)
def test_which_segments_stand_beside_each_other(segment: str, parts: tuple[str, ...]) -> None:
    assert channel_segments(segment) == parts


def test_inbound_beside_outbound() -> None:
    page = page_of(
        before(), figures(),
        channel_inbound=[before(), figures()],
        channel_outbound=[figures(velocity=None, velocity_empty="no_won", won=0, win_rate=0.0)],
        channel_unknown=[figures(in_play=4)],
    )  # fmt: skip
    rows = {row.name: row for row in page.channels.rows}
    inbound, outbound = rows["Velocity per day"].cells
    assert (inbound[0], inbound[1].text) == ("€8,466", "+17.9%")
    assert outbound == ("–", None)
    assert page.channels.note.startswith("4 deals in play have no channel")


def test_without_channels_a_sentence_says_why() -> None:
    assert "has a channel" in page_of(figures()).channels.reason
    two = page_of(figures(), segment="product=Course&rep=Ada")
    assert "third by channel" in two.channels.reason


def test_danger_points_in_their_fixed_order() -> None:
    page = page_of(before(), figures())
    assert [row.name for row in page.danger] == [
        "Met the coach → Won", "Held → Met the coach", "Booked → Held",
    ]  # fmt: skip
    worst = page.danger[0]
    assert (worst.verdict, worst.word) == ("danger", "Danger")
    assert worst.line == "60.0% (60 of 100) lost on leaving, usual 52.0%"
    assert worst.worth == "Cost up to €30,000"


def test_a_danger_point_without_exits_or_worth() -> None:
    bare = stage(1, "Booked", advanced=0, lost_at=0, exit_conversion=None, exit_interval=None,
                 usual_advanced=None, usual_lost_at=None, chance_worse=None, verdict="too_few",
                 expected_loss=None, worth_of_one_more=None)  # fmt: skip
    [row] = page_of(figures(stages=(bare,), danger_order=(1,))).danger
    assert row.line == "No deal left this stage in the quarter"
    assert "not computable" in row.worth


def test_the_bridge_adds_up() -> None:
    page = page_of(before(open_at_end=50), figures(open_at_start=59, came_back=9, open_at_end=45))
    assert [(f.term, f.figure) for f in page.bridge] == [
        ("Open when Q2 2026 ended", "50"),
        ("Came back", "+9"),
        ("Opened", "+200"),
        ("Won", "−50"),
        ("Lost", "−164"),
        ("Open at the end", "45"),
    ]


def test_a_missing_rate_of_exchange_is_shown_as_an_error() -> None:
    assert "2 deals have an amount in a currency" in page_of(figures(rate_missing=2)).notices[0]


def test_a_restated_quarter_names_its_version() -> None:
    assert "restated (version 3)" in page_of(figures(version=3)).hero.status_note


def test_hostile_names_are_escaped_in_sentences() -> None:
    name = "<script>alert(1)</script>"
    bad = stage(1, name, verdict="danger")
    from metrics.selectors.funnel_page import funnel_page

    page = funnel_page(
        history=[figures(stages=(bad,), danger_order=(1,))], quarters=QUARTERS, unit="per100",
        at=None, reading=Reading(STYLE),
    )  # fmt: skip
    assert page is not None
    assert "<script>" not in page.lede.linked
    assert "&lt;script&gt;" in page.lede.linked


def test_the_trend_keeps_eight_quarters_and_says_what_is_missing() -> None:
    labels = tuple(f"{2023 + i // 4}-Q{i % 4 + 1}" for i in range(12))
    history = [figures(label) for label in labels if label != "2025-Q1"]
    page = velocity_page(
        history=history, channels={}, quarters=labels, segment="all", reading=Reading(STYLE)
    )
    assert page is not None
    assert [row.quarter for row in page.trend] == list(labels[-8:])
    gap = next(row for row in page.trend if row.quarter == "2025-Q1")
    assert (gap.velocity, gap.velocity_text) == (None, "no deals")
    chart = velocity_charts(page, style=STYLE)["trend"]
    assert len(chart.table.rows) == 8
    assert chart.table.raw[-1][2] == 8466.0
