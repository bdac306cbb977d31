"""Planning: against published power tables, and against experiments that were really run."""

import math
from dataclasses import replace

import numpy as np
import pytest

from metrics.calc.experiments.estimates import newcombe, rate_ratio_interval, welch
from metrics.calc.experiments.kinds import Goal
from metrics.calc.experiments.measures import Observations
from metrics.calc.experiments.power import Ground, ground_of, plan, power_of
from metrics.calc.experiments.sequences import (
    conversions_differ,
    mean_half_width,
    rates_differ,
)
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
    assert found.smallest_always_valid > found.smallest
    sizes = [point.smallest for point in found.curve if point.smallest is not None]
    assert sizes == sorted(sizes, reverse=True), "with time, smaller effects are seen"


@pytest.mark.parametrize(
    ("ground", "goal"),
    [
        (Ground("won_within", "before_after", 0.25, 0.0, 130, 5.0, 42), Goal("up", 0.1)),
        (Ground("passed_within", "arms_by_deal", 0.5, 0.0, 0, 12.0, 14, stage=2), Goal("down", 1)),
        (Ground("opened_per_week", "before_after", 5.0, 0.0, 130, 5.0, 0), Goal("up", 0.1)),
        (Ground("cycle_days", "before_after", 45.0, 12.0, 60, 3.0, 42), Goal("down", 1)),
        (Ground("deal_size", "arms_by_deal", 4000.0, 0.5, 0, 6.0, 42), Goal("up", 0.1)),
    ],
    ids=lambda one: getattr(one, "measure", ""),
)
def test_the_always_valid_interval_tells_the_effect_in_four_of_five_cases(ground, goal):
    """Experiments that were really run, with that effect, looked at on the planned last day."""
    found = plan(ground, goal, 26)
    size, here = found.smallest_always_valid, found.curve[25]
    n0, n1 = round(here.cases_baseline), round(here.cases_test)
    rng, runs = np.random.default_rng(17), 2000
    if ground.measure in ("won_within", "passed_within"):
        k0 = rng.binomial(n0, ground.level, runs)
        k1 = rng.binomial(n1, ground.level + goal.sign * size, runs)
        counts = (np.asarray(x, float) for x in (k1, np.full(runs, n1), k0, np.full(runs, n0)))
        told = conversions_differ(*counts) == goal.sign
    elif ground.measure == "opened_per_week":
        weeks = [here.cases_baseline / ground.level, 26.0]
        x0 = rng.poisson(here.cases_baseline, runs)
        x1 = rng.poisson(here.cases_test * (1 + goal.sign * size), runs)
        counts = (x1, np.full(runs, weeks[1]), x0, np.full(runs, weeks[0]))
        told = rates_differ(*(np.asarray(x, float) for x in counts)) == goal.sign
    else:
        moved = math.log1p(size) if ground.measure == "deal_size" else size
        draws = rng.normal(0, ground.spread, (runs, n0 + n1))
        draws[:, :n1] += goal.sign * moved
        reach = [mean_half_width(row[:n1], row[n1:]) for row in draws]
        told = np.array([goal.sign * difference > half for difference, half in reach])
    assert told.mean() == pytest.approx(0.8, abs=0.04)


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
    ground = ground_of(before, "before_after", follow_up=42, opened_per_week=7.0)
    assert ground.level == pytest.approx(26 / 120)
    assert (ground.cases, ground.spread) == (120, 0)
    assert ground.per_week == pytest.approx(7.0), "today's inflow, not 130 deals in 26 weeks"
    won = side("cycle_days", [30, 40, 50], mature=12, reached=24, belonging=48, days=84)
    ground = ground_of(won, "before_after", follow_up=42, opened_per_week=8.0, delay=11.5)
    assert ground.per_week == pytest.approx(8 * 24 / 48 * 3 / 12)
    assert ground.delay == 11.5
    assert ground.spread == pytest.approx(10)
    size = side("deal_size", [1000.0, 1000.0 * math.e**2], days=84)
    ground = ground_of(size, "before_after", follow_up=42, opened_per_week=3.0)
    assert ground.spread == pytest.approx(math.sqrt(2))
    rate = ground_of(opened(52, 91), "before_after", follow_up=0, opened_per_week=6.0)
    assert (rate.level, rate.per_week) == (pytest.approx(4), pytest.approx(6))


@pytest.mark.parametrize(
    "before", [conversion(0, 0), conversion(1, 1), opened(0, 0), side("cycle_days", [3])]
)
def test_no_ground_without_a_baseline(before):
    assert isinstance(before, Observations)
    assert ground_of(before, "before_after", follow_up=42, opened_per_week=5.0) is None


def test_a_late_stage_is_reached_late() -> None:
    """The same conversion, and each deal takes five weeks to get there."""
    here = Ground("passed_within", "arms_by_deal", 0.4, 0.0, 0, 8.0, 14, stage=2)
    late = replace(here, delay=35.0)
    now, then = (plan(one, Goal("up", 0.2), 20) for one in (here, late))
    assert [point.cases_test for point in then.curve[:7]] == [0.0] * 7
    assert then.curve[19].cases_test == pytest.approx(now.curve[14].cases_test)
    assert then.weeks_needed == now.weeks_needed + 5


def test_a_stage_that_is_reached_late_is_no_quick_way_out() -> None:
    hopeless, goal = replace(WON, per_week=6.0), Goal("up", 0.05)
    late = Ground("passed_within", "arms_by_deal", 0.36, 0.0, 0, 14.0, 14, stage=2, delay=0.0)
    early = Ground("passed_within", "arms_by_deal", 0.36, 0.0, 0, 13.0, 14, stage=1)
    assert plan(hopeless, goal, 13, (early, late)).stage == 2
    assert plan(hopeless, goal, 13, (early, replace(late, delay=120.0))).stage == 1
