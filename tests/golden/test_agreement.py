"""The comparison itself: it names what differs, and overlooks nothing."""

import copy
import json

import pytest

from tests.golden.agreement import differences
from tests.golden.company_files import COMPANY


@pytest.fixture(scope="module")
def expected():
    return json.loads((COMPANY / "expected.json").read_text())


def changed(expected, *path, to):
    actual = {"FY2026-Q4": copy.deepcopy(expected["FY2026-Q4"])}
    place = actual
    for step in path[:-1]:
        place = place[step]
    assert path[-1] in place or isinstance(place, list)
    place[path[-1]] = to
    return differences({"FY2026-Q4": expected["FY2026-Q4"]}, actual)


def test_equal_figures_have_no_differences(expected):
    assert differences(expected, copy.deepcopy(expected)) == []


def test_a_changed_count_is_named(expected):
    lines = changed(expected, "FY2026-Q4", "all", "stages", 2, "lost_at", to=11)
    assert lines == ["FY2026-Q4/all/stages[3]/lost_at: 10 != 11"]


@pytest.mark.parametrize(("factor", "same"), [(1 + 5e-10, True), (1 + 5e-9, False)])
def test_amounts_agree_to_a_billionth(expected, factor, same):
    was = expected["FY2026-Q4"]["all"]["velocity"]
    lines = changed(expected, "FY2026-Q4", "all", "velocity", to=was * factor)
    assert (lines == []) is same


@pytest.mark.parametrize(("shift", "same"), [(5e-7, True), (5e-6, False)])
def test_chances_agree_to_a_millionth(expected, shift, same):
    was = expected["FY2026-Q4"]["all"]["stages"][0]["change_p"]
    path = ("FY2026-Q4", "all", "stages", 0, "change_p")
    assert (changed(expected, *path, to=was + shift) == []) is same


@pytest.mark.parametrize("key", ["exit_conversion", "worth_of_one_more"])
def test_other_figures_do_not_get_the_tolerance_of_chances(expected, key):
    was = expected["FY2026-Q4"]["all"]["stages"][0][key]
    path = ("FY2026-Q4", "all", "stages", 0, key)
    assert changed(expected, *path, to=was * (1 + 1e-7)) != []


@pytest.mark.parametrize("value", [0, 0.0, False, ""])
def test_an_empty_figure_is_not_zero(value):
    assert differences({"velocity": None}, {"velocity": value})
    assert differences({"velocity": value}, {"velocity": None})


def test_a_truth_value_is_not_a_number():
    assert differences({"first": True}, {"first": 1})


def test_nan_agrees_with_nothing():
    assert differences({"a": float("nan")}, {"a": float("nan")})


def test_missing_and_extra_keys_are_named():
    lines = differences({"q": {"all": 1, "team=x": 2}}, {"q": {"all": 1, "team=y": 2}})
    assert lines == ["q/team=x: missing", "q/team=y: not expected"]


def test_a_list_of_another_length_is_named():
    assert differences({"order": [1, 2]}, {"order": [1]}) == ["order: 2 items != 1"]


def test_intervals_are_compared_end_by_end():
    lines = differences({"exit_interval": [0.1, 0.2]}, {"exit_interval": [0.1, 0.3]})
    assert lines == ["exit_interval[2]: 0.2 != 0.3"]
