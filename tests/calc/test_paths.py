"""Corrections, order, and the packed form of a path."""

import random

import numpy as np
import pytest

from metrics.calc import paths
from metrics.calc.paths import Transition, Visit


def row(number, at, stage, replaces=None):
    return Transition(number, at, at // 10, stage, replaces)


def stages(*rows):
    return [visit.stage_id for visit in paths.effective(rows)]


def test_order_is_by_instant_then_id():
    assert stages(row(3, 20, 7), row(1, 10, 5), row(2, 20, 6)) == [5, 6, 7]


def test_a_correction_changes_stage_and_time():
    rows = [row(1, 10, 5), row(2, 20, 6), row(3, 40, 8, replaces=2)]
    assert paths.effective(rows) == [Visit(10, 1, 5), Visit(40, 4, 8)]


def test_a_correction_orders_by_its_own_id():
    """The corrected first row now shares its instant with row 2, and comes after it."""
    assert stages(row(1, 10, 5), row(2, 20, 6), row(3, 20, 5, replaces=1)) == [6, 5]


def test_the_last_of_a_chain_holds():
    rows = [row(1, 10, 5), row(4, 30, 6, replaces=1), row(9, 20, 7, replaces=4)]
    assert paths.effective(rows) == [Visit(20, 2, 7)]


def test_of_two_corrections_of_one_row_the_higher_id_holds():
    rows = [row(1, 10, 5), row(2, 11, 6, replaces=1), row(3, 12, 7, replaces=1)]
    assert stages(*rows) == [7]
    # what corrects the one that lost corrects nothing
    assert stages(*rows, row(4, 13, 8, replaces=2)) == [7]


def test_a_withdrawal_can_be_taken_back():
    rows = [row(1, 10, 5), row(2, 20, 6), row(3, 20, None, replaces=2)]
    assert stages(*rows) == [5]
    assert stages(*rows, row(4, 21, 6, replaces=3)) == [5, 6]


def test_damaged_histories_are_refused():
    with pytest.raises(ValueError, match="row 2 replaces 9"):
        paths.effective([row(1, 10, 5), row(2, 20, 6, replaces=9)])
    with pytest.raises(ValueError, match="circle"):
        paths.effective([row(1, 10, 5), row(2, 20, 6, replaces=3), row(3, 20, 6, replaces=2)])


def columns(rows):
    return {
        "ids": np.array([r.id for _, r in rows], np.int64),
        "deals": np.array([deal for deal, _ in rows], np.int64),
        "occurred_at": np.array([r.occurred_at for _, r in rows], np.int64),
        "stages": np.array([-1 if r.stage_id is None else r.stage_id for _, r in rows], np.int64),
        "replaces": np.array([r.replaces or 0 for _, r in rows], np.int64),
    }


@pytest.mark.parametrize("seed", range(30))
def test_bulk_equals_one_deal_at_a_time(seed):
    rng = random.Random(seed)
    rows, number = [], 0
    for deal in range(1, 12):
        own = []
        for _ in range(rng.randint(1, 12)):
            number += rng.randint(1, 3)
            target = rng.choice(own).id if own and rng.random() < 0.5 else None
            stage = None if target and rng.random() < 0.3 else rng.randint(1, 6)
            own.append(row(number, rng.randint(1, 40), stage, target))
        rows += [(deal, r) for r in own]
    rng.shuffle(rows)
    found = paths.effective_rows(**columns(rows))
    expected = [
        (deal, visit)
        for deal in range(1, 12)
        for visit in paths.effective([r for d, r in rows if d == deal])
    ]
    actual = [
        (int(deal), Visit(rows[i][1].occurred_at, rows[i][1].occurred_on, rows[i][1].stage_id))
        for deal, i in zip(found.deals, found.rows, strict=True)
    ]
    assert actual == expected


def test_bulk_refuses_damaged_histories():
    lone = [(1, row(1, 10, 5)), (1, row(2, 10, 5, replaces=7))]
    with pytest.raises(ValueError, match="row 2 replaces 7"):
        paths.effective_rows(**columns(lone))
    foreign = [(1, row(1, 10, 5)), (2, row(2, 10, 5, replaces=1))]
    with pytest.raises(ValueError, match="row 2 replaces 1"):
        paths.effective_rows(**columns(foreign))
    for size in (2, 3, 4):
        ring = [(1, row(9, 1, 1))]
        ring += [(1, row(i, 10, 5, replaces=i % size + 1)) for i in range(1, size + 1)]
        with pytest.raises(ValueError, match="circle"):
            paths.effective_rows(**columns(ring))


def test_bulk_of_nothing():
    found = paths.effective_rows(**columns([]))
    assert len(found.rows) == len(found.deals) == 0


def test_a_path_is_sixteen_bytes_a_visit():
    visits = [Visit(-1, -1, 7), Visit(1_782_831_600_000_001, 20_635, 2**31 - 1)]
    packed = paths.pack_path(visits)
    assert packed.hex(" ", -8) == (
        "ffffffffffffffff ffffffff00000007 00065579d4365c01 0000509b7fffffff"
    )
    assert paths.unpack_path(packed) == visits
    with pytest.raises(ValueError, match="whole records"):
        paths.unpack_path(packed[:-1])
    bulk = paths.pack_rows(
        np.array([v.entered_at for v in visits]),
        np.array([v.entered_on for v in visits], np.int32),
        np.array([v.stage_id for v in visits]),
    )
    assert bulk == packed


@pytest.mark.parametrize("ids", [(5, 6), (5, 2_000_000_000)])
def test_many_paths_at_once(ids):
    one, other = ids
    blobs = [paths.pack_path([Visit(10, 1, one), Visit(20, 2, other)]), b""]
    blobs.append(paths.pack_path([Visit(30, 3, other)]))
    lengths = np.array([len(blob) for blob in blobs], np.int64)
    visits = paths.unpack_paths(b"".join(blobs), lengths, {one: 1, other: 4})
    assert visits.visit_start.tolist() == [0, 2, 2, 3]
    assert visits.entered_at.tolist() == [10, 20, 30]
    assert visits.entered_on.tolist() == [1, 2, 3]
    assert visits.stage.tolist() == [1, 4, 4]
    with pytest.raises(ValueError, match=f"stage {one} has no code"):
        paths.unpack_paths(b"".join(blobs), lengths, {other: 4})
    with pytest.raises(ValueError, match="has no code"):
        paths.unpack_paths(b"".join(blobs), lengths, {})
    with pytest.raises(ValueError, match="do not fit"):
        paths.unpack_paths(b"".join(blobs), lengths[:2], {one: 1, other: 4})
