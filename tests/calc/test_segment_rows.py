"""A digest tells which segments a change touches: all of those, and no other."""

import numpy as np

from benchmarks.recompute_calc import calendar_of, synthetic
from metrics.calc.figures import quarter_table
from metrics.calc.history import History, Rates
from metrics.calc.stored_rows import SegmentRows, stored_figures

QUARTER, MOMENT = calendar_of(3)[2]


def rows_of(history: History) -> SegmentRows:
    return SegmentRows(quarter_table(history, QUARTER, MOMENT, Rates.none()))


def test_rows_made_one_by_one_are_the_rows_made_together():
    history = synthetic(800, 4, seed=3)
    table = quarter_table(history, QUARTER, MOMENT, Rates.none())
    together = dict(stored_figures(table))
    rows = SegmentRows(table)
    assert len(rows) == len(together) > 100
    assert rows.several(list(rows)[::7]) == {name: together[name] for name in list(rows)[::7]}
    assert rows["all"] == together["all"]
    assert "rep=nobody" not in rows


def test_the_same_history_has_the_same_digests():
    one, other = rows_of(synthetic(800, 4, seed=3)), rows_of(synthetic(800, 4, seed=3))
    assert one.digests == other.digests
    assert set(one.digests) == set(one)


def test_a_changed_amount_touches_the_segments_of_its_deal_alone():
    history, changed = synthetic(800, 4, seed=3), synthetic(800, 4, seed=3)
    before = quarter_table(history, QUARTER, MOMENT, Rates.none())
    # Of a deal won in the quarter, since that is what the moments are about.
    ends = history.visit_start[1:] - 1
    won = np.flatnonzero(
        (history.stage[ends] == 5)
        & (history.entered_on[ends] >= QUARTER.first_day)
        & (history.entered_on[ends] < QUARTER.end_day)
        & ~np.isnan(history.amount)
    )
    changed.amount[won[0]] += 1
    after = quarter_table(changed, QUARTER, MOMENT, Rates.none())
    old, new = SegmentRows(before), SegmentRows(after)
    differing = {name for name in old if old.digests[name] != new.digests[name]}
    assert differing == {name for name in old if old[name] != new[name]}
    assert "all" in differing
    assert len(differing) == 16  # one of each family


def test_no_deal_in_play_is_no_row_but_a_digest_of_its_own():
    empty = rows_of(synthetic(800, 4, seed=3).take(np.zeros(0, np.int64)))
    assert (len(empty), empty.digests) == (0, {})
    assert empty.digest_of_nothing == rows_of(synthetic(5, 4, seed=3)).digest_of_nothing
