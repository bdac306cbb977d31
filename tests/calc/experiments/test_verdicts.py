"""What is said, when, and what it would take to say more."""

import math

import pytest

from metrics.calc.experiments.estimates import Estimate, estimate
from metrics.calc.experiments.kinds import Goal, NotComputable
from metrics.calc.experiments.sequences import AlwaysValid, always_valid
from metrics.calc.experiments.verdicts import (
    Settling,
    judge,
    verdict_of,
    what_would_settle,
)
from tests.calc.experiments.made import conversion, opened, side

UP, DOWN = Goal("up", 0.06), Goal("down", 0.06)


def judged(before, after, goal):
    return judge(estimate(before, after, goal), always_valid(before, after), goal)


@pytest.mark.parametrize(
    ("before", "after", "goal", "verdict", "words"),
    [
        (conversion(14, 86), conversion(17, 71), UP, "no_evidence_yet", "likely_better"),
        (conversion(14, 86), conversion(17, 71), DOWN, "no_evidence_yet", "likely_worse"),
        (conversion(14, 86), conversion(12, 71), UP, "no_evidence_yet", "no_visible_change"),
        (conversion(10, 60), conversion(30, 45), UP, "better", "better"),
        (conversion(10, 60), conversion(30, 45), DOWN, "worse", "worse"),
        (conversion(40, 60), conversion(10, 60), UP, "worse", "worse"),
        (conversion(14, 86), conversion(4, 9), UP, "no_evidence_yet", "too_early"),
        (conversion(14, 86), conversion(0, 0, young=9), UP, "no_evidence_yet", "too_early"),
        (opened(50, 182), opened(60, 91), UP, "better", "better"),
        (opened(0, 182), opened(60, 91), UP, "better", "better"),
        (opened(0, 182), opened(60, 91), DOWN, "worse", "worse"),
        (opened(0, 182), opened(1, 91), UP, "no_evidence_yet", "too_early"),
        (conversion(0, 40), conversion(0, 30), UP, "no_evidence_yet", "no_visible_change"),
    ],
)
def test_verdict_and_words(before, after, goal, verdict, words):
    found = judged(before, after, goal)
    assert (found.verdict, found.words) == (verdict, words)


def test_the_reason_stays_with_the_verdict():
    assert judged(opened(0, 182), opened(60, 91), UP).reason == "baseline_zero"
    assert judged(conversion(1, 9), conversion(0, 0), UP).reason == "no_deals"
    assert judged(conversion(10, 60), conversion(30, 45), UP).reason is None


def test_only_the_always_valid_interval_decides():
    """One look would have called this better; who looks every day may not."""
    before, after = conversion(20, 100), conversion(26, 71)
    once, always = estimate(before, after, UP), always_valid(before, after)
    assert isinstance(once, Estimate)
    assert isinstance(always, AlwaysValid)
    assert once.interval[0] > 0 > always.interval[0]
    assert judge(once, always, UP).verdict == "no_evidence_yet"


def test_touching_is_not_excluding():
    assert verdict_of((0.0, 0.3), 0.0, UP) == "no_evidence_yet"
    assert verdict_of((1.0, math.inf), 1.0, UP) == "no_evidence_yet"
    assert verdict_of((1.01, math.inf), 1.0, DOWN) == "worse"
    assert verdict_of((-0.3, -0.1), 0.0, DOWN) == "better"


@pytest.mark.parametrize("design", ["before_after", "arms_by_deal"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (conversion(28, 172), conversion(23, 71)),
        (side("cycle_days", [40, 61, 52, 38, 47] * 9), side("cycle_days", [36, 52, 29, 43] * 3)),
    ],
)
def test_with_so_many_more_of_the_same_it_is_settled(before, after, design):
    found = what_would_settle(before, after, design)
    assert isinstance(found, Settling)
    assert found.more_test > 0
    assert (found.more_baseline > 0) == (design != "before_after")

    def grown(one, more):
        # The same values over again, in the same proportions.
        times = (one.size + more) / one.size
        kind = one.measure
        if kind == "won_within":
            return conversion(round(one.value.sum() * times), round(one.size * times))
        return side(kind, list(one.value) * math.ceil(times))

    after_all = always_valid(
        grown(before, found.more_baseline * 1.1), grown(after, found.more_test * 1.1)
    )
    assert not after_all.interval[0] <= 0 <= after_all.interval[1]
    now = always_valid(before, after)
    assert now.interval[0] <= 0 <= now.interval[1]


def test_rates_are_settled_by_weeks():
    found = what_would_settle(opened(130, 182), opened(35, 35), "before_after")
    assert found.more_test == pytest.approx(7 * found.weeks, abs=1)
    assert found.more_baseline == 0
    settled = what_would_settle(opened(50, 182), opened(60, 91), "before_after")
    assert settled == "settled"


@pytest.mark.parametrize(
    ("before", "after", "outlook"),
    [
        (conversion(20, 100), conversion(20, 100), "never"),
        (conversion(2, 8), conversion(30, 70), "never"),  # so small a baseline tells nothing
        (conversion(2, 8), conversion(0, 0), "not_computable"),
        (side("cycle_days", [3, 3]), side("cycle_days", [3, 3]), "not_computable"),
        (opened(10, 14), opened(10, 14), "never"),
        (conversion(10, 60), conversion(30, 45), "settled"),
    ],
)
def test_what_cannot_be_settled(before, after, outlook):
    assert what_would_settle(before, after, "before_after") == outlook


def test_none_so_far_can_still_be_settled():
    found = what_would_settle(opened(60, 182), opened(0, 7), "before_after")
    assert isinstance(found, Settling)
    assert found.more_test == 0
    assert 3 < found.weeks < 6


def test_nothing_at_all():
    empty = conversion(0, 0)
    assert isinstance(estimate(empty, empty, UP), NotComputable)
    assert judged(empty, empty, UP).words == "too_early"
