"""All that is shown of an experiment: by hand, in every case that cannot be told, and as JSON."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.calc.calendar import day_of_number
from metrics.calc.experiments.assignment import Unit
from metrics.calc.experiments.computing import (
    data_digest,
    figures_of_experiment,
    level_interval,
)
from metrics.calc.experiments.estimates import estimate
from metrics.calc.experiments.kinds import Goal, NotComputable, Question
from metrics.calc.experiments.measures import Side, in_segment, observe_pair
from metrics.calc.experiments.reps import RepsCheck
from metrics.calc.experiments.result import (
    Arms,
    ExperimentFigures,
    ExperimentPlan,
    Guardrail,
    Settle,
    Window,
)
from metrics.calc.experiments.sequences import always_valid
from metrics.calc.experiments.verdicts import judge
from metrics.calc.experiments.worth import worth_of
from tests.calc.experiments.made import DAY0, history_of, over
from tests.metrics.experiments import reading, sample_figures, side_figures

D0 = day_of_number(DAY0)
BEFORE, AFTER = (0, 70), (70, 140)
D = 10


def window(days):
    return Window(D0 + timedelta(days=days[0]), D0 + timedelta(days=days[1]))


def plan_of(measure="won_within", **changes):
    made = ExperimentPlan(
        measure=measure,
        stage=1 if measure == "passed_within" else None,
        segment="all",
        direction="down" if measure == "cycle_days" else "up",
        smallest=0.1,
        design="before_after",
        baseline=window(BEFORE),
        test=window(AFTER),
        follow_up=D,
    )
    return replace(made, **changes)


def won(day, after=5, amount=100, **more):
    return (amount, [(day, 1), (day + after, 3)], more)


def lost(day, after=5, amount=100, **more):
    return (amount, [(day, 1), (day + after, 4)], more)


def crowd(first, wins, losses, step=1):
    """Deals opened one a day from `first` on, the won ones first."""
    return [won(first + n * step) for n in range(wins)] + [
        lost(first + (wins + n) * step) for n in range(losses)
    ]


def shown(deals, plan, day=150, quarter=None):
    history = history_of(*deals)
    return figures_of_experiment(
        history, plan, instant=over(day), last_day=DAY0 + day, quarter=quarter
    )


def test_a_conversion_by_hand() -> None:
    figures = shown(crowd(0, 10, 30) + crowd(70, 24, 16), plan_of())
    assert (figures.primary.baseline.k, figures.primary.baseline.n) == (10, 40)
    assert (figures.primary.test.k, figures.primary.test.n) == (24, 40)
    assert figures.primary.effect == pytest.approx(0.35)
    assert figures.target == pytest.approx(0.35)
    # Newcombe, method 10, from the Wilson intervals 14.2..40.2 % and 44.6..73.7 %.
    assert figures.primary.interval == pytest.approx((0.1327, 0.5248), abs=2e-3)
    assert figures.primary.always_valid[0] < figures.primary.interval[0]
    assert (figures.primary.verdict, figures.settle) == ("better", Settle("settled"))
    assert figures.last_day == D0 + timedelta(days=150)
    assert figures.worth is None
    assert figures.worth_reason == "no_quarter"


@pytest.mark.parametrize(
    ("direction", "smallest", "target"), [("up", 0.2, 0.95), ("up", 0.3, None), ("down", 0.8, None)]
)
def test_no_target_lies_beyond_all_or_nothing(direction, smallest, target) -> None:
    """Thirty of forty and 30 points more would be 105 %."""
    plan = replace(plan_of(), direction=direction, smallest=smallest)
    figures = shown(crowd(0, 30, 10) + crowd(70, 30, 10), plan)
    assert figures.target == (target if target is None else pytest.approx(target))


def test_young_deals_are_counted_and_left_out() -> None:
    figures = shown(crowd(0, 10, 30) + crowd(70, 10, 10), plan_of(), day=84)
    side = figures.primary.test
    # Opened on the days 70..84, mature where opened by 74.
    assert (side.belonging, side.mature, side.young, side.n) == (15, 5, 10, 5)
    assert figures.primary.words == "too_early"
    assert figures.primary.baseline.overlapping == 0


def test_points_do_not_reach_over_the_start() -> None:
    figures = shown(crowd(0, 20, 50) + crowd(70, 35, 35), plan_of())
    start = D0 + timedelta(days=70)
    baseline = [p for p in figures.points if p.side == "baseline"]
    test = [p for p in figures.points if p.side == "test"]
    assert len(baseline) == len(test) == 10
    assert all(p.upto < start for p in baseline)
    assert all(p.since >= start for p in test)
    assert (test[0].n, test[1].n, test[5].n) == (7, 14, 28)
    assert test[0].value == 1.0
    assert (test[9].k, test[9].n) == (0, 28)
    assert figures.path[-1].interval == figures.primary.always_valid
    assert [p.day for p in figures.path] == sorted(p.day for p in figures.path)


def test_a_guardrail_that_got_clearly_worse_is_said() -> None:
    deals = [won(n, amount=1000 + n) for n in range(60)]
    deals += [won(70 + n, amount=100 + n) for n in range(60)]
    figures = shown(
        deals, plan_of("opened_per_week", guardrails=(Guardrail("deal_size"),)), day=160
    )
    assert [row.measure for row in figures.harmed] == ["deal_size"]
    assert figures.guardrails[0].chance_target is None
    assert figures.primary.verdict == "no_evidence_yet"
    assert figures.spread[0] is not None


def test_the_mix_of_channels_is_compared() -> None:
    deals = [won(n, channel="inbound") for n in range(40)]
    deals += [won(70 + n, channel="outbound") for n in range(40)]
    channel = shown(deals, plan_of()).mix[0]
    assert channel.attribute == "channel"
    assert channel.distance == 1.0
    assert channel.moved


@pytest.mark.parametrize(
    ("deals", "changes", "reason"),
    [
        ([], {}, "no_deals"),
        ([], {"measure": "opened_per_week"}, "no_events"),
        (crowd(70, 3, 3), {"measure": "opened_per_week"}, "baseline_zero"),
        (crowd(0, 3, 3), {}, "no_deals"),
        ([*crowd(0, 3, 3), (100, [(139, 1)])], {"follow_up": 30}, "no_mature"),
        (crowd(0, 3, 3) + [(100, [(n, 1)]) for n in (90, 95)], {"measure": "cycle_days"}, "no_won"),
        ([won(1), won(80)], {"measure": "cycle_days"}, "too_few"),
        ([won(1), won(2), won(80), won(81)], {"measure": "deal_size"}, "all_same"),
        ([won(1, amount=None), won(80)], {"measure": "deal_size"}, "no_amount"),
        (crowd(0, 3, 3), {"measure": "passed_within", "stage": None}, "stage_gone"),
        (crowd(0, 3, 3), {"measure": "passed_within", "stage": 7}, "stage_gone"),
        (crowd(0, 3, 3), {"measure": "passed_within", "stage": 2}, "no_deals"),
        (crowd(0, 0, 3) + crowd(70, 0, 3), {"measure": "passed_within", "stage": 2},
         "never_reached"),
        (crowd(0, 3, 3) + crowd(70, 3, 3), {"segment": "channel=nowhere"}, "no_deals"),
        (crowd(0, 0, 3) + crowd(70, 3, 3), {"follow_up": None}, "no_won"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_has_a_reason(deals, changes, reason) -> None:
    measure = changes.pop("measure", "won_within")
    figures = shown(deals, plan_of(measure, **changes))
    primary = figures.primary
    assert primary.reason == reason
    assert (primary.effect, primary.interval, primary.chance_better) == (None, None, None)
    assert (primary.verdict, primary.words) == ("no_evidence_yet", "too_early")
    assert figures.settle == Settle("not_computable")
    assert figures.worth is None
    assert figures.worth_reason == "no_effect"
    assert ExperimentFigures.from_json(json.loads(json.dumps(figures.to_json()))) == figures


def test_a_start_that_lies_ahead_has_a_baseline_already() -> None:
    figures = shown(crowd(0, 10, 30), plan_of(follow_up=None), day=60)
    assert figures.primary.reason == "no_days"
    assert figures.follow_up == figures.follow_up_usual == 5
    assert figures.primary.baseline.value == pytest.approx(0.25)
    assert figures.path == ()
    assert figures.points != ()


@pytest.mark.parametrize("deals", [crowd(0, 12, 0) + crowd(70, 12, 0), [won(1), lost(80)]])
def test_all_won_and_one_case_a_side_are_numbers_without_a_verdict(deals) -> None:
    primary = shown(deals, plan_of()).primary
    assert primary.reason is None
    assert primary.interval[0] < primary.effect + 1e-9
    assert primary.verdict == "no_evidence_yet"


def test_the_wrong_direction_is_worse() -> None:
    primary = shown(crowd(0, 50, 10) + crowd(70, 5, 55), plan_of()).primary
    assert (primary.verdict, primary.words) == ("worse", "worse")
    assert primary.effect < 0
    assert primary.chance_better < 0.01


def test_arms_by_rep_compare_within_one_window() -> None:
    deals = [won(70 + n // 2) if n % 2 else lost(70 + n // 2) for n in range(40)]
    deals.append(won(75))
    ids = range(1, 41)
    arms = Arms(
        of_deal={n: "test" if n % 2 == 0 else "baseline" for n in ids},
        units=(Unit(7, "none"), Unit(8, "none")),
        of_unit={7: "baseline", 8: "test"},
        reps_of_deals={n: (8, 7) if n == 2 else (8 if n % 2 == 0 else 7,) for n in ids},
        of_rep={7: "baseline", 8: "test"},
    )
    figures = shown(
        deals, plan_of(design="arms_by_rep", baseline=window(AFTER), arms=arms), day=160
    )
    assert (figures.primary.baseline.k, figures.primary.test.k) == (0, 20)
    # None of 20 against all of 20, and yet it may be these two reps.
    assert figures.primary.always_valid[0] > 0
    assert (figures.primary.verdict, figures.primary.words) == ("no_evidence_yet", "likely_better")
    assert (figures.primary.held, figures.settle) == ("reps", Settle("held"))
    assert figures.primary.reps == RepsCheck(1, 1, None, 0)
    assert figures.arms.contamination.deals == (2,)
    assert figures.arms.contamination.checked == 40
    assert figures.arms.unassigned == 1
    assert (figures.arms.balance.baseline, figures.arms.balance.test) == (1, 1)


def test_arms_by_rep_are_told_apart_by_their_reps() -> None:
    """Ten reps with ten deals each: in the test every rep wins about nine, else about one."""
    arm = {rep: "test" if rep % 2 else "baseline" for rep in range(10)}
    deals, hands = [], {}
    for number in range(100):
        rep, place = number % 10, number // 10
        wins = (9 if arm[rep] == "test" else 1) + (rep // 2 == 2)
        deals.append((won if place < wins else lost)(70 + number // 2))
        hands[number + 1] = (rep,)
    arms = Arms(
        of_deal={deal: arm[reps[0]] for deal, reps in hands.items()},
        units=tuple(Unit(rep, "inbound") for rep in range(10)),
        of_unit=arm,
        baseline_units=5,
        test_units=5,
        reps_of_deals=hands,
        of_rep=arm,
    )
    plan = plan_of(design="arms_by_rep", baseline=window(AFTER), arms=arms)
    primary = shown(deals, plan, day=160).primary
    assert (primary.verdict, primary.held) == ("better", None)
    told = stats.ttest_ind([0.9, 0.9, 1.0, 0.9, 0.9], [0.1, 0.1, 0.2, 0.1, 0.1])
    assert primary.reps.p_value == pytest.approx(told.pvalue, rel=1e-6)
    assert (primary.reps.baseline, primary.reps.test) == (5, 5)
    # By deal nobody asks for the reps.
    by_deal = shown(deals, replace(plan, design="arms_by_deal"), day=160).primary
    assert (by_deal.verdict, by_deal.reps) == ("better", None)


def test_only_a_later_stage_before_and_after_needs_deals_of_equal_age() -> None:
    deals = crowd(0, 20, 20) + crowd(70, 20, 20)
    asked = plan_of("passed_within", stage=2)
    late = shown(deals, asked).primary
    assert late.entries is not None
    assert late.entries.days >= D
    assert shown(deals, replace(asked, stage=1)).primary.entries is None
    assert shown(deals, plan_of()).primary.entries is None
    assert shown(deals, asked).guardrails == ()


def test_figures_of_an_earlier_method_are_still_read() -> None:
    figures = sample_figures()
    stored = json.loads(json.dumps(figures.to_json()))
    for name in ("reps", "entries", "held"):
        del stored["primary"][name]
    assert ExperimentFigures.from_json(stored) == figures
    del stored["primary"]["words"]
    with pytest.raises(KeyError):
        ExperimentFigures.from_json(stored)


def test_an_arm_without_a_rep_is_empty() -> None:
    arms = Arms(of_deal={1: "test"}, baseline_units=0, of_rep={8: "test"})
    figures = shown(
        [won(80)], plan_of(design="arms_by_rep", baseline=window(AFTER), arms=arms), day=160
    )
    assert figures.primary.reason == "arm_empty"


def quarter_of(**changes):
    fields = {
        "quarter": "2026-Q2", "number_of_deals": 50.0, "avg_deal_size": 1000.0, "win_rate": 0.2,
        "cycle_mean": 12.0, "velocity": 50 * 1000 * 0.2 / 12, "revenue_won": 91_000.0,
        "revenue_days": 91,
    }  # fmt: skip
    return SimpleNamespace(**{**fields, **changes})


def test_the_worth_is_the_relative_change_in_money_a_day() -> None:
    # 20 to 25 %: a quarter more, of 1,000 a day. The lower end is a fifth less.
    told = reading(side_figures(20, 100), effect=0.05, always_valid=(-0.04, 0.9))
    worth, reason = worth_of(told, quarter_of())
    assert reason is None
    assert worth.per_day == pytest.approx(250)
    assert worth.low == pytest.approx(-200)
    assert worth.high == pytest.approx(4000)  # a win rate of 1 and not of 1.1


def test_a_shorter_cycle_is_worth_more() -> None:
    level = side_figures(0, 30, value=10.0)
    told = reading(level, measure="cycle_days", effect=-2.0, always_valid=(-5.0, float("inf")))
    worth, _ = worth_of(told, quarter_of())
    assert worth.per_day == pytest.approx(250)  # 1 / 0.8
    assert (worth.low, worth.high) == (None, pytest.approx(1000))


@pytest.mark.parametrize(
    ("told", "quarter", "reason"),
    [
        (reading(effect=None), quarter_of(), "no_effect"),
        (reading(), None, "no_quarter"),
        (reading(), quarter_of(velocity=None), "no_velocity"),
        (reading(), quarter_of(revenue_won=None), "no_velocity"),
        (reading(side_figures(0, 30)), quarter_of(), "no_baseline"),
    ],
)
def test_worth_that_cannot_be_told(told, quarter, reason) -> None:
    assert worth_of(told, quarter) == (None, reason)


def test_a_level_of_counts_is_exact() -> None:
    from scipy import stats

    low, high = level_interval("opened_per_week", [1.0] * 12, 4.0)
    assert low == pytest.approx(stats.chi2.ppf(0.025, 24) / 2 / 4)
    assert high == pytest.approx(stats.chi2.ppf(0.975, 26) / 2 / 4)


numbers = st.floats(allow_nan=False)
ends = st.tuples(numbers, numbers)


@given(
    effect=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    interval=st.none() | ends,
    always=st.none() | ends,
    young=st.integers(0, 10**6),
    day=st.dates(),
    text=st.text(),
)
def test_json_gives_back_what_it_was_given(effect, interval, always, young, day, text) -> None:
    figures = sample_figures(
        primary=reading(
            test=side_figures(3, 8, young=young),
            effect=effect,
            interval=interval,
            always_valid=always,
        ),
        last_day=day,
        mix=tuple(
            replace(row, shares=tuple(replace(s, label=text) for s in row.shares))
            for row in sample_figures().mix
        ),
    )
    there = json.dumps(figures.to_json(), allow_nan=False)
    assert ExperimentFigures.from_json(json.loads(there)) == figures


def test_json_of_other_things_is_refused() -> None:
    broken = sample_figures(last_day=datetime(2026, 1, 1, tzinfo=UTC).isoformat)
    with pytest.raises(TypeError):
        broken.to_json()
    with pytest.raises(TypeError, match="not a number"):
        sample_figures(target=float("nan")).to_json()
    with pytest.raises(KeyError):
        ExperimentFigures.from_json({"method": 1})
    assert sample_figures(last_day=date(2026, 1, 1)).to_json()["last_day"] == "2026-01-01"


MEASURES = ["opened_per_week", "won_within", "passed_within", "cycle_days", "deal_size"]
deals_drawn = st.lists(
    st.tuples(
        st.integers(0, 139),  # opened
        st.integers(1, 40),  # days until it ends
        st.sampled_from([2, 3, 4]),  # moves to 2, won, lost
        st.sampled_from([None, 50, 100, 300]),
        st.sampled_from(["inbound", "outbound", ""]),
    ),
    max_size=40,
)


def drawn(rows):
    return [
        (amount, [(day, 1), (day + after, to)], {"channel": channel} if channel else {})
        for day, after, to, amount, channel in rows
    ]


@given(rows=deals_drawn, measure=st.sampled_from(MEASURES), day=st.integers(60, 200))
def test_figures_agree_with_the_estimators_on_the_whole_history(rows, measure, day) -> None:
    history = history_of(*drawn(rows))
    plan = plan_of(measure, segment="channel=inbound")
    figures = figures_of_experiment(history, plan, instant=over(day), last_day=DAY0 + day)
    stage = plan.stage
    question = Question(measure, 0 if measure == "opened_per_week" else D, stage)
    mask = in_segment(history, plan.segment)
    sides = [Side(mask, DAY0 + first, DAY0 + end) for first, end in (BEFORE, AFTER)]
    pair = observe_pair(history, question, *sides, instant=over(day), last_day=DAY0 + day)
    goal = Goal(plan.direction, plan.smallest)
    found, sequence = estimate(*pair, goal), always_valid(*pair)
    primary = figures.primary
    assert (primary.baseline.n, primary.test.n) == (pair[0].level.n, pair[1].level.n)
    assert (primary.baseline.young, primary.test.young) == (pair[0].young, pair[1].young)
    if isinstance(found, NotComputable):
        assert primary.reason == found.reason
        assert primary.effect is None
    else:
        assert primary.reason is None
        assert (primary.effect, primary.interval) == (found.effect, found.interval)
        assert primary.chance_target == found.chance_target
    if isinstance(sequence, NotComputable):
        assert primary.always_valid is None
    else:
        assert primary.always_valid == sequence.interval
    assert primary.verdict == judge(found, sequence, goal).verdict
    assert ExperimentFigures.from_json(json.loads(json.dumps(figures.to_json()))) == figures


@given(rows=deals_drawn, seed=st.integers(0, 1000))
def test_the_digest_is_of_the_data_and_not_of_their_order(rows, seed) -> None:
    history = history_of(*drawn(rows))
    order = np.random.default_rng(seed).permutation(history.size)
    plan = plan_of()
    before = data_digest(history, plan, instant=over(100))
    assert data_digest(history.take(order), plan, instant=over(100)) == before
    more = history_of(*drawn(rows), won(99, amount=777))
    assert data_digest(more, plan, instant=over(100)) != before
    # What happens later than the instant, and outside of both windows, is not in it.
    later = history_of(*drawn(rows), won(110), won(150))
    assert data_digest(later, plan, instant=over(100)) == before
