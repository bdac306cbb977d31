"""From deals to all that is shown of an experiment on a day.

Definitions: docs/metrics.md, "Experiments". Every case in which something cannot be told ends in a
typed reason, never in a number that looks like one.
"""

import hashlib
import math
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from scipy import special

from metrics.calc.calendar import day_number, day_of_number
from metrics.calc.experiments.assignment import Arm, Unit, balance, contamination
from metrics.calc.experiments.entries import EntriesCheck, check_entries
from metrics.calc.experiments.estimates import Estimate, estimate
from metrics.calc.experiments.kinds import SCALE, Direction, Empty, Goal, Measure, Question
from metrics.calc.experiments.measures import (
    Observations,
    Side,
    deals_of,
    in_segment,
    observe,
    usual_follow_up,
    weekly_spread,
)
from metrics.calc.experiments.mix import mix_shift
from metrics.calc.experiments.reps import RepsCheck, check_reps
from metrics.calc.experiments.result import (
    METHOD,
    ArmsFigures,
    ExperimentFigures,
    ExperimentPlan,
    Guardrail,
    Reading,
    Seen,
    Settle,
    SideFigures,
    TimePoint,
    Window,
)
from metrics.calc.experiments.sequences import AlwaysValid, always_valid, always_valid_path
from metrics.calc.experiments.verdicts import Doubt, Settling, judge, what_would_settle
from metrics.calc.experiments.worth import worth_of
from metrics.calc.history import Bool, Float, History, Rates, as_of, convert
from metrics.calc.types import Interval, SegmentFigures
from metrics.calc.uncertainty import wilson

WEEKS = 4  # of the moving window over time
_MOST_SEEN = 60  # points of the path of the always-valid interval


def figures_of_experiment(
    history: History,
    plan: ExperimentPlan,
    *,
    instant: int,
    last_day: int,
    rates: Rates | None = None,
    quarter: SegmentFigures | None = None,
) -> ExperimentFigures:
    """What an experiment shows as of `instant` (microseconds UTC).

    `last_day` is the last local day that is over by then (days since 1970-01-01). `quarter` is the
    last quarter of the segment that had ended when the test began, for what the effect is worth.
    ValueError for what is no segment, and for a window that ends before it starts.
    """
    ground = _Ground(history, plan, instant, last_day, rates or Rates.none())
    main = Guardrail(plan.measure, plan.stage)
    pair = ground.pair(main)
    primary = _reading(main, plan.direction, plan.smallest, pair, ground)
    settle = Settle("not_computable")
    points: tuple[TimePoint, ...] = ()
    path: tuple[Seen, ...] = ()
    spread: tuple[float | None, float | None] = (None, None)
    if isinstance(pair, tuple):
        settle = _settle(plan, primary, *pair)
        points = (
            *_points("baseline", ground.part, pair[0]),
            *_points("test", ground.part, pair[1]),
        )
        path = _path(pair[0], pair[1], last_day)
        if plan.measure == "opened_per_week":
            spread = (_index(weekly_spread(pair[0])), _index(weekly_spread(pair[1])))
    money, no_money = worth_of(primary, quarter)
    return ExperimentFigures(
        method=METHOD,
        last_day=day_of_number(last_day),
        design=plan.design,
        follow_up=ground.follow_up,
        follow_up_usual=ground.usual,
        primary=primary,
        target=_target(primary, plan.smallest),
        settle=settle,
        guardrails=tuple(
            _reading(row, row.direction, None, ground.pair(row), ground) for row in plan.guardrails
        ),
        points=points,
        path=path,
        mix=mix_shift(
            ground.part,
            deals_of(ground.part, ground.baseline, last_day),
            deals_of(ground.part, ground.test, last_day),
            ground.amount,
        ),
        spread=spread,
        arms=_arms(plan, ground, last_day),
        worth=money,
        worth_reason=no_money,
    )


