"""What a file adds to a deal that is here: nothing twice, corrections of its own closings only."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.importers.merge import Added, Held, Told, additions

BOOKED, OFFER, WON, LOST = 1, 2, 8, 9
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=100)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def told(*moves: tuple[int, int], dated: bool = False) -> list[Told]:
    return [
        Told(stage, stage in (WON, LOST), day(on), dated=n == 0 or dated or stage in (WON, LOST))
        for n, (stage, on) in enumerate(moves)
    ]


def held(*moves: tuple[int, int], imported: bool = True) -> list[Held]:
    return [
        Held(n, stage, stage in (WON, LOST), day(on), imported)
        for n, (stage, on) in enumerate(moves, start=1)
    ]


def keys(rows: list[Held]) -> set[tuple[int, datetime]]:
    return {(row.stage_id, row.at) for row in rows}


def test_a_deal_without_history_gets_all_of_it() -> None:
    added, conflict = additions(held=[], recorded=set(), told=told((BOOKED, 0), (WON, 9)), now=NOW)
    assert added == (Added(BOOKED, day(0)), Added(WON, day(9)))
    assert conflict is None


@pytest.mark.parametrize(
    "moves", [[(BOOKED, 0)], [(BOOKED, 0), (OFFER, 0)], [(BOOKED, 0), (OFFER, 3), (LOST, 9)]]
)
def test_the_same_history_adds_nothing(moves: list[tuple[int, int]]) -> None:
    here = held(*moves)
    assert additions(held=here, recorded=keys(here), told=told(*moves), now=NOW) == ((), None)


def test_a_closing_is_appended() -> None:
    here = held((BOOKED, 0), (OFFER, 0))
    found = additions(held=here, recorded=keys(here), told=told((BOOKED, 0), (WON, 9)), now=NOW)
    assert found == ((Added(WON, day(9)),), None)


def test_an_undated_change_of_stage_happened_by_now() -> None:
    here = held((BOOKED, 0))
    found = additions(held=here, recorded=keys(here), told=told((BOOKED, 0), (OFFER, 0)), now=NOW)
    assert found == ((Added(OFFER, NOW),), None)


def test_a_dated_change_of_stage_keeps_its_day() -> None:
    here = held((BOOKED, 0))
    file = told((BOOKED, 0), (OFFER, 7), dated=True)
    assert additions(held=here, recorded=keys(here), told=file, now=NOW) == (
        (Added(OFFER, day(7)),),
        None,
    )


def test_a_change_that_was_dated_too_late_is_drawn_back_to_the_closing() -> None:
    here = held((BOOKED, 0), (OFFER, 50))
    found = additions(held=here, recorded=keys(here), told=told((BOOKED, 0), (WON, 40)), now=NOW)
    assert found == ((Added(OFFER, day(40), replaces=2), Added(WON, day(40))), None)


def test_a_closing_on_another_day_corrects_the_one_that_was_imported() -> None:
    here = held((BOOKED, 0), (WON, 40))
    file = told((BOOKED, 0), (WON, 41))
    assert additions(held=here, recorded=keys(here), told=file, now=NOW) == (
        (Added(WON, day(41), replaces=2),),
        None,
    )
    by_hand = held((BOOKED, 0), (WON, 40), imported=False)
    assert additions(held=by_hand, recorded=keys(by_hand), told=file, now=NOW) == (
        (),
        "stands_otherwise",
    )


def test_what_people_moved_later_is_not_undone() -> None:
    here = [*held((BOOKED, 0)), *held((OFFER, 50), imported=False)]
    found = additions(held=here, recorded=keys(here), told=told((BOOKED, 0), (WON, 40)), now=NOW)
    assert found == ((), "moved_after_closing")


def test_a_transition_that_was_withdrawn_stays_withdrawn() -> None:
    here = held((BOOKED, 0))
    recorded = {*keys(here), (WON, day(40))}
    found = additions(held=here, recorded=recorded, told=told((BOOKED, 0), (WON, 40)), now=NOW)
    assert found == ((), "stands_otherwise")


def test_another_opening_day_is_told_and_not_changed() -> None:
    here = held((BOOKED, 0))
    found = additions(held=here, recorded=keys(here), told=told((BOOKED, 2)), now=NOW)
    assert found == ((), "opened_otherwise")


MOVES = st.lists(
    st.tuples(st.sampled_from([BOOKED, OFFER, WON, LOST]), st.integers(0, 90)),
    min_size=1,
    max_size=3,
).map(lambda moves: [(BOOKED, min(d for _, d in moves)), *sorted(moves, key=lambda m: m[1])])


@given(MOVES, MOVES)
def test_whatever_is_added_once_is_not_added_again(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    here = held(*first)
    file = told(*second)
    recorded = keys(here)
    added, _ = additions(held=here, recorded=recorded, told=file, now=NOW)
    replaced = {one.replaces for one in added}
    after = [row for row in here if row.id not in replaced] + [
        Held(10 + n, one.stage_id, one.stage_id in (WON, LOST), one.at, True)
        for n, one in enumerate(added)
    ]
    after.sort(key=lambda row: (row.at, row.id))
    recorded |= {(one.stage_id, one.at) for one in added}
    again, _ = additions(held=after, recorded=recorded, told=file, now=NOW + timedelta(days=1))
    assert again == ()
