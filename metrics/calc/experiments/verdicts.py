"""What may be said about an experiment today, and what it would take to say more.

Definitions: docs/metrics.md, "Experiments". The suggested verdict follows the always-valid
interval, since people look every day; where that takes for granted what need not be so (arms by
rep, late stages), a second opinion has to agree. The words beside it may lean on the chance that
the effect is real, and then say that this is not conclusive.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metrics.calc.experiments.estimates import Estimate, compared, why_empty
from metrics.calc.experiments.kinds import NO_EFFECT, Design, Empty, Goal, NotComputable
from metrics.calc.experiments.measures import DAYS_A_WEEK, Observations
from metrics.calc.experiments.sequences import (
    AlwaysValid,
    conversions_differ,
    mean_reach,
    rates_differ,
)
from metrics.calc.history import Float
from metrics.calc.types import Interval

Verdict = Literal["better", "worse", "no_evidence_yet"]
Words = Literal[
    "better", "likely_better", "no_visible_change", "likely_worse", "worse", "too_early"
]

# Second opinions that a verdict may need: do the reps differ, and do deals followed equally long
# from their opening.
Doubt = Literal["reps", "quick_first"]

LIKELY = 0.80  # the chance from which "likely" is said
FEWEST = 10  # cases on either side, under which it is too early for any such word
MOST_MORE, MOST_WEEKS = 10_000, 520  # beyond, "never" is the honest answer


@dataclass(frozen=True, slots=True)
class Judgement:
    """The suggested verdict and the words for it. `reason` says why there is no estimate.

    `held` names the second opinion for which a verdict has to wait, where the interval has one.
    """

    verdict: Verdict
    words: Words
    reason: Empty | None
    held: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Settling:
    """So many more cases, at the effect seen so far, and the always-valid interval would tell.

    Cases are mature deals, deals won in time, or deals opened. `weeks` more of the test's window
    are given for the number of deals, where time is what is lacking.
    """

    more_baseline: int
    more_test: int
    weeks: float | None = None


# `settled`: it tells already. `never`: no effect is seen, or the other side is too small for it.
Outlook = Settling | Literal["settled", "never", "not_computable"]


def judge(
    estimate: Estimate | NotComputable,
    sequence: AlwaysValid | NotComputable,
    goal: Goal,
    checks: Mapping[Doubt, int] | None = None,
) -> Judgement:
    """What the two intervals and the chances say, for a goal.

    `checks` are the second opinions that are needed: 1 where one finds the test higher, -1 lower,
    0 where it does not know. A verdict waits until each finds what the interval does.
    """
    held: Doubt | None = None
    reason = estimate.reason if isinstance(estimate, NotComputable) else None
    if isinstance(sequence, AlwaysValid):
        # By its method rather than the estimate: a ratio to nothing has an interval only.
        none = 0.0
        if isinstance(estimate, Estimate):
            none = NO_EFFECT[estimate.scale]
        elif sequence.method == "tilted_poisson":
            none = NO_EFFECT["ratio"]
        verdict = verdict_of(sequence.interval, none, goal)
        if verdict != "no_evidence_yet":
            higher = 1 if sequence.interval[0] > none else -1
            held = next((doubt for doubt, sign in (checks or {}).items() if sign != higher), None)
            if held is None:
                return Judgement(verdict, verdict, reason)
    if isinstance(estimate, NotComputable):
        return Judgement("no_evidence_yet", "too_early", reason, held)
    if min(estimate.baseline.n, estimate.test.n) < FEWEST:
        return Judgement("no_evidence_yet", "too_early", None, held)
    words: Words = "no_visible_change"
    if estimate.chance_better >= LIKELY:
        words = "likely_better"
    elif estimate.chance_better <= 1 - LIKELY:
        words = "likely_worse"
    return Judgement("no_evidence_yet", words, None, held)


def verdict_of(interval: Interval, none: float, goal: Goal) -> Verdict:
    """`better` or `worse` where the interval leaves out `none`, by the wanted direction."""
    low, high = interval
    if low <= none <= high:
        return "no_evidence_yet"
    return "better" if (low > none) == (goal.sign > 0) else "worse"


def what_would_settle(baseline: Observations, test: Observations, design: Design) -> Outlook:
    """How many more cases would do, if the two sides went on as they did so far.

    A before/after grows on the side of the test alone; arms grow alike, in proportion.
    """
    if why_empty(baseline, test) is not None:
        return "not_computable"
    both = design != "before_after"
    tells = _teller(baseline, test, both)
    if tells(0.0):
        return "settled"
    # Growth as a multiple of the test's cases, doubled until it tells, then halved in between.
    enough = max(1.0, 1.0 / test.size) if test.size else 1.0
    most = MOST_MORE / max(test.size, 1)
    if baseline.measure == "opened_per_week":
        most = min(most, MOST_WEEKS / (test.days / DAYS_A_WEEK))
    while enough < most and not tells(enough):
        enough *= 2
    enough = min(enough, most)
    if not tells(enough):
        return "never"
    short = 0.0
    for _ in range(24):
        middle = (short + enough) / 2
        if tells(middle):
            enough = middle
        else:
            short = middle
    more_test = math.ceil(enough * test.size - 1e-6)
    more_baseline = math.ceil(enough * baseline.size - 1e-6) if both else 0
    weeks = None
    if baseline.measure == "opened_per_week":
        weeks = enough * test.days / DAYS_A_WEEK
    return Settling(more_baseline, more_test, weeks)


def _teller(baseline: Observations, test: Observations, both: bool) -> Callable[[float], bool]:
    """Whether so much more of the same would be told from no effect, looking at any time."""

    def grown(x: float, growth: float, grows: bool) -> Float:
        return np.array([x * (1 + growth) if grows else x], np.float64)

    if baseline.measure in ("cycle_days", "deal_size"):
        here, there = compared(test), compared(baseline)
        difference = abs(float(here.mean() - there.mean()))
        v1, v0 = float(here.var(ddof=1)), float(there.var(ddof=1))

        def means_tell(growth: float) -> bool:
            n1 = len(here) * (1 + growth)
            n0 = len(there) * (1 + growth) if both else float(len(there))
            return difference > mean_reach(v1, n1, v0, n0)

        return means_tell

    k1, k0 = float(test.value.sum()), float(baseline.value.sum())
    counts = baseline.measure == "opened_per_week"
    n1, n0 = (test.weeks, baseline.weeks) if counts else (float(test.size), float(baseline.size))

    def tells(growth: float) -> bool:
        differ = rates_differ if counts else conversions_differ
        side = differ(
            grown(k1, growth, True),
            grown(n1, growth, True),
            grown(k0, growth, both),
            grown(n0, growth, both),
        )
        return bool(side[0])

    return tells
