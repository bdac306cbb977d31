"""Second opinions: arms by rep by their reps, late stages by deals that opened equally long ago."""

import numpy as np
import pytest
from scipy import stats

from metrics.calc.experiments.assignment import Unit
from metrics.calc.experiments.entries import check_entries, equally_opened
from metrics.calc.experiments.estimates import estimate
from metrics.calc.experiments.kinds import Goal
from metrics.calc.experiments.reps import LEVEL, check_reps, compare_reps
from metrics.calc.experiments.sequences import always_valid, conversions_differ
from metrics.calc.experiments.verdicts import judge
from tests.calc.experiments.made import conversion, side

UP = Goal("up", 0.06)
TEST, BASELINE = np.array([0.5, 0.42, 0.61, 0.55]), np.array([0.2, 0.31, 0.16, 0.24, 0.22])


def crew(strata=("a", "a", "b", "b")):
    """Reps 1 to 4 in turn in both arms, and a fifth one who never had a deal."""
    units = [Unit(rep, stratum) for rep, stratum in enumerate(strata, start=1)]
    return {"baseline": [*units[::2], Unit(5, "a")], "test": units[1::2]}


def test_with_one_stratum_it_is_students_t():
    found = compare_reps(TEST, BASELINE)
    told = stats.ttest_ind(TEST, BASELINE)
    assert found.p_value == pytest.approx(told.pvalue, abs=1e-12)
    assert (found.baseline, found.test, found.sign) == (5, 4, 1)
    assert compare_reps(BASELINE, TEST).sign == -1


def test_with_strata_it_is_the_arm_of_a_linear_model():
    strata = np.array([0, 1, 1, 2, 0, 1, 2, 2, 0])
    found = compare_reps(TEST, BASELINE, strata)
    # The same by least squares on an explicit design matrix.
    y = np.concatenate([TEST, BASELINE])
    columns = [np.repeat([1.0, 0.0], [4, 5]), *(strata == one for one in range(3))]
    x = np.stack(columns, axis=1).astype(float)
    inverse = np.linalg.inv(x.T @ x)
    at = inverse @ x.T @ y
    variance = ((y - x @ at) ** 2).sum() / (9 - 4) * inverse[0, 0]
    told = 2 * stats.t.sf(abs(at[0]) / np.sqrt(variance), 9 - 4)
    assert found.p_value == pytest.approx(told, rel=1e-9)


def test_pairs_are_the_paired_t():
    one, other = np.array([0.5, 0.4, 0.7, 0.3]), np.array([0.41, 0.36, 0.5, 0.28])
    found = compare_reps(one, other, np.tile(np.arange(4), 2))
    assert found.p_value == pytest.approx(stats.ttest_rel(one, other).pvalue, rel=1e-9)


def test_under_random_arms_it_errs_as_seldom_as_it_says():
    """Over all 252 ways to split ten uneven reps, as often as by the t's own promise."""
    rng = np.random.default_rng(3)
    from itertools import combinations

    wrong, ways = 0, list(combinations(range(10), 5))
    for _ in range(40):
        values = rng.beta(3, 7, 10)
        for chosen in ways:
            test = np.isin(np.arange(10), chosen)
            wrong += compare_reps(values[test], values[~test]).sign != 0
    assert wrong / (40 * len(ways)) <= 2 * (1 - LEVEL)
    assert wrong > 0


@pytest.mark.parametrize(
    ("test", "baseline", "strata"),
    [
        ([0.5], [0.1, 0.2, 0.3], None),  # one rep says nothing of how much reps differ
        ([], [0.1], None),
        ([], [], None),
        ([0.5, 0.5], [0.1, 0.1], None),  # no spread seen yet
        ([0.5, 0.6], [0.1, 0.2], [0, 0, 1, 1]),  # arm and stratum are one
        ([0.5, 0.6], [0.1, 0.2], [0, 1, 2, 2]),
    ],
)
def test_what_reps_cannot_tell(test, baseline, strata):
    strata = None if strata is None else np.array(strata)
    found = compare_reps(np.array(test), np.array(baseline), strata)
    assert (found.p_value, found.sign) == (None, 0)


def test_each_rep_is_one_value():
    """Rep 1: 1 of 2, rep 3: 0 of 1; rep 2: 2 of 2, rep 4: 1 of 3. The fifth has no deal."""
    rep_of = np.array([1, 1, 3, 2, 2, 4, 4, 4, 9])
    before = side("won_within", [1, 0, 0], deal=np.array([0, 1, 2]))
    after = side("won_within", [1, 1, 1, 0, 0, 1], deal=np.array([3, 4, 5, 6, 7, 8]))
    one = {arm: [Unit(u.id, "a") for u in units] for arm, units in crew().items()}
    found = check_reps(before, after, rep_of, one)
    told = stats.ttest_ind([1, 1 / 3], [0.5, 0])
    assert (found.baseline, found.test) == (2, 2)
    assert found.p_value == pytest.approx(told.pvalue)
    counts = check_reps(
        side("opened_per_week", [1, 1, 1], deal=np.array([0, 1, 2])),
        side("opened_per_week", [1] * 5, deal=np.array([3, 4, 5, 6, 7])),
        rep_of,
        one,
    )
    told = stats.ttest_ind(np.sqrt([2, 3]), np.sqrt([2, 1, 0]))
    assert (counts.baseline, counts.test) == (3, 2)
    assert counts.p_value == pytest.approx(told.pvalue)
    sizes = check_reps(
        side("deal_size", [100.0, 900.0, 500.0], deal=np.array([0, 1, 2])),
        side("deal_size", [700.0, 800.0, 90.0], deal=np.array([3, 4, 5])),
        rep_of,
        one,
    )
    told = stats.ttest_ind(
        [np.log([700, 800]).mean(), np.log(90)], [np.log([100, 900]).mean(), np.log(500)]
    )
    assert sizes.p_value == pytest.approx(told.pvalue)


