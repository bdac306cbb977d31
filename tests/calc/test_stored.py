"""The JSON form of stored figures, and which differences restate a quarter."""

import json

import pytest

from metrics.calc.agreement import agree
from metrics.calc.stored import StoredReason, changed_fields, from_json, keep_open_amount, to_json
from tests.calc.figures_maker import figures, stage

REASONS = {"competitor": StoredReason(1, 1, 50.0), "unknown": StoredReason(2, 0, None)}
STORED = figures(
    won=3,
    revenue_won=1234.56,
    amount_open_at_end=10.0,
    open_with_amount=1,
    cycle_won_median=7.5,
    stages=(stage(name="Call booked", lost_at=3, value_lost_by_reason=REASONS), stage()),
)


def test_json_and_back():
    value = to_json(STORED)
    text = json.dumps(value, allow_nan=False)
    assert from_json(json.loads(text)) == STORED
    assert value["stages"][0]["value_lost_by_reason"]["unknown"] == [2, 0, None]
    del value["won"]
    with pytest.raises(KeyError, match="won"):
        from_json(value)


def test_nothing_changed_restates_nothing():
    assert changed_fields(to_json(STORED), json.loads(json.dumps(to_json(STORED)))) == {}


def test_another_order_of_summing_restates_nothing():
    nearly = STORED._replace(revenue_won=1234.56 * (1 + 1e-12))
    assert changed_fields(to_json(STORED), to_json(nearly)) == {}


def test_what_changed_is_named_with_both_values():
    worse = STORED.stages[0]._replace(
        lost_at=4, value_lost_by_reason={"competitor": StoredReason(2, 1, 50.0)}
    )
    new = STORED._replace(won=4, cycle_won_median=None, stages=(worse, STORED.stages[1]))
    assert changed_fields(to_json(STORED), to_json(new)) == {
        "won": (3, 4),
        "cycle_won_median": (7.5, None),
        "stages.1.lost_at": (3, 4),
        "stages.1.value_lost_by_reason.competitor.1": (1, 2),
        "stages.1.value_lost_by_reason.unknown": ([2, 0, None], None),
    }


def test_another_number_of_stages_is_a_change():
    fewer = STORED._replace(stages=STORED.stages[:1])
    assert list(changed_fields(to_json(STORED), to_json(fewer))) == ["stages"]


def test_the_open_amount_stays_as_first_written():
    new = STORED._replace(won=9, amount_open_at_end=99.0, open_with_amount=2)
    kept = keep_open_amount(new, STORED)
    assert (kept.won, kept.amount_open_at_end, kept.open_with_amount) == (9, 10.0, 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1.0, 1, True),
        (1e12, 1e12 * (1 + 5e-10), True),
        (1e12, 1e12 * (1 + 5e-9), False),
        (0.0, 5e-10, True),
        (None, 0, False),
        (None, None, True),
        (True, 1, False),
        ("final", "final", True),
        ("final", "running", False),
        (float("nan"), float("nan"), False),
    ],
)
def test_agreement(one, other, same):
    assert agree(one, other) is same


def test_chances_agree_within_a_millionth():
    assert agree(0.5, 0.5000005, chance=True)
    assert not agree(0.5, 0.500005, chance=True)
