"""The lines of an experiment: which weeks are drawn, and where words stand beside a line."""

from dataclasses import replace

from accounts.formats import Style
from metrics.calc.experiments.result import ExperimentFigures, TimePoint
from metrics.charts.line import Level, _ink, _level
from metrics.charts.scale import Scale
from metrics.selectors.experiment_page import drawn_points
from metrics.selectors.experiment_units import Units
from metrics.views.experiment_charts import _point
from tests.metrics.experiments import sample_figures

STYLE = Style("en", "EUR")


def thinned(few: int) -> ExperimentFigures:
    """The sample with `few` cases in its last two windows."""
    figures = sample_figures()
    thin = [replace(point, n=few, k=few, value=1.0) for point in figures.points[-2:]]
    return replace(figures, points=(*figures.points[:-2], *thin))


def test_windows_with_fewer_than_ten_cases_are_in_the_table_and_not_on_the_line() -> None:
    figures = thinned(9)
    drawn = drawn_points(figures)
    assert drawn == set(figures.points[:-2])
    last = _drawn_point(figures.points[-1], figures)
    assert (last.value, last.low, last.high) == (None, None, None)
    assert "9 of 9" in last.tip  # the pointer says it, in counts
    assert drawn_points(thinned(10)) == set(thinned(10).points)


def test_where_no_window_has_ten_all_are_drawn() -> None:
    figures = sample_figures()
    small = replace(figures, points=tuple(replace(p, n=4, k=2) for p in figures.points))
    assert drawn_points(small) == set(small.points)


def test_a_number_of_deals_is_never_too_few() -> None:
    figures = thinned(0)
    counted = replace(figures, primary=replace(figures.primary, measure="opened_per_week"))
    assert drawn_points(counted) == set(counted.points)


def _drawn_point(point: TimePoint, figures: ExperimentFigures):
    units = Units("won_within", STYLE)
    return _point(
        point.upto, point, units, STYLE, year=figures.last_day, drawn=drawn_points(figures)
    )


def words_at(values: list[float | None]) -> tuple[bool, bool]:
    """Whether the words of a level of 50 stand at its start, and above it."""
    y = Scale(0, 100, 200, 0)
    level = Level(50.0, "Before 50%")
    ink = _ink([values], lambda index: 60.0 * index, y)
    _drawn, _words, (left, _top, _right, bottom) = _level(
        level, len(values), lambda index: 60.0 * index, y, ink
    )
    return left < 60, bottom <= y(50.0)


def test_words_keep_away_from_the_line() -> None:
    assert words_at([20, 20, 20, 20, 20, 20, 20]) == (True, True)
    assert words_at([55, 55, 55, 55, 55, 55, 55]) == (True, False)
    assert words_at([57, 43, 57, 43, 20, 20, 20]) == (False, True)
    assert words_at([None, None, 57, 43, 57, 43, 57]) == (True, True)