def entered(opened, started, value, follow_up):
    """A late stage's conversion of deals with these days, in the order in which they mature."""
    started = np.array(started)
    order = np.argsort(started, kind="stable")
    return side(
        "passed_within",
        np.array(value, float)[order],
        deal=np.arange(len(opened))[order],
        matured=(started + follow_up)[order],
        started_on=started[order].astype(np.int32),
    )


def test_only_deals_that_opened_equally_long_ago():
    # Ways of 2, 5, 9, 5, 30 days; D = 10, W + D = 19: the last one took too long.
    opened = np.array([0, 3, 6, 20, 1], np.int32)
    whole = entered(opened, [2, 8, 15, 25, 31], [1, 0, 1, 1, 1], 10)
    kept = equally_opened(whole, opened, days=19, follow_up=10, last_day=38)
    assert kept.deal.tolist() == [0, 1, 2]
    assert kept.matured_on.tolist() == [19, 22, 25]
    assert kept.value.tolist() == [1, 0, 1]
    assert kept.mature == kept.size == 3
    later = equally_opened(whole, opened, days=19, follow_up=10, last_day=39)
    assert later.deal.tolist() == [0, 1, 2, 3]


def test_quick_deals_alone_are_no_verdict():
    """Before: quick deals pass, slow ones do not. After: the same, but the slow are yet to come."""
    slow = np.arange(80) % 2
    opened = np.concatenate([np.arange(80), 200 + np.arange(80)]).astype(np.int32)
    ways = np.tile(np.where(slow, 40, 1), 2)
    started, passed = opened + ways, np.tile(1 - slow, 2)
    last_day, follow_up = 239, 7
    seen = started + follow_up <= last_day
    before = entered(opened[:80], started[:80], passed[:80], follow_up)
    there = np.flatnonzero(seen[80:]) + 80
    after = entered(opened[there], started[there], passed[there], follow_up)
    after = side(
        "passed_within",
        after.value,
        deal=there[after.deal],
        matured=after.matured_on,
        started_on=after.started_on,
    )
    assert after.value.all()
    assert always_valid(before, after).interval[0] > 0, "the interval alone is taken in"
    found = check_entries(before, after, opened, follow_up=follow_up, last_day=last_day)
    assert (found.days, found.early, found.sign) == (47, after.size, 0)
    judged = judge(
        estimate(before, after, UP), always_valid(before, after), UP, {"quick_first": found.sign}
    )
    assert (judged.verdict, judged.words, judged.held) == (
        "no_evidence_yet",
        "likely_better",
        "quick_first",
    )


def test_with_equal_time_it_says_what_the_counts_say():
    opened = np.arange(400, dtype=np.int32)
    turn = np.arange(400) % 20
    started = opened + np.where(turn == 19, 30, 1 + turn % 9)
    value = np.concatenate([np.arange(200) % 10 < 2, np.arange(200) % 10 < 6])
    before = entered(opened[:200], started[:200], value[:200], 7)
    after = entered(opened[200:], started[200:], value[200:], 7)
    after = side(
        "passed_within",
        after.value,
        deal=200 + after.deal,
        matured=after.matured_on,
        started_on=after.started_on,
    )
    found = check_entries(before, after, opened, follow_up=7, last_day=1000)
    # W is nine days: each twentieth deal, none of which got past, took thirty.
    counts = [np.array([x]) for x in (120.0, 190.0, 40.0, 190.0)]
    assert found.sign == conversions_differ(*counts)[0] == 1
    assert (found.days, found.early) == (16, 0)
    nothing = conversion(0, 0)
    assert check_entries(nothing, after, opened, follow_up=7, last_day=1000) is None
    none = check_entries(before, nothing, opened, follow_up=7, last_day=1000)
    assert (none.early, none.sign) == (0, 0)


@pytest.mark.parametrize(
    ("checks", "verdict", "held"),
    [
        ({}, "better", None),
        ({"reps": 1}, "better", None),
        ({"reps": 0}, "no_evidence_yet", "reps"),
        ({"reps": -1}, "no_evidence_yet", "reps"),
        ({"reps": 1, "quick_first": 0}, "no_evidence_yet", "quick_first"),
    ],
)
def test_a_verdict_waits_for_each_second_opinion(checks, verdict, held):
    before, after = conversion(10, 60), conversion(30, 45)
    judged = judge(estimate(before, after, UP), always_valid(before, after), UP, checks)
    assert (judged.verdict, judged.held) == (verdict, held)
    words = "better" if held is None else "likely_better"
    assert judged.words == words
    down = Goal("down", 0.06)
    worse = judge(estimate(before, after, down), always_valid(before, after), down, checks)
    assert worse.verdict == ("worse" if held is None else "no_evidence_yet")


def test_without_a_verdict_nothing_is_held():
    before, after = conversion(14, 86), conversion(17, 71)
    judged = judge(estimate(before, after, UP), always_valid(before, after), UP, {"reps": 0})
    assert (judged.verdict, judged.held) == ("no_evidence_yet", None)
