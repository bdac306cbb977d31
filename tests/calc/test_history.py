"""What a deal was as of an instant: examples by hand from the words of METRICS.md."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from metrics.calc import calendar, history
from metrics.calc.history import LOST, NEVER, OPEN, WON
from tests.calc.companies import Company, Deal, as_history, instant, path, random_company

UTC = ZoneInfo("UTC")


def day(text):
    return calendar.day_number(date.fromisoformat(text))


def states_of(*steps, as_of="2030-01-01T00:00", stages=4, tz=UTC):
    company = Company(stages, tz, (Deal(1, path(1, *steps)),))
    return history.as_of(as_history(company), calendar.microseconds(instant(as_of)))


def reached(states):
    return [None if value == NEVER else int(value) for value in states.reached_on[0]]


def test_a_deal_won_by_the_book():
    states = states_of(
        ("2026-01-01", 1), ("2026-01-03", 2), ("2026-01-08", 3), ("2026-01-10", 4),
        ("2026-01-20", "won"),
    )  # fmt: skip
    days = ["2026-01-01", "2026-01-03", "2026-01-08", "2026-01-10", "2026-01-20"]
    assert reached(states) == [day(text) for text in days]
    assert states.outcome[0] == WON
    assert states.closed_on[0] == day("2026-01-20")
    assert states.furthest[0] == 4
    assert states.visited[0].all()
    assert states.lost_at[0] == 0


def test_a_stage_jumped_over_is_reached_but_not_visited():
    states = states_of(("2026-01-01", 1), ("2026-01-05", 3), ("2026-01-06", "lost"))
    assert reached(states) == [day("2026-01-01"), day("2026-01-05"), day("2026-01-05"), None, None]
    assert states.visited[0].tolist() == [True, False, True, False]
    assert states.lost_at[0] == 3


def test_a_stage_visited_on_the_way_back_does_not_count_as_visited():
    states = states_of(("2026-01-01", 1), ("2026-01-05", 3), ("2026-01-06", 2))
    assert states.visited[0].tolist() == [True, False, True, False]
    assert states.furthest[0] == 3
    assert states.outcome[0] == OPEN


def test_a_deal_that_opens_beyond_the_first_stage_reached_it_on_the_same_day():
    states = states_of(("2026-01-01", 3), ("2026-01-04", "lost"))
    assert reached(states) == [day("2026-01-01")] * 3 + [None, None]
    assert states.visited[0].tolist() == [False, False, True, False]
    assert states.lost_at[0] == 3


def test_a_loss_reaches_nothing():
    states = states_of(("2026-01-01", "lost"))
    assert reached(states) == [day("2026-01-01"), None, None, None, None]
    assert states.furthest[0] == 1
    assert states.lost_at[0] == 1
    assert not states.visited[0].any()


def test_a_win_from_the_first_stage_reaches_all_of_them_on_its_day():
    states = states_of(("2026-01-01", 1), ("2026-01-09", "won"))
    assert reached(states) == [day("2026-01-01")] + [day("2026-01-09")] * 4
    assert states.visited[0].tolist() == [True, False, False, False]


def test_a_deal_that_came_back_has_no_outcome_until_it_closes_again():
    steps = [("2026-01-01", 1), ("2026-01-05", "lost"), ("2026-02-01", 2), ("2026-02-09", "won")]
    revived = states_of(*steps[:3])
    assert revived.outcome[0] == OPEN
    assert revived.closed_on[0] == NEVER
    assert reached(revived)[1] == day("2026-02-01")
    again = states_of(*steps)
    assert again.outcome[0] == WON
    assert again.closed_on[0] - again.opened_on[0] == 39  # the time it lay closed included


def test_a_winning_that_was_undone_reaches_nothing():
    steps = [("2026-01-01", 1), ("2026-01-05", "won"), ("2026-01-20", 2)]
    assert reached(states_of(*steps))[1:] == [day("2026-01-20"), None, None, None]
    lost = states_of(*steps[:2], ("2026-01-25", "lost"))
    assert reached(lost)[1:] == [None] * 4
    assert lost.outcome[0] == LOST
    won = states_of(*steps, ("2026-02-01", "won"))
    assert reached(won)[1:] == [day("2026-01-20")] + [day("2026-02-01")] * 3


def test_as_of_cuts_on_the_instant_itself():
    steps = [("2026-01-01T10:00", 1), ("2026-01-05T10:00", "lost")]
    assert states_of(*steps, as_of="2026-01-05T10:00").outcome[0] == OPEN
    tick = calendar.microseconds(instant("2026-01-05T10:00")) + 1
    arrays = as_history(Company(4, UTC, (Deal(1, path(1, *steps)),)))
    assert history.as_of(arrays, tick).outcome[0] == LOST
    before = states_of(*steps, as_of="2026-01-01T10:00")
    assert not before.exists[0]
    assert before.furthest[0] == 0
    assert (before.opened_on[0], before.closed_on[0]) == (NEVER, NEVER)
    assert reached(before) == [None] * 5


def test_a_day_is_that_of_the_company():
    steps = [("2026-01-01T23:30", 1), ("2026-01-02T22:30", "won")]
    paris = states_of(*steps, tz=ZoneInfo("Europe/Paris"))
    assert paris.opened_on[0] == day("2026-01-02")
    assert paris.closed_on[0] - paris.opened_on[0] == 0
    assert states_of(*steps).closed_on[0] - states_of(*steps).opened_on[0] == 1


def money(**rates):
    deals = [
        Deal(1, path(1, ("2026-01-31", 1), ("2026-02-01", "won")), amount=100.0, currency=1),
        Deal(2, path(2, ("2026-01-31", 1)), amount=100.0, currency=1),
        Deal(3, path(3, ("2026-01-31", 1)), amount=100.0),
        Deal(4, path(4, ("2026-01-31", 1)), currency=1),
        Deal(5, path(5, ("2026-01-31", 1)), amount=100.0, currency=2),
    ]
    arrays = as_history(Company(2, UTC, tuple(deals)))
    states = history.as_of(arrays, calendar.microseconds(instant("2026-03-10T00:00")))
    table = np.full((2, 3), np.nan)
    table[0] = 1.0
    table[1, 1], table[1, 2] = rates.get("february", np.nan), rates.get("march", np.nan)
    return history.convert(arrays, states, day("2026-03-10"), history.Rates(56 * 12, table))


def test_an_amount_is_converted_at_the_month_of_closing_or_of_as_of():
    amounts, missing = money(february=2.0, march=3.0)
    assert amounts[:3].tolist() == [200.0, 300.0, 100.0]
    assert np.isnan(amounts[3])
    assert not missing[:4].any()
    assert np.isnan(amounts[4])  # a currency without any rate
    assert missing[4]


def test_a_missing_rate_empties_the_amount_and_says_so():
    amounts, missing = money(march=3.0)
    assert np.isnan(amounts[0])
    assert missing.tolist() == [True, False, False, False, True]


def test_candidates_are_enough_for_every_as_of():
    steps = [("2026-01-01", 1), ("2026-01-05", "lost"), ("2026-09-01", 2)]
    company = Company(
        2, UTC, (Deal(7, path(7, *steps)), Deal(8, path(8, *steps[:2])), Deal(9, path(9, steps[2])))
    )
    arrays = as_history(company)
    closed = history.ever_closed(arrays)
    q1, q2 = (day("2026-01-01"), day("2026-04-01")), (day("2026-04-01"), day("2026-07-01"))
    assert arrays.deal_id[history.candidates(arrays, closed, *q1)].tolist() == [7, 8]
    # as of July the first deal is lost; as of October it was open all along
    assert arrays.deal_id[history.candidates(arrays, closed, *q2)].tolist() == [7]
    for as_of, expected in (("2026-07-08T00:00", []), ("2026-10-01T00:00", [7])):
        states = history.as_of(arrays, calendar.microseconds(instant(as_of)))
        assert arrays.deal_id[history.in_play(states, *q2)].tolist() == expected


def test_take_keeps_deals_and_visits_together():
    company = Company(
        2, UTC, tuple(Deal(n, path(n, ("2026-01-01", 1), ("2026-01-02", n % 2 + 1))[: n])
                      for n in (1, 2, 3, 4)),
    )  # fmt: skip
    arrays = as_history(company)
    taken = arrays.take(np.array([3, 0, 2]))
    assert taken.deal_id.tolist() == [4, 1, 3]
    assert np.diff(taken.visit_start).tolist() == [2, 1, 2]
    assert taken.stage.tolist() == [1, 1, 1, 1, 2]
    assert arrays.take(np.zeros(0, np.int64)).size == 0


def test_columns_that_do_not_fit_are_refused():
    arrays = as_history(Company(2, UTC, (Deal(1, path(1, ("2026-01-01", 1))),)))
    values = {name: getattr(arrays, name) for name in history.History.__dataclass_fields__}
    for name, wrong in (
        ("amount", np.zeros(2)),
        ("visit_start", np.array([0, 2])),
        ("stage", np.zeros(3, np.int32)),
    ):
        with pytest.raises(ValueError, match=r"fit|one value per deal|differ in length"):
            history.History(**{**values, name: wrong})


def test_the_very_first_transition():
    company = Company(
        2,
        UTC,
        (Deal(1, path(1, ("2026-03-01", 1))), Deal(2, path(2, ("2026-02-01", 1)))),
    )
    assert history.first_day_of(as_history(company)) == day("2026-02-01")
    assert history.first_day_of(as_history(Company(2, UTC, ()))) is None


def test_attributes_are_trimmed_and_empty_is_unknown():
    codes, labels = history.dimension_codes([" web", "web ", "", None, "unknown", "  ", "Web"])
    assert labels == ("unknown", "Web", "web")
    assert codes.tolist() == [2, 2, 0, 0, 0, 0, 1]


def test_nothing_exists_before_the_first_instant():
    steps = [("2026-01-01", 1)]
    arrays = as_history(Company(3, UTC, (Deal(1, path(1, *steps)),)))
    early = instant("2026-01-01T12:00") - timedelta(days=1)
    assert not history.as_of(arrays, calendar.microseconds(early)).exists.any()


def test_some_deals_of_a_history_are_what_they_are_among_all():
    company = random_company(5)
    arrays = as_history(company)
    at = calendar.microseconds(instant("2025-09-01T00:00"))
    whole = history.as_of(arrays, at)
    for deals in (np.array([3, 0, 2]), np.zeros(0, np.int64), np.arange(arrays.size)[::-1]):
        some = history.as_of(arrays, at, deals)
        taken = history.as_of(arrays.take(deals), at)
        for name in history.DealStates.__dataclass_fields__:
            assert np.array_equal(getattr(some, name), getattr(whole, name)[deals])
            assert np.array_equal(getattr(some, name), getattr(taken, name))
