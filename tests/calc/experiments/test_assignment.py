"""Arms that are random, even, repeatable, and assigned before anything is known."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.calc.experiments.assignment import (
    BLOCK,
    Unit,
    assign_all,
    assign_next,
    balance,
    contamination,
)

UNITS = [Unit(n, "inbound" if n % 3 else "outbound") for n in range(1, 41)]


@given(st.text(max_size=9), st.text(max_size=9), st.integers(1, 60))
def test_arms_are_even_after_every_block(seed, stratum, size):
    arms = [assign_next(seed, stratum, place) for place in range(size)]
    for end in range(BLOCK, size + 1, BLOCK):
        block = Counter(arms[end - BLOCK : end])
        assert block["test"] == block["baseline"] == BLOCK // 2
    assert abs(arms.count("test") - arms.count("baseline")) <= BLOCK // 2


def test_the_seed_says_it_all():
    first, again = assign_all("spring", UNITS), assign_all("spring", reversed(UNITS))
    assert first == again
    assert assign_all("autumn", UNITS) != first
    # Fixed for ever: a seed that was shown must give the same arms in any later version.
    assert [assign_next("spring", "inbound", place)[0] for place in range(12)] == list(FIXED)


FIXED = "tbbttbtbbtbt"


def test_deals_that_come_one_by_one_get_what_was_drawn_in_advance():
    in_advance = [assign_next("s", "inbound", place) for place in range(30)]
    one_by_one = []
    for _ in range(30):
        one_by_one.append(assign_next("s", "inbound", len(one_by_one)))
    assert one_by_one == in_advance
    assert in_advance != [assign_next("s", "outbound", place) for place in range(30)]


def test_any_arm_is_as_likely_as_the_other():
    """Over many seeds: each place, and each of the six orders of a block."""
    seeds = [str(number) for number in range(3000)]
    blocks = Counter(tuple(assign_next(seed, "x", place) for place in range(4)) for seed in seeds)
    assert len(blocks) == 6
    assert stats.chisquare(list(blocks.values())).pvalue > 0.001
    of_unit_7 = sum(assign_all(seed, UNITS)[7] == "test" for seed in seeds[:1000])
    assert stats.binomtest(of_unit_7, 1000).pvalue > 0.001


@given(st.text(max_size=9), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_units_that_are_all_known_differ_by_one_in_every_stratum(seed, sizes):
    units = [
        Unit(100 * place + n, f"team {place}")
        for place, size in enumerate(sizes)
        for n in range(size)
    ]
    arms = assign_all(seed, units)
    assert all(abs(row.baseline - row.test) <= 1 for row in balance(units, arms).strata)


def test_a_team_of_two_is_split_whatever_its_id_and_seed():
    """Else the whole team is one arm in a third of all draws, and nothing can change hands."""
    firsts = Counter()
    for seed in range(40):
        for team in range(40):
            arms = assign_all(str(seed), [Unit(2 * team, str(team)), Unit(2 * team + 1, str(team))])
            assert sorted(arms.values()) == ["baseline", "test"]
            firsts[arms[2 * team]] += 1
    assert stats.binomtest(firsts["test"], 1600).pvalue > 0.001


def test_parts_of_a_seed_do_not_run_together():
    pairs = {(seed, stratum) for seed in ("a", "ab", "abb") for stratum in ("b", "bb", "")}
    drawn = {tuple(assign_next(*pair, place) for place in range(40)) for pair in pairs}
    assert len(drawn) == len(pairs)


def test_balance_of_what_was_drawn():
    arms = assign_all("spring", UNITS)
    found = balance(UNITS, arms)
    assert found.baseline + found.test == 40
    assert found.largest_gap <= 1
    assert [row.stratum for row in found.strata] == ["inbound", "outbound"]
    assert found.p_value > 0.5
    skewed = {unit.id: "test" if unit.stratum == "inbound" else "baseline" for unit in UNITS}
    worst = balance(UNITS, skewed)
    assert worst.p_value == pytest.approx(
        stats.chi2_contingency([[0, 27], [13, 0]], correction=False).pvalue
    )
    assert worst.largest_gap == 27


def test_balance_of_nothing():
    assert balance([], {}).p_value is None
    assert balance(UNITS, {}).strata == ()
    one = balance(UNITS[:1], {1: "test"})
    assert (one.baseline, one.test, one.largest_gap, one.p_value) == (0, 1, 1, None)


def test_contamination_by_rep():
    arm = {1: "baseline", 2: "baseline", 3: "test"}
    hands = {10: [1], 11: [1, 2], 12: [2, 3], 13: [3, 9], 14: [9], 15: [], 16: [3, 1, 3]}
    found = contamination(hands, arm)
    assert found.deals == (12, 16)
    assert found.checked == 5
    assert found.share == pytest.approx(2 / 5)
    by_deal = contamination(hands)
    assert by_deal.deals == (11, 12, 13, 16)
    assert contamination({}, arm).share is None


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="twice"):
        assign_all("s", [Unit(1, "a"), Unit(1, "b")])
    with pytest.raises(ValueError, match="twice"):
        assign_all("s", [Unit(1, "a"), Unit(1, "a")])
    with pytest.raises(ValueError, match="fewer than none"):
        assign_next("s", "a", -1)
