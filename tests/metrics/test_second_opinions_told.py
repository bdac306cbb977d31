"""A verdict that waits for a second opinion: the page says so, and why."""

from dataclasses import replace
from html import unescape

import pytest

from accounts.roles import Role
from metrics.calc.experiments.entries import EntriesCheck
from metrics.calc.experiments.reps import RepsCheck
from metrics.calc.experiments.result import ExperimentFigures, Settle
from tests.metrics.experiment_rows import BASE, better, put, result
from tests.personas import World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")


def page(world: World, figures: ExperimentFigures) -> str:
    by_rep = figures.design == "arms_by_rep"
    arms = {"baseline_start": None, "baseline_end": None, "seed": 42} if by_rep else {}
    one = put(world.a, design=figures.design, **arms)
    result(world.a, one, figures)
    answer = client_of(world.a.user(Role.LEADER)).get(f"{BASE}{one.pk}/")
    assert answer.status_code == 200
    return unescape(" ".join(answer.content.decode().split()))


def held(by: str, **checks: RepsCheck | EntriesCheck) -> ExperimentFigures:
    figures = better(verdict="no_evidence_yet", words="likely_better", held=by, **checks)
    design = "arms_by_rep" if by == "reps" else "before_after"
    return replace(figures, design=design, settle=Settle("held"))


def test_reps_that_are_not_clearly_apart(quiet_world: World) -> None:
    said = page(quiet_world, held("reps", reps=RepsCheck(4, 5, 0.0312, 0)))
    assert "Not yet conclusive" in said
    assert "Conclusive" not in said
    assert "5 test and 4 control reps are not clearly apart (p = 0.031;" in said
    assert "a verdict asks for less than 0.005)" in said
    assert "the verdict waits until the reps themselves are clearly apart" in said
    assert "Not more deals of the same reps, but reps that are clearly apart" in said


def test_too_few_reps(quiet_world: World) -> None:
    said = page(quiet_world, held("reps", reps=RepsCheck(1, 2, None, 0)))
    assert "Reps with a value: 2 test, 1 control. That is too few" in said


def test_reps_that_agree_are_told_too(quiet_world: World) -> None:
    figures = replace(better(reps=RepsCheck(6, 6, 0.0007, 1)), design="arms_by_rep")
    said = page(quiet_world, figures)
    assert "Conclusive" in said
    assert "test and control reps are clearly apart (p < 0.01)" in said


def test_quick_deals_come_first(quiet_world: World) -> None:
    said = page(quiet_world, held("quick_first", entries=EntriesCheck(61, 12, 0)))
    assert "12 deals of the test count already though they opened less than 61 days ago" in said
    assert "The verdict waits until deals of equal age say the same." in said
    assert "Time: until deals of equal age say the same" in said
    assert "Conclusive" not in said
    (one,) = (page(quiet_world, better(entries=EntriesCheck(61, 0, 1))),)
    assert "Quick deals come first" not in one
