"""Which lever is worth most: by hand, and as properties of any quarter."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.calc.read import segment_figures
from metrics.calc.types import SegmentFigures
from metrics.calc.whatif import Changes, what_if
from metrics.calc.whatif_ranking import (
    Lever,
    MoreDeals,
    UsualRange,
    levers_of,
    more_deals,
    quarter_number,
    ranking,
    usual_quarters,
)
from tests.calc.figures_maker import exits, quarter

# The classic team: 100 booked, 90 held, 50 met the coach, 20 won; 1,000 each.
# N = 4,500 / 90 = 50, A = 1,000, W = 20 / 100, C = 240 / 20 = 12: V = 833.33 a day.
CLASSIC = exits(
    (90, 10), (50, 40), (20, 30),
    days=90, open_days=4500, won=20, lost=80, won_with_amount=20, revenue_won=20_000.0,
    cycle_won_days=240,
)  # fmt: skip
V = 2500 / 3


def figures_of(stored: object = CLASSIC, label: str = "2026-04-01") -> SegmentFigures:
    return next(iter(segment_figures([quarter(label, all=stored)]).values()))


NOW = figures_of()


def test_the_classic_velocity() -> None:
    assert NOW.velocity == pytest.approx(V)
    assert [s.exit_conversion for s in NOW.stages] == [0.9, pytest.approx(5 / 9), 0.4]


@pytest.mark.parametrize(
    ("position", "deals", "factor"),
    [(1, 2, 92 / 90), (2, 2, 52 / 50), (3, 2, 22 / 20), (1, 1, 91 / 90), (3, 1, 21 / 20)],
)
def test_more_deals_past_a_stage(position: int, deals: int, factor: float) -> None:
    """The same exits, more of them advanced: p'/p = (advanced + k) / advanced, and so V'/V."""
    found = more_deals(NOW, position, deals)
    assert isinstance(found, MoreDeals)
    assert found.result.velocity == pytest.approx(V * factor)
    assert found.per_day == pytest.approx(V * (factor - 1))
    assert (found.deals, found.all_of_them) == (deals, False)


def test_no_more_than_were_lost_can_be_won_over() -> None:
    found = more_deals(NOW, 1, 25)
    assert isinstance(found, MoreDeals)
    assert (found.deals, found.all_of_them) == (10, True)
    assert found.result.velocity == pytest.approx(V * 100 / 90)


@pytest.mark.parametrize(
    ("counts", "why"), [((5, 0), "no_room"), ((0, 5), "no_conversion"), ((0, 0), "no_conversion")]
)
def test_why_there_are_no_more_deals(counts: tuple[int, int], why: str) -> None:
    stored = exits(
        counts, days=90, open_days=900, won=5, lost=5, won_with_amount=5, revenue_won=500.0,
        cycle_won_days=50,
    )  # fmt: skip
    assert more_deals(figures_of(stored), 1, 1) == why
    assert ranking(figures_of(stored), levers_of(figures_of(stored), ()))[-1].empty == why


def test_without_velocity_nothing_is_worth_anything() -> None:
    none = figures_of(exits((5, 5)))
    assert more_deals(none, 1, 2) == "no_velocity"
    steps = ranking(none, levers_of(none, ()))
    assert {step.empty for step in steps} == {"no_velocity"}
    assert {step.per_day for step in steps} == {None}
    assert {step.rank for step in steps} == {None}


def test_a_number_of_deals_must_be_one() -> None:
    with pytest.raises(ValueError, match="no 0 more"):
        more_deals(NOW, 1, 0)


def test_the_ranking_by_hand() -> None:
    """One day of 12: V / 11. A point: V x 0.01 / p. One per cent: V / 100, twice, so one rank."""
    steps = ranking(NOW, levers_of(NOW, ()))
    assert [(s.rank, s.lever.name, s.lever.position) for s in steps] == [
        (1, "cycle", 0),
        (2, "stage", 3),
        (3, "stage", 2),
        (4, "stage", 1),
        (5, "number", 0),
        (5, "deal_size", 0),
    ]
    worth = [V / 11, V / 40, V * 0.018, V / 90, V / 100, V / 100]
    assert [s.per_day for s in steps] == pytest.approx(worth)


def test_a_lever_at_its_end_comes_last() -> None:
    stored = exits(
        (100, 0), (99, 1), days=90, open_days=900, won=99, lost=1, won_with_amount=99,
        revenue_won=990.0, cycle_won_days=99,
    )  # fmt: skip
    figures = figures_of(stored)
    steps = ranking(figures, levers_of(figures, ()))
    empty = {(s.lever.name, s.lever.position): s.empty for s in steps}
    assert empty["stage", 1] == "no_room"
    assert empty["cycle", 0] == "no_room"  # one day has no whole day to lose
    assert empty["stage", 2] is None  # 99 % has just one point left
    assert [s.rank for s in steps] == [1, 2, 2, None, None]  # V / 99, V / 100 twice


def labelled(label: str, **values: object) -> SegmentFigures:
    return replace(NOW, quarter=label, **values)


def test_usual_are_the_four_comparable_quarters_before() -> None:
    history = [
        labelled("2025-Q1"),  # too long ago
        labelled("2025-Q2", first=True),
        labelled("2025-Q4", number_of="closed"),
        labelled("2026-Q1"),
        labelled("2025-Q3"),
        labelled("2026-Q2"),  # the quarter itself
        labelled("2026-Q3"),
    ]
    found = usual_quarters(history, labelled("2026-Q2"))
    assert [f.quarter for f in found] == ["2025-Q3", "2026-Q1"]
    fewer = [labelled("2026-Q1", stages=NOW.stages[:2])]
    assert usual_quarters(fewer, labelled("2026-Q2")) == ()


def test_quarters_are_counted_through_the_turn_of_the_year() -> None:
    assert quarter_number("2026-Q1") - quarter_number("2025-Q4") == 1
    assert quarter_number("FY2027-Q1") - quarter_number("FY2026-Q1") == 4


def test_the_usual_range_is_lowest_to_highest() -> None:
    few = replace(NOW.stages[0], advanced=9, lost_at=0, exit_conversion=1.0)
    history = [
        labelled("2026-Q1", number_of_deals=40.0, avg_deal_size=None, cycle_mean=20.0),
        labelled("2025-Q4", number_of_deals=60.0, stages=(few, *NOW.stages[1:])),
    ]
    number, size, cycle, first, *_rest = levers_of(labelled("2026-Q2"), history)
    assert number.usual == UsualRange(40.0, 60.0, 2)
    assert size.usual == UsualRange(1000.0, 1000.0, 1)
    assert cycle.usual == UsualRange(12.0, 20.0, 2)
    assert first.usual == UsualRange(0.9, 0.9, 1)  # nine exits are too few for a usual
    assert {lever.usual for lever in levers_of(NOW, ())} == {None}


def test_what_the_best_usual_value_would_be_worth() -> None:
    levers = (
        Lever("number", 0, 50.0, UsualRange(30.0, 60.0, 4)),
        Lever("cycle", 0, 12.0, UsualRange(10.0, 14.0, 4)),
        Lever("deal_size", 0, 1000.0, UsualRange(800.0, 900.0, 4)),
    )
    found = {s.lever.name: s.best_per_day for s in ranking(NOW, levers)}
    assert found["number"] == pytest.approx(V * 0.2)
    assert found["cycle"] == pytest.approx(V * 0.2)
    assert found["deal_size"] is None  # today is better than usual


counts = st.tuples(st.integers(0, 200), st.integers(0, 200))


@st.composite
def any_quarter(draw: st.DrawFn) -> SegmentFigures:
    won, lost = draw(st.integers(1, 100)), draw(st.integers(0, 100))
    stored = exits(
        *draw(st.lists(counts, min_size=1, max_size=6)),
        days=90, open_days=draw(st.integers(1, 90_000)), won=won, lost=lost, won_with_amount=won,
        revenue_won=draw(st.floats(1, 1e8)), cycle_won_days=draw(st.integers(1, 40_000)),
    )  # fmt: skip
    return figures_of(stored)


@given(any_quarter())
def test_every_lever_stands_once_and_in_order(figures: SegmentFigures) -> None:
    levers = levers_of(figures, ())
    steps = ranking(figures, levers)
    assert len(steps) == len(levers)
    assert {(s.lever.name, s.lever.position) for s in steps} == {
        (lever.name, lever.position) for lever in levers
    }
    told = [s for s in steps if s.per_day is not None]
    assert steps[: len(told)] == tuple(told)
    for one, other in pairwise(told):
        assert one.per_day >= other.per_day * (1 - 1e-9)
        assert one.rank <= other.rank
    for step in steps:
        assert (step.per_day is None) == (step.rank is None) == (step.empty is not None)


@given(any_quarter())
def test_a_step_is_worth_what_the_what_if_says(figures: SegmentFigures) -> None:
    for step in ranking(figures, levers_of(figures, ())):
        if step.per_day is None:
            continue
        today = step.lever.today
        changes = {
            "number": Changes(number=today * 1.01),
            "deal_size": Changes(deal_size=today * 1.01),
            "cycle": Changes(cycle=today - 1),
            "stage": Changes(conversions={step.lever.position: min(1.0, today + 0.01)}),
        }[step.lever.name]
        result = what_if(figures, changes)
        assert step.per_day == pytest.approx(result.velocity - figures.velocity, rel=1e-9, abs=1e-9)
        assert step.per_day >= 0


@given(any_quarter(), st.integers(1, 6), st.integers(1, 300))
def test_more_deals_are_never_worth_less(
    figures: SegmentFigures, position: int, deals: int
) -> None:
    position = min(position, len(figures.stages))
    stage = figures.stages[position - 1]
    found = more_deals(figures, position, deals)
    if isinstance(found, str):
        assert found == ("no_room" if stage.advanced else "no_conversion")
        assert not stage.advanced or not stage.lost_at
        return
    assert found.deals == min(deals, stage.lost_at)
    assert found.all_of_them == (found.deals == stage.lost_at)
    expected = min(1.0, figures.win_rate * (stage.advanced + found.deals) / stage.advanced)
    assert found.result.win_rate == pytest.approx(expected)
    more = more_deals(figures, position, deals + 1)
    assert isinstance(more, MoreDeals)
    assert more.per_day >= found.per_day
