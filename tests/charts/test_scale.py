from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.charts import spark
from metrics.charts.scale import Scale, nice_step, ticks

VALUES = st.lists(
    st.floats(min_value=-1e12, max_value=1e12, allow_nan=False, allow_subnormal=False), max_size=20
)


@pytest.mark.parametrize(
    ("span", "count", "step"), [(10, 4, 2.5), (100, 4, 25), (7, 4, 2), (0.3, 3, 0.1), (1, 1, 1)]
)
def test_steps_are_round(span: float, count: int, step: float) -> None:
    assert nice_step(span, count) == pytest.approx(step)


@given(VALUES)
def test_ticks_enclose_the_values_evenly(values: list[float]) -> None:
    marks = ticks(values)
    assert 2 <= len(marks) <= 8
    gaps = [b - a for a, b in pairwise(marks)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps), rel=1e-6)
    if values:
        slack = gaps[0] * 1e-6
        assert marks[0] <= min(values) + slack
        assert marks[-1] >= max(values) - slack


@given(VALUES)
def test_ticks_from_zero_hold_zero(values: list[float]) -> None:
    marks = ticks(values, from_zero=True)
    assert marks[0] <= 0 <= marks[-1]


@pytest.mark.parametrize("values", [[], [0.0], [5.0], [5.0, 5.0], [-3.0], [float("nan")]])
def test_an_axis_exists_whatever_the_values(values: list[float]) -> None:
    marks = ticks(values)
    assert marks[0] < marks[-1]


def test_a_scale_maps_its_ends() -> None:
    scale = Scale(10, 20, 100, 0)
    assert (scale(10), scale(15), scale(20)) == (100, 50, 0)


def test_a_spark_needs_two_values_and_leaves_gaps_open() -> None:
    assert spark(values=[None, 3.0], label="x") == ""
    drawn = spark(values=[1.0, 2.0, None, 3.0, 1.0], label="<&>")
    assert drawn.count("<path") == 2
    assert 'aria-label="&lt;&amp;&gt;"' in drawn
