"""What-if: by hand, and its parts add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.calc.read import segment_figures
from metrics.calc.whatif import Changes, what_if
from tests.calc.figures_maker import exits, quarter

# p = 0.8, 0.5, none; W = 0.2; N = 10, A = 1,000, C = 20: V = 100
STORED = exits(
    (40, 10), (25, 25), (0, 0), (0, 7),
    days=90, open_days=900, won=10, lost=40, won_with_amount=10, revenue_won=10_000.0,
    cycle_won_days=200,
)  # fmt: skip
FIGURES = segment_figures([quarter("2026-04-01", all=STORED)])["2026-Q2", "all"]


def test_nothing_changed_changes_nothing():
    found = what_if(FIGURES, Changes())
    assert (found.velocity, found.change, found.money) == (pytest.approx(100), 0, 0)
    assert found.stage_parts == {}
    assert not found.capped


def test_a_better_stage():
    found = what_if(FIGURES, Changes(conversions={2: 0.6}))
    assert found.win_rate == pytest.approx(0.24)
    assert found.velocity == pytest.approx(120)
    assert found.change == pytest.approx(0.2)
    assert found.money == pytest.approx(2000)
    assert found.parts.win_rate == pytest.approx(20)
    assert found.stage_parts == {2: pytest.approx(20)}


def test_the_cap_cuts_all_stages_alike():
    figures = segment_figures(
        [quarter("2026-04-01", all=STORED._replace(won=40, lost=10, won_with_amount=40))]
    )["2026-Q2", "all"]
    found = what_if(figures, Changes(conversions={1: 1.0, 2: 1.0}))
    assert found.capped
    assert found.win_rate == 1
    assert sum(found.stage_parts.values()) == pytest.approx(found.parts.win_rate)
    assert found.change == pytest.approx(0.25)


def test_changes_that_cancel_out_are_both_shown():
    found = what_if(FIGURES, Changes(conversions={1: 0.4, 2: 1.0}))
    assert found.change == pytest.approx(0)
    assert found.stage_parts[1] == pytest.approx(-found.stage_parts[2])
    assert found.stage_parts[2] > 60


def test_a_stage_that_lets_nothing_through():
    found = what_if(FIGURES, Changes(conversions={1: 0.0}))
    assert (found.velocity, found.change) == (0, -1)
    assert found.parts is None
    assert found.stage_parts is None


@pytest.mark.parametrize("position", [3, 4])
def test_without_a_conversion_there_is_nothing_to_be_in_proportion_to(position):
    assert what_if(FIGURES, Changes(conversions={position: 0.5})) == "no_conversion"


def test_without_a_velocity_there_is_no_what_if():
    none = segment_figures([quarter("2026-04-01", all=exits((1, 1)))])["2026-Q2", "all"]
    assert what_if(none, Changes(number=5)) == "no_velocity"


@pytest.mark.parametrize(
    "changes",
    [
        Changes(conversions={1: 1.1}),
        Changes(conversions={5: 0.5}),
        Changes(conversions={0: 0.5}),
        Changes(cycle=0.0),
        Changes(number=-1.0),
        Changes(deal_size=float("nan")),
    ],
)
def test_nonsense_is_refused(changes):
    with pytest.raises(ValueError, match=r"stage|conversion|cannot be"):
        what_if(FIGURES, changes)


@given(
    st.dictionaries(st.sampled_from([1, 2]), st.floats(0.01, 1)),
    st.floats(0.1, 1000),
    st.floats(1, 1e6),
    st.floats(0.1, 400),
)
def test_the_parts_add_up(conversions, number, size, cycle):
    changes = Changes(conversions=conversions, number=number, deal_size=size, cycle=cycle)
    found = what_if(FIGURES, changes)
    parts = found.parts
    total = parts.number + parts.amount + parts.win_rate + parts.cycle
    scale = max(found.velocity, 100.0)
    assert total == pytest.approx(found.velocity - 100, abs=1e-9 * scale)
    assert sum(found.stage_parts.values()) == pytest.approx(parts.win_rate, abs=1e-9 * scale)
    assert 0 < found.win_rate <= 1