def data_digest(history: History, plan: ExperimentPlan, *, instant: int) -> str:
    """What an experiment was computed from, as 32 letters: its deals, their visits and amounts.

    Over the deals of both windows, arms apart, with what had happened by `instant`. Equal for
    equal data, in whatever order it was read.
    """
    windows = [_side(np.ones(history.size, np.bool_), w) for w in (plan.baseline, plan.test)]
    here = in_segment(history, plan.segment)
    opened = history.entered_on[history.visit_start[:-1]]
    near = np.zeros(history.size, np.bool_)
    for side in windows:
        near |= (opened >= side.first_day) & (opened < side.end_day)
    chosen = np.flatnonzero(here & near)
    part = history.take(chosen[np.argsort(history.deal_id[chosen], kind="stable")])
    known = part.entered_at < instant
    owner = np.repeat(part.deal_id, np.diff(part.visit_start))
    hashed = hashlib.md5(usedforsecurity=False)
    for column in (owner[known], part.entered_at[known], part.stage[known].astype(np.int64)):
        hashed.update(np.ascontiguousarray(column, ">i8").tobytes())
    exists = np.isin(part.deal_id, owner[known])
    hashed.update(np.ascontiguousarray(part.amount[exists], ">f8").tobytes())
    arms = plan.arms.of_deal if plan.arms is not None else {}
    hashed.update(",".join(arms.get(deal, "") for deal in part.deal_id[exists].tolist()).encode())
    return hashed.hexdigest()


class _Ground:
    """The deals of both sides with their states, read once for all measures."""

    def __init__(
        self, history: History, plan: ExperimentPlan, instant: int, last_day: int, rates: Rates
    ) -> None:
        self.segment = in_segment(history, plan.segment)
        self.whole, self.last_day, self.plan = history, last_day, plan
        baseline, test = self._sides(history, plan)
        chosen = np.flatnonzero(baseline.members | test.members)
        self.part = history.take(chosen)
        self.states = as_of(self.part, instant)
        self.amount: Float = convert(self.part, self.states, last_day, rates)[0]
        self.baseline, self.test = (
            Side(side.members[chosen], side.first_day, side.end_day, side.units)
            for side in (baseline, test)
        )
        self.usual = usual_follow_up(self.part, self.baseline, instant=instant, last_day=last_day)
        self.follow_up = plan.follow_up or self.usual

    def _sides(self, history: History, plan: ExperimentPlan) -> tuple[Side, Side]:
        if plan.arms is None:
            return _side(self.segment, plan.baseline), _side(self.segment, plan.test)
        arms = [plan.arms.of_deal.get(deal) for deal in history.deal_id.tolist()]
        here = [np.array([arm == name for arm in arms], np.bool_) for name in ("baseline", "test")]
        return (
            _side(self.segment & here[0], plan.baseline, plan.arms.baseline_units),
            _side(self.segment & here[1], plan.test, plan.arms.test_units),
        )

    def pair(self, asked: Guardrail) -> "tuple[Observations, Observations] | Empty":
        """Both sides of a measure, or why it cannot be asked of anybody."""
        if asked.measure == "passed_within":
            stage = asked.stage
            if stage is None or not 1 <= stage <= self.part.open_stages:
                return "stage_gone"
        else:
            stage = None
        counts = asked.measure == "opened_per_week"
        if not counts and self.follow_up is None:
            # Without a win in the baseline and before the start, there is no D.
            return "no_won"
        question = Question(asked.measure, 0 if counts else self.follow_up or 0, stage)
        overlap = self.test.first_day if self.plan.design == "before_after" else None
        before = observe(
            self.part,
            self.states,
            question,
            self.baseline,
            self.last_day,
            self.amount,
            overlap_from=overlap,
        )
        after = observe(self.part, self.states, question, self.test, self.last_day, self.amount)
        return before, after

    def reps_check(self, before: Observations, after: Observations) -> RepsCheck | None:
        """Whether the reps differ, for arms by rep; None for all else."""
        arms = self.plan.arms
        if arms is None or arms.of_rep is None or self.plan.design != "arms_by_rep":
            return None
        first = [arms.reps_of_deals.get(deal, ()) for deal in self.part.deal_id.tolist()]
        rep_of = np.array([reps[0] if reps else -1 for reps in first], np.int64)
        reps: dict[Arm, list[Unit]] = {"baseline": [], "test": []}
        for unit in arms.units:
            reps[arms.of_rep[unit.id]].append(unit)
        return check_reps(before, after, rep_of, reps)

    def entries_check(
        self, asked: Guardrail, before: Observations, after: Observations
    ) -> EntriesCheck | None:
        """Whether quick deals come first: a later stage's conversion, before and after."""
        late = asked.measure == "passed_within" and (asked.stage or 1) > 1
        if not late or self.plan.design != "before_after":
            return None
        return check_entries(
            before,
            after,
            self.states.opened_on,
            follow_up=self.follow_up or 0,
            last_day=self.last_day,
        )


