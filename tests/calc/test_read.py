"""What leans on other quarters: recent, usual, first, worth, came back, weighted pipeline."""

from dataclasses import replace

import pytest
from scipy import stats

from metrics.calc.read import cohort_conversions, cohort_pending, segment_figures
from metrics.calc.stored import StoredReason
from metrics.calc.velocity import VelocityOptions
from tests.calc.figures_maker import exits, figures, quarter, stage

# Six quarters; the first one is the company's first.
DAYS = ["2025-01-01", "2025-04-01", "2025-07-01", "2025-10-01", "2026-01-01", "2026-04-01"]


def history(**changes):
    """Stage 1 and 2; 10 won for 1,000 each in every quarter."""
    counts = [(5, 5), (40, 10), (30, 20), (40, 10), (30, 20), (20, 30)]
    found = []
    for number, (day, count) in enumerate(zip(DAYS, counts, strict=True)):
        stored = exits(count, (10, 10), won=10, lost=20, won_with_amount=8, revenue_won=8000.0)
        found.append(quarter(day, first=number == 0, all=changes.get(f"q{number}", stored)))
    return found


def last(quarters, label="2026-Q2", segment="all", **options):
    return segment_figures(quarters, **options)[label, segment]


def test_recent_is_this_quarter_and_the_four_before_it():
    first = last(history()).stages[0]
    # p_r(2) = 50 / 100, A_r = 1,000
    assert first.worth_of_one_more == pytest.approx(1000 * 0.5)
    assert first.expected_loss == pytest.approx(30 * 500)
    second = last(history()).stages[1]
    assert second.worth_of_one_more == pytest.approx(1000)


def test_usual_leaves_out_this_quarter_and_the_first():
    by_label = {label: found for (label, _), found in segment_figures(history()).items()}
    stages = {label: found.stages[0] for label, found in by_label.items()}
    assert (stages["2026-Q2"].usual_advanced, stages["2026-Q2"].usual_lost_at) == (140, 60)
    # of 2026-Q1 the four before are 2025-Q1 to Q4, and the first of them does not count
    assert (stages["2026-Q1"].usual_advanced, stages["2026-Q1"].usual_lost_at) == (110, 40)
    assert stages["2025-Q2"].usual_advanced is None
    assert stages["2025-Q2"].change_p is None
    assert stages["2025-Q2"].verdict == "too_few"
    # but the first quarter counts in recent: p_r(2) = 20 / 40
    assert stages["2025-Q2"].worth_of_one_more == pytest.approx(500)


def test_verdict_and_change_of_a_stage_that_got_worse():
    found = last(history()).stages
    expected = stats.fisher_exact([[20, 30], [140, 60]]).pvalue
    assert found[0].change_p == pytest.approx(expected, rel=1e-9)
    assert found[0].change_p_adjusted == pytest.approx(2 * expected, rel=1e-9)
    assert found[0].verdict == "danger"
    assert found[1].verdict == "healthy"
    assert found[1].chance_worse == pytest.approx(0.5, abs=0.02)
    assert last(history()).danger_order == (1, 2)


@pytest.mark.parametrize(("label", "has"), [("2025-Q2", False), ("2025-Q3", True)])
def test_there_are_no_levers_against_the_first_quarter(label, has):
    values = {
        "won": 5,
        "lost": 5,
        "won_with_amount": 5,
        "revenue_won": 500.0,
        "cycle_won_days": 50,
        "days": 90,
        "open_days": 900,
    }
    stored = exits((1, 1), **values)
    quarters = [
        quarter(day, first=number == 0, all=stored, channel_inbound=stored)
        for number, day in enumerate(DAYS)
    ]
    found = segment_figures(quarters)[label, "all"]
    assert (found.levers is not None) is has
    assert (found.win_rate_mix is not None) is has
    inbound = segment_figures(quarters)[label, "channel=inbound"]
    assert inbound.win_rate_mix is None
    assert found.velocity == pytest.approx(10 * 100 * 0.5 / 10)


def test_a_gap_between_quarters_is_not_bridged():
    quarters = history()
    del quarters[4]
    found = last(quarters)
    assert found.came_back is None
    assert found.levers is None
    # the window is five quarters of the calendar, not the last five rows
    assert found.stages[0].usual_advanced == 110


def test_came_back_is_the_bridge_to_the_quarter_before():
    quarters = history(
        q4=exits((1, 1), (1, 1), open_at_end=7), q5=exits((1, 1), (1, 1), open_at_start=9)
    )
    assert last(quarters).came_back == 2
    assert segment_figures(quarters)["2025-Q1", "all"].came_back is None


def test_a_segment_that_was_not_in_play_before_counts_as_zeros():
    quarters = history()
    stored = exits((3, 1), (2, 1), open_at_start=2, won=2, won_with_amount=1, revenue_won=700.0)
    quarters[5] = replace(
        quarters[5],
        segments={**quarters[5].segments, "rep=Ada": replace(
            quarters[5].segments["all"], figures=stored
        )},
    )  # fmt: skip
    found = last(quarters, segment="rep=Ada")
    assert found.came_back == 2
    assert found.stages[0].usual_advanced == 0
    assert found.stages[0].change_p is None
    assert found.stages[0].worth_of_one_more == pytest.approx(700 * 2 / 3)
    assert found.stages[0].worth_is_thin
    assert found.levers is None


