"""Planning: against published power tables, and against experiments that were really run."""

import math
from dataclasses import replace

import numpy as np
import pytest

from metrics.calc.experiments.estimates import newcombe, rate_ratio_interval, welch
from metrics.calc.experiments.kinds import Goal
from metrics.calc.experiments.measures import Observations
from metrics.calc.experiments.power import Ground, ground_of, plan, power_of
from tests.calc.experiments.made import conversion, opened, side

WON = Ground("won_within", "before_after", 0.2, 0.0, 130, 6.0, 42)


@pytest.mark.parametrize(
    ("ground", "size", "n", "power"),
    [
        # R's help of power.prop.test and power.t.test (package stats), section Examples
        (Ground("won_within", "arms_by_deal", 0.5, 0, 0, 1, 7), 0.25, 50, 0.7401659),
        (Ground("cycle_days", "arms_by_deal", 10, 1.0, 0, 1, 7), 1.0, 20, 0.8689528),
        (Ground("cycle_days", "arms_by_deal", 10, 1.0, 0, 1, 7), 1.0, 22.02110, 0.90),
    ],
)
def test_power_against_published_values(ground, size, n, power):
    assert power_of(ground, Goal("up", size), size, n, n) == pytest.approx(power, abs=5e-7)


def test_power_of_conversions_by_running_them():
    rng = np.random.default_rng(3)
    k0, k1 = rng.binomial(130, 0.2, 4000), rng.binomial(70, 0.38, 4000)
    seen = np.mean([newcombe(a, 70, b, 130)[0] > 0 for a, b in zip(k1, k0, strict=True)])
    assert power_of(WON, Goal("up", 0.18), 0.18, 130, 70) == pytest.approx(seen, abs=0.03)


def test_power_of_rates_by_running_them():
    rng = np.random.default_rng(4)
    x0, x1 = rng.poisson(130, 4000), rng.poisson(65 * 1.45, 4000)
    seen = np.mean(
        [rate_ratio_interval(int(a), 13, int(b), 26)[0] > 1 for a, b in zip(x1, x0, strict=True)]
    )
    ground = Ground("opened_per_week", "before_after", 5.0, 0.0, 130, 5.0, 0)
    assert power_of(ground, Goal("up", 0.45), 0.45, 130, 65) == pytest.approx(seen, abs=0.04)


def test_power_of_sizes_by_running_them():
    rng = np.random.default_rng(6)
    draws = rng.normal(0, 0.6, (3000, 60))
    seen = np.mean([welch(row[:25] + math.log(1.6), row[25:]).interval()[0] > 0 for row in draws])
    ground = Ground("deal_size", "before_after", 4000.0, 0.6, 35, 2.0, 42)
    assert power_of(ground, Goal("up", 0.6), 0.6, 35, 25) == pytest.approx(seen, abs=0.03)


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("design", ["before_after", "arms_by_deal"])
@pytest.mark.parametrize(
    "ground",
    [
        replace(WON, level=0.45, per_week=12.0),
        Ground("passed_within", "before_after", 0.5, 0.0, 300, 12.0, 14, stage=2),
        Ground("opened_per_week", "before_after", 8.0, 0.0, 208, 8.0, 0),
        Ground("cycle_days", "before_after", 45.0, 12.0, 60, 3.0, 42),
        Ground("deal_size", "before_after", 4000.0, 0.5, 60, 3.0, 42),
    ],
)
def test_the_smallest_effect_has_the_power_it_claims(ground, design, direction):
    ground = replace(ground, design=design)
    found = plan(ground, Goal(direction, 0.1), 26)
    here = found.curve[25]
    assert here.week == 26
    assert found.smallest == here.smallest
    goal = Goal(direction, found.smallest)
    at_it = power_of(ground, goal, found.smallest, here.cases_baseline, here.cases_test)
    assert at_it == pytest.approx(0.8, abs=1e-6)
    assert found.smallest_always_valid is None or found.smallest_always_valid > found.smallest
    sizes = [point.smallest for point in found.curve if point.smallest is not None]
    assert sizes == sorted(sizes, reverse=True), "with time, smaller effects are seen"