def _side(members: Bool, window: Window, units: int = 1) -> Side:
    return Side(members, day_number(window.start), day_number(window.end), units)


def _reading(
    asked: Guardrail,
    direction: Direction,
    smallest: float | None,
    pair: tuple[Observations, Observations] | Empty,
    ground: _Ground,
) -> Reading:
    if not isinstance(pair, tuple):
        nobody = _nobody(pair, asked.measure)
        return Reading(
            measure=asked.measure,
            stage=asked.stage,
            direction=direction,
            baseline=nobody,
            test=nobody,
            reason=pair,
            effect=None,
            interval=None,
            half=None,
            always_valid=None,
            method=None,
            p_value=None,
            chance_better=None,
            chance_target=None,
            verdict="no_evidence_yet",
            words="too_early",
        )
    wanted = _wanted(asked.measure, direction, smallest)
    # The arithmetic asks for some effect worth having; without one its chance is not shown.
    goal = Goal(direction, 0.5 if wanted is None else wanted)
    found, sequence = estimate(*pair, goal), always_valid(*pair)
    reps, entries = ground.reps_check(*pair), ground.entries_check(asked, *pair)
    checks: dict[Doubt, int] = {}
    if reps is not None:
        checks["reps"] = reps.sign
    if entries is not None:
        checks["quick_first"] = entries.sign
    judged = judge(found, sequence, goal, checks)
    known = found if isinstance(found, Estimate) else None
    lasting = sequence if isinstance(sequence, AlwaysValid) else None
    return Reading(
        measure=asked.measure,
        stage=asked.stage,
        direction=direction,
        baseline=_side_figures(pair[0]),
        test=_side_figures(pair[1]),
        reason=judged.reason,
        effect=known.effect if known else None,
        interval=known.interval if known else None,
        half=known.half if known else None,
        always_valid=lasting.interval if lasting else None,
        method=lasting.method if lasting else None,
        p_value=known.p_value if known else None,
        chance_better=known.chance_better if known else None,
        chance_target=known.chance_target if known and wanted is not None else None,
        verdict=judged.verdict,
        words=judged.words,
        reps=reps,
        entries=entries,
        held=judged.held,
    )


def _wanted(measure: Measure, direction: Direction, smallest: float | None) -> float | None:
    """The smallest effect worth having, None where there is none or none that could be."""
    if smallest is None or not smallest > 0:
        return None
    if SCALE[measure] == "ratio" and direction == "down" and smallest >= 1:
        return None
    return smallest


def _nobody(reason: Empty, measure: Measure) -> SideFigures:
    k = 0 if measure in ("won_within", "passed_within") else None
    return SideFigures(None, None, 0, k, 0, 0, 0, 0, 0, 0, 0, 0, 1, reason)


def _side_figures(side: Observations) -> SideFigures:
    level = side.level
    return SideFigures(
        value=level.value,
        interval=level_interval(side.measure, side.value, side.weeks),
        n=level.n,
        k=level.k,
        belonging=side.belonging,
        reached=side.reached,
        mature=side.mature,
        young=side.young,
        path_unknown=side.path_unknown,
        without_amount=side.without_amount,
        overlapping=side.overlapping,
        days=side.days,
        units=side.units,
        reason=side.empty,
    )