def test_worth_is_empty_where_something_in_it_is():
    without_amount = exits((1, 1), (1, 1), won=3, revenue_won=None)
    found = last([quarter("2026-04-01", all=without_amount)])
    assert found.stages[0].worth_of_one_more is None
    assert found.stages[0].expected_loss is None
    no_exits = exits((1, 1), (0, 0), won=6, won_with_amount=6, revenue_won=600.0)
    found = last([quarter("2026-04-01", all=no_exits)])
    assert [s.worth_of_one_more for s in found.stages] == [None, 100.0]
    assert not found.stages[0].worth_is_thin
    assert found.stages[1].exit_conversion is None


def test_weighted_pipeline_takes_the_chances_of_all():
    stages = (
        stage(advanced=1, lost_at=1, open_deals=3, open_with_amount=2, open_amount=100.0),
        stage(advanced=1, lost_at=3, open_deals=1, open_with_amount=1, open_amount=1000.0),
    )
    own = figures(stages=stages, open_at_end=5, path_unknown=1)
    all_ = exits((1, 1), (1, 1), open_at_end=0)
    quarters = [quarter("2026-04-01", all=all_, channel_inbound=own)]
    found = last(quarters, segment="channel=inbound")
    assert found.weighted_pipeline == pytest.approx(100 * 0.25 + 1000 * 0.5)
    assert found.weighted_pipeline_without == 2  # one without amount, one of unknown path
    assert last(quarters).weighted_pipeline == 0
    no_chance = [quarter("2026-04-01", all=exits((0, 0), (0, 0)), channel_inbound=own)]
    found = last(no_chance, segment="channel=inbound")
    assert found.weighted_pipeline is None
    assert found.weighted_pipeline_without == 5


def test_quarters_of_other_definitions_or_stages_are_not_compared():
    old = exits((40, 10), (10, 10), won=9, won_with_amount=9, revenue_won=9.0)
    found = last(history(q4=old._replace(definitions="0")))
    assert found.stages[0].usual_advanced == 110
    assert found.came_back is None
    found = last(history(q4=old._replace(stages=old.stages[:1])))
    assert found.stages[0].usual_advanced == 110


def test_options_change_number_and_cycle_everywhere():
    stored = exits(
        (1, 1),
        days=90,
        open_days=900,
        in_play=40,
        won=5,
        lost=5,
        won_with_amount=5,
        revenue_won=500.0,
        cycle_won_days=50,
        cycle_closed_days=200,
        cycle_won_median=9.0,
        cycle_closed_median=19.0,
    )
    one = last([quarter("2026-04-01", all=stored)])
    assert (one.number_of_deals, one.cycle_mean, one.cycle_median) == (10, 10, 9)
    options = VelocityOptions(number="in_play", cycle="closed")
    other = last([quarter("2026-04-01", all=stored)], options=options)
    assert (other.number_of_deals, other.cycle_mean, other.cycle_median) == (40, 20, 19)
    assert other.velocity == pytest.approx(40 * 100 * 0.5 / 20)
    assert (other.number_of, other.cycle_of, other.cycle_deals) == ("in_play", "closed", 10)
    assert other.velocity_interval is None
    assert other.average_open == 10


def test_only_what_is_wanted_is_answered():
    found = segment_figures(history(), wanted=[("2026-Q2", "all"), ("2026-Q2", "rep=Nobody")])
    assert list(found) == [("2026-Q2", "all")]
    assert segment_figures([]) == {}


def test_losses_by_reason_keep_deals_and_amount():
    reasons = {"other": StoredReason(2, 0, None), "competitor": StoredReason(1, 1, 50.0)}
    stored = figures(stages=(stage(lost_at=3, value_lost_by_reason=reasons, value_lost=50.0,
                                   value_lost_with_amount=1),))  # fmt: skip
    found = last([quarter("2026-04-01", all=stored)]).stages[0]
    assert list(found.value_lost_by_reason.items()) == [
        ("competitor", (1, 50.0)),
        ("other", (2, None)),
    ]
    assert found.value_lost_without_amount == 2


def test_the_classic_picture_of_a_cohort():
    """100 booked, 90 held, 50 met the coach, 20 won."""
    stages = tuple(
        stage(cohort_reached=reached, cohort_pending=pending)
        for reached, pending in ((100, 1), (90, 2), (50, 0))
    )
    found = last([quarter("2026-04-01", all=figures(stages=stages, cohort_won=20))])
    assert cohort_conversions(found) == (0.9, pytest.approx(5 / 9), 0.4)
    assert cohort_pending(found) == 3
    empty = last([quarter("2026-04-01", all=figures(stages=(stage(),)))])
    assert cohort_conversions(empty) == (None,)


def test_win_rate_by_value_needs_both_sums():
    def value(**sums):
        stored = figures(stages=(), **sums)
        return last([quarter("2026-04-01", all=stored)]).win_rate_value

    assert value(revenue_won=30.0, amount_lost=70.0) == pytest.approx(0.3)
    assert value(revenue_won=None, amount_lost=70.0) is None
    assert value(revenue_won=30.0, amount_lost=None) is None
    assert value(revenue_won=0.0, amount_lost=0.0) is None
