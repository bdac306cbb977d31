"""Corrections, order, and the packed form of a path."""

import random
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from metrics.calc import paths
from pipeline import paths as product
from tests.calc import histories
from tests.calc.histories import Transition, Visit


def row(number, at, stage, replaces=None):
    return Transition(number, at, at // 10, stage, replaces)


def stages(*rows):
    return [visit.stage_id for visit in histories.effective(rows)]


def test_order_is_by_instant_then_id():
    assert stages(row(3, 20, 7), row(1, 10, 5), row(2, 20, 6)) == [5, 6, 7]


def test_a_correction_changes_stage_and_time():
    rows = [row(1, 10, 5), row(2, 20, 6), row(3, 40, 8, replaces=2)]
    assert histories.effective(rows) == [Visit(10, 1, 5), Visit(40, 4, 8)]


def test_a_correction_orders_by_its_own_id():
    """The corrected first row now shares its instant with row 2, and comes after it."""
    assert stages(row(1, 10, 5), row(2, 20, 6), row(3, 20, 5, replaces=1)) == [6, 5]


def test_the_last_of_a_chain_holds():
    rows = [row(1, 10, 5), row(4, 30, 6, replaces=1), row(9, 20, 7, replaces=4)]
    assert histories.effective(rows) == [Visit(20, 2, 7)]


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
        histories.effective([row(1, 10, 5), row(2, 20, 6, replaces=9)])
    with pytest.raises(ValueError, match="circle"):
        histories.effective([row(1, 10, 5), row(2, 20, 6, replaces=3), row(3, 20, 6, replaces=2)])


@pytest.mark.parametrize("seed", range(60))
def test_the_product_agrees_with_the_reference(seed):
    rng = random.Random(seed)
    own, number = [], 0
    for _ in range(rng.randint(1, 14)):
        number += rng.randint(1, 3)
        target = rng.choice(own).id if own and rng.random() < 0.5 else None
        stage = None if target and rng.random() < 0.3 else rng.randint(1, 6)
        own.append(row(number, rng.randint(1, 40), stage, target))
    rng.shuffle(own)
    expected = histories.effective(own)
    found = product.effective(
        product.Row(
            r.id,
            r.stage_id,
            datetime.fromtimestamp(0, UTC) + timedelta(microseconds=r.occurred_at),
            date(1970, 1, 1) + timedelta(days=r.occurred_on),
            r.replaces,
        )
        for r in own
    )
    assert product.pack(found) == histories.pack_path(expected)
    assert len(found) == len(expected)


def test_a_path_is_sixteen_bytes_a_visit():
    visits = [Visit(-1, -1, 7), Visit(1_782_831_600_000_001, 20_635, 2**31 - 1)]
    packed = histories.pack_path(visits)
    assert packed.hex(" ", -8) == (
        "ffffffffffffffff ffffffff00000007 00065579d4365c01 0000509b7fffffff"
    )


@pytest.mark.parametrize("ids", [(5, 6), (5, 2_000_000_000)])
def test_many_paths_at_once(ids):
    one, other = ids
    blobs = [histories.pack_path([Visit(10, 1, one), Visit(20, 2, other)]), b""]
    blobs.append(histories.pack_path([Visit(30, 3, other)]))
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