def level_interval(measure: Measure, values: Float, weeks: float) -> Interval | None:
    """95 % interval of one side's own value; None where it has none or cannot vary yet.

    Counts: exact for Poisson (Garwood 1936). Conversions: Wilson. Means: Student's t, at least 0.
    """
    n = len(values)
    if measure == "opened_per_week":
        if weeks <= 0:
            return None
        low = float(special.gammaincinv(n, 0.025)) if n else 0.0
        return (low / weeks, float(special.gammaincinv(n + 1, 0.975)) / weeks)
    if measure in ("won_within", "passed_within"):
        return wilson(int(values.sum()), n)
    if n < 2:
        return None
    half = float(special.stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(n)
    return (max(0.0, float(values.mean()) - half), float(values.mean()) + half)


def _target(primary: Reading, smallest: float | None) -> float | None:
    """The level that the smallest effect would lead to; None where there can be none such."""
    wanted = _wanted(primary.measure, primary.direction, smallest)
    if wanted is None or primary.baseline.value is None:
        return None
    goal = Goal(primary.direction, wanted)
    if SCALE[primary.measure] == "ratio":
        return primary.baseline.value * goal.target("ratio")
    level = primary.baseline.value + goal.target("difference")
    if primary.measure in ("won_within", "passed_within"):
        return level if 0 <= level <= 1 else None  # no share is more than all
    return level if level > 0 else None  # and nothing takes less than no time


def _settle(
    plan: ExperimentPlan, primary: Reading, baseline: Observations, test: Observations
) -> Settle:
    if primary.held is not None:
        return Settle("held")
    outlook = what_would_settle(baseline, test, plan.design)
    if isinstance(outlook, Settling):
        return Settle("more", outlook.more_baseline, outlook.more_test, outlook.weeks)
    return Settle(outlook)


def _points(side: Arm, part: History, seen: Observations) -> tuple[TimePoint, ...]:
    """The measure over moving windows of whole weeks of opening, within one side."""
    counts = seen.measure == "opened_per_week"
    opened = part.entered_on[part.visit_start[seen.deal]].astype(np.int64)
    found = []
    for week in range(seen.days // 7):
        start = seen.first_day + 7 * max(0, week - WEEKS + 1)
        end = seen.first_day + 7 * (week + 1)
        values = seen.value[(opened >= start) & (opened < end)]
        if not len(values) and not counts:
            continue
        weeks = (end - start) * seen.units / 7
        if counts and not weeks:
            continue
        conversion = seen.measure in ("won_within", "passed_within")
        found.append(
            TimePoint(
                side=side,
                since=day_of_number(start),
                upto=day_of_number(end) - timedelta(days=1),
                value=len(values) / weeks if counts else float(values.mean()),
                interval=level_interval(seen.measure, values, weeks),
                n=len(values),
                k=int(values.sum()) if conversion else None,
            )
        )
    return tuple(found)


def _path(baseline: Observations, test: Observations, last_day: int) -> tuple[Seen, ...]:
    """The always-valid interval at the end of each week of the test, and of the last day."""
    weeks = (last_day + 1 - test.first_day) // 7
    step = 7 * max(1, -(-weeks // _MOST_SEEN))
    days = list(range(test.first_day + 6, last_day + 1, step))
    if last_day >= test.first_day and (not days or days[-1] != last_day):
        days.append(last_day)
    if not days:
        return ()
    return tuple(
        Seen(day_of_number(day), row.interval)
        for day, row in zip(days, _sequence(baseline, test, days), strict=True)
        if isinstance(row, AlwaysValid)
    )


def _sequence(
    baseline: Observations, test: Observations, days: Sequence[int]
) -> list[AlwaysValid | None]:
    rows = always_valid_path(baseline, test, days)
    return [row if isinstance(row, AlwaysValid) else None for row in rows]


def _index(found: tuple[float, float] | None) -> float | None:
    return found[0] if found is not None else None


def _arms(plan: ExperimentPlan, ground: _Ground, last_day: int) -> ArmsFigures | None:
    if plan.arms is None or plan.design == "before_after":
        return None
    window = _side(ground.segment, plan.test)
    here = ground.whole.deal_id[deals_of(ground.whole, window, last_day)].tolist()
    belonging = {deal for deal in here if deal in plan.arms.of_deal}
    reps = {deal: reps for deal, reps in plan.arms.reps_of_deals.items() if deal in belonging}
    return ArmsFigures(
        balance=balance(plan.arms.units, plan.arms.of_unit),
        contamination=contamination(reps, plan.arms.of_rep),
        unassigned=len(here) - len(belonging),
    )