def test_weeks_needed_is_the_first_week_with_the_power():
    ground = replace(WON, level=0.3, per_week=15.0, cases=400)
    found = plan(ground, Goal("up", 0.12), 12)
    by_week = {point.week: point.power for point in found.curve}
    assert found.weeks_needed is not None
    assert by_week[found.weeks_needed] >= 0.8 > by_week[found.weeks_needed - 1]
    again = plan(ground, Goal("up", 0.12), found.weeks_needed)
    assert again.power >= 0.8
    assert again.advice == ()
    assert not again.hopeless


def test_nothing_matures_before_the_follow_up_is_over():
    found = plan(WON, Goal("up", 0.1), 6)
    assert found.smallest is None
    assert found.smallest_always_valid is None
    assert found.power == 0
    assert found.hopeless
    assert [point.cases_test for point in found.curve[:6]] == [0.0] * 6


def test_hopeless_says_what_to_do_instead():
    stages = (
        Ground("passed_within", "before_after", 0.55, 0.0, 500, 20.0, 14, stage=1),
        Ground("passed_within", "before_after", 0.36, 0.0, 130, 6.0, 28, stage=2),
    )
    ground = replace(WON, per_week=6.0)
    found = plan(ground, Goal("up", 0.05), 13, stages)
    assert found.hopeless
    assert found.weeks_needed is None, "with so small a baseline, more time alone does not help"
    assert found.advice == ("larger_segment", "stage_conversion")
    assert found.stage == 1
    factor = found.inflow_factor
    larger = replace(ground, cases=round(130 * factor), per_week=6.0 * factor)
    assert plan(larger, Goal("up", 0.05), 13).power >= 0.79
    longer = plan(replace(ground, design="arms_by_deal", per_week=14.0), Goal("up", 0.1), 26)
    assert longer.advice[0] == "longer"
    assert longer.weeks_needed > 26


def test_effects_that_cannot_be_have_no_power():
    assert power_of(WON, Goal("up", 0.9), 0.9, 1000, 1000) == 0
    assert power_of(WON, Goal("down", 0.3), 0.3, 1000, 1000) == 0
    cycle = Ground("cycle_days", "arms_by_deal", 10.0, 3.0, 0, 1.0, 20)
    assert power_of(cycle, Goal("down", 11.0), 11.0, 50, 50) == 0
    rate = Ground("opened_per_week", "arms_by_deal", 10.0, 0.0, 0, 1.0, 0)
    assert power_of(rate, Goal("down", 1.0), 1.0, 50, 50) == 0
    sure = replace(WON, level=1.0)
    assert plan(sure, Goal("up", 0.1), 26).smallest is None
    with pytest.raises(ValueError, match="at least a week"):
        plan(WON, Goal("up", 0.1), 0)


def test_ground_from_a_baseline():
    before = conversion(26, 120, young=10, days=182)
    ground = ground_of(before, "before_after", follow_up=42)
    assert ground.level == pytest.approx(26 / 120)
    assert (ground.cases, ground.spread) == (120, 0)
    assert ground.per_week == pytest.approx(130 / 26)
    won = side("cycle_days", [30, 40, 50], mature=12, reached=24, belonging=24, days=84)
    ground = ground_of(won, "before_after", follow_up=42)
    assert ground.per_week == pytest.approx(24 / 12 * 3 / 12)
    assert ground.spread == pytest.approx(10)
    size = side("deal_size", [1000.0, 1000.0 * math.e**2], days=84)
    assert ground_of(size, "before_after", follow_up=42).spread == pytest.approx(math.sqrt(2))
    rate = ground_of(opened(52, 91), "before_after", follow_up=0)
    assert (rate.level, rate.per_week) == (pytest.approx(4), pytest.approx(4))


@pytest.mark.parametrize(
    "before", [conversion(0, 0), conversion(1, 1), opened(0, 0), side("cycle_days", [3])]
)
def test_no_ground_without_a_baseline(before):
    assert isinstance(before, Observations)
    assert ground_of(before, "before_after", follow_up=42) is None
