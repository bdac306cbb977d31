"""Which deals count, when, and for what: equal follow-up to the day."""

import numpy as np
import pytest
from scipy import stats

from metrics.calc.experiments.kinds import Goal, Question
from metrics.calc.experiments.measures import (
    Side,
    deals_of,
    in_segment,
    observe_pair,
    usual_follow_up,
    weekly_spread,
)
from tests.calc.experiments.made import DAY0, everyone, history_of, over, side

WON_IN_30 = Question("won_within", 30)
NOBODY = [(0, 1)]


def look(history, question, *, before=(0, 10), after=(10, 20), day=100, **more):
    return observe_pair(
        history,
        question,
        everyone(history, *before),
        everyone(history, *after),
        instant=over(day),
        last_day=DAY0 + day,
        **more,
    )


def test_a_win_on_day_d_counts_and_one_a_day_later_does_not():
    history = history_of(
        (100, [(0, 1), (30, "won")]), (100, [(0, 1), (31, "won")]), (100, [(0, 1), (0, "won")])
    )
    before, _ = look(history, WON_IN_30)
    assert before.value.tolist() == [1, 0, 1]
    assert (before.level.k, before.level.n, before.level.young) == (2, 3, 0)


def test_a_deal_is_young_until_its_last_day_of_follow_up_is_over():
    """Also one that was won already: else the quick winners of the last weeks come in first."""
    history = history_of((100, [(5, 1), (6, "won")]), (100, [(5, 1), (6, "lost")]))
    young, _ = look(history, WON_IN_30, day=34)
    mature, _ = look(history, WON_IN_30, day=35)
    assert (young.size, young.young, young.empty) == (0, 2, "no_mature")
    assert (mature.size, mature.young, mature.empty) == (2, 0, None)
    assert set(mature.matured_on.tolist()) == {DAY0 + 35}


def test_deals_belong_by_the_day_they_opened():
    history = history_of(*((100, [(day, 1)]) for day in (-1, 0, 9, 10, 19, 20)))
    before, after = look(history, WON_IN_30)
    assert before.deal.tolist() == [1, 2]
    assert after.deal.tolist() == [3, 4]
    assert before.started_on.tolist() == [DAY0, DAY0 + 9]


def test_what_happened_later_than_the_look_does_not_exist():
    history = history_of((100, [(0, 1), (3, "won"), (40, 2)]), (100, [(0, 1), (30, "won")]))
    at_the_time, _ = look(history, WON_IN_30, day=35)
    later, _ = look(history, WON_IN_30, day=45)
    assert at_the_time.value.tolist() == [1, 1]
    assert later.value.tolist() == [0, 1], "a winning that was undone is none"


def test_stage_conversion_counts_from_reaching_the_stage():
    history = history_of(
        (100, [(0, 1), (20, 2), (25, "won")]),  # reaches 2 on day 20, got past on day 25
        (100, [(0, 1), (20, 2), (45, "won")]),  # too late by then
        (100, [(0, 1), (5, "lost")]),  # never reached 2
        (100, [(0, 1), (95, 2)]),  # reached it, but lately
        (100, [(0, 1), (40, "won")]),  # jumped over 2: reached and got past on one day
        (100, [(0, 1), (20, 2)], {"path_known": False}),
    )
    of_second, _ = look(history, Question("passed_within", 10, 2))
    assert of_second.deal.tolist() == [0, 1, 4]
    assert of_second.value.tolist() == [1, 0, 1]
    assert (of_second.belonging, of_second.reached, of_second.young) == (6, 4, 1)
    assert of_second.path_unknown == 1
    of_first, _ = look(history, Question("passed_within", 20, 1))
    assert of_first.value.tolist() == [1, 1, 0, 0, 0]


def test_cycle_and_size_are_of_deals_won_in_time():
    history = history_of(
        (100, [(0, 1), (12, "won")]),
        (None, [(1, 1), (21, "won")]),
        (0, [(2, 1), (32, "won")]),
        (300, [(3, 1), (60, "won")]),
        (300, [(4, 1), (9, "lost")]),
        (300, [(90, 1), (91, "won")]),
    )
    cycle, after = look(history, Question("cycle_days", 30), after=(80, 100))
    assert cycle.value.tolist() == [12, 20, 30]
    assert after.empty == "no_mature"
    size, _ = look(history, Question("deal_size", 30))
    assert size.value.tolist() == [100]
    assert size.without_amount == 2
    assert size.mature == 5


def test_deals_opened_count_at_once_over_the_days_that_are_over():
    history = history_of(*((100, [(day, 1)]) for day in (0, 0, 7, 11, 13, 14)))
    before, after = look(history, Question("opened_per_week"), after=(10, 24), day=13)
    assert (before.size, before.days, before.weeks) == (3, 10, 10 / 7)
    assert (after.size, after.days) == (2, 4)
    assert after.level.value == pytest.approx(2 / (4 / 7))
    none, _ = look(history, Question("opened_per_week"), before=(50, 60), day=13)
    assert (none.days, none.empty) == (0, "no_days")


def test_arms_by_rep_are_compared_per_rep():
    history = history_of(*((100, [(day, 1)]) for day in range(6)))
    question = Question("opened_per_week")
    arm = Side(np.ones(6, np.bool_), DAY0, DAY0 + 7, units=3)
    nobody = Side(np.zeros(6, np.bool_), DAY0, DAY0 + 7, units=0)
    found, empty = observe_pair(
        history, question, arm, nobody, instant=over(20), last_day=DAY0 + 20
    )
    assert found.level.value == pytest.approx(2.0)
    assert empty.empty == "arm_empty"


def test_looking_back_shows_what_was_mature_then():
    history = history_of(*((100, [(day, 1), (day + 1, "won")]) for day in range(8)))
    now, _ = look(history, WON_IN_30)
    for day in (29, 30, 33, 37, 80):
        then, _ = look(history, WON_IN_30, day=day)
        assert now.until(DAY0 + day).value.tolist() == then.value.tolist()
    counts, _ = look(history, Question("opened_per_week"))
    assert counts.until(DAY0 + 3).days == 4


def test_follow_up_that_runs_into_the_change_is_counted():
    history = history_of(*((100, [(day, 1)]) for day in (0, 4, 5, 9)))
    before, after = look(history, Question("won_within", 5), overlap_from=DAY0 + 10)
    assert before.overlapping == 2
    assert after.overlapping == 0


@pytest.mark.parametrize(
    ("cycles", "expected"), [([10, 20, 30], 28), ([10, 20, 31], 29), ([0, 0], 1), ([], None)]
)
def test_usual_follow_up_is_the_90th_percentile_of_won_cycles(cycles, expected):
    deals = [(1, [(0, 1), (cycle, "won")]) for cycle in cycles] + [(1, [(0, 1), (90, "lost")])]
    history = history_of(*deals)
    side = everyone(history, 0, 10)
    found = usual_follow_up(history, side, instant=over(200), last_day=DAY0 + 200)
    assert found == expected
    if cycles:
        assert found == max(1, np.ceil(np.percentile(cycles, 90)))


def test_segments_by_name():
    history = history_of(
        (1, NOBODY, {"channel": "inbound", "rep": "Ann"}),
        (1, NOBODY, {"channel": "outbound", "rep": "Ann"}),
        (1, NOBODY, {"channel": "inbound"}),
    )
    assert in_segment(history, "all").tolist() == [True] * 3
    assert in_segment(history, "channel=inbound").tolist() == [True, False, True]
    assert in_segment(history, "channel=inbound&rep=Ann").tolist() == [True, False, False]
    assert in_segment(history, "rep=unknown").tolist() == [False, False, True]
    assert not in_segment(history, "channel=gone").any()
    with pytest.raises(ValueError, match="no segment"):
        in_segment(history, "colour=red")


def test_deals_of_a_side_mature_or_not():
    history = history_of(*((100, [(day, 1)]) for day in (-1, 0, 9, 10, 19, 20)))
    assert deals_of(history, everyone(history, 0, 20), DAY0 + 12).tolist() == [1, 2, 3]
    assert deals_of(history, everyone(history, 50, 60), DAY0 + 12).tolist() == []


def test_weeks_that_vary_more_than_by_chance():
    calm = opened_on([0, 1, 8, 9, 15, 16, 22, 23], days=30)
    assert weekly_spread(calm) == (0.0, 1.0)
    wild = opened_on([0] * 9 + [8] + [15] + [22], days=28)
    index, p = weekly_spread(wild)
    assert index == pytest.approx(np.var([9, 1, 1, 1], ddof=1) / 3)
    assert p == pytest.approx(stats.chi2.sf(index * 3, 3))
    assert weekly_spread(opened_on([0, 8], days=27)) is None
    assert weekly_spread(opened_on([], days=90)) is None
    assert weekly_spread(opened_on([29], days=30)) is None


def opened_on(days_opened, days):
    ones = np.ones(len(days_opened))
    return side("opened_per_week", ones, matured=np.array(days_opened, int), days=days)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="follow-up"):
        Question("won_within")
    with pytest.raises(ValueError, match="stage"):
        Question("passed_within", 10)
    with pytest.raises(ValueError, match="stage"):
        Question("won_within", 10, 2)
    with pytest.raises(ValueError, match="no open stage 3"):
        look(history_of((1, NOBODY)), Question("passed_within", 10, 3))
    with pytest.raises(ValueError, match="more than nothing"):
        Goal("up", 0)
    with pytest.raises(ValueError, match="shrink"):
        Goal("down", 1.0).target("ratio")
    assert Goal("down", 0.2).target("ratio") == pytest.approx(0.8)
    assert Goal("down", 5.0).target("difference") == -5.0
