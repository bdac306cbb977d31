"""`make bench-experiments`: do the intervals keep their promise, on companies of known truth.

    python -m benchmarks.experiments_coverage [--runs 2000] [--seed 20261]

Three tables, each of `runs` seeded companies per design, from deals to verdict by the product's
own code: how often the intervals cover the truth; how often somebody who looks every day for 26
weeks is told of an effect that is not there; and how often a company whose conversion never
changes is said to have changed, by equal follow-up and by comparing closed deals.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.experiments_company import (
    START,
    Business,
    Effect,
    Opened,
    as_history,
    end_of,
    open_deals,
    truth,
)
from benchmarks.experiments_peeking import BAR, counts_ever, means_ever
from metrics.calc.experiments.estimates import (
    Estimate,
    estimate,
    newcombe,
    why_empty,
)
from metrics.calc.experiments.kinds import Goal, NotComputable, Question
from metrics.calc.experiments.measures import (
    Observations,
    Side,
    observe_pair,
    usual_follow_up,
)
from metrics.calc.experiments.sequences import (
    AlwaysValid,
    always_valid,
)
from metrics.calc.experiments.tilts import difference_evidence, ratio_evidence
from metrics.calc.history import History

FOLLOW_UP = 56
QUESTIONS = (
    Question("opened_per_week"),
    Question("won_within", FOLLOW_UP),
    Question("passed_within", FOLLOW_UP // 2, 1),
    Question("cycle_days", FOLLOW_UP),
    Question("deal_size", FOLLOW_UP),
)
GOAL = Goal("up", 0.05)
DAYS_OF_PEEKING = 26 * 7


@dataclass(frozen=True, slots=True)
class Design:
    """One experiment: windows in weeks. Arms share the test's window and split `business`."""

    name: str
    business: Business
    effect: Effect
    arms: bool = False
    baseline_weeks: int = 26
    test_weeks: int = 13


_ALL = Effect(inflow=1.25, reach=1.15, win=1.2, days=0.85, amount=1.2)
DESIGNS = (
    Design("before/after, 5 a week, no effect", Business(), Effect()),
    Design("before/after, 5 a week, effect", Business(), _ALL),
    Design("before/after, 2.5 a week, effect", Business(per_week=2.5), _ALL),
    Design("two arms, 5 a week each, no effect", Business(), Effect(), True, 0, 20),
    Design("two arms, 5 a week each, effect", Business(), _ALL, True, 0, 20),
)
PEEKED = (
    Design("before/after, 5 a week", Business(), Effect(), False, 26, 26),
    Design("before/after, 2 a week", Business(per_week=2.0), Effect(), False, 26, 26),
    Design("two arms, 4 a week each", Business(per_week=4.0), Effect(), True, 0, 26),
)
# Losses come quickly, wins slowly, and from the start on ever more deals come in.
GROWING = Business(
    per_week=8.0, growth=0.05, days_to_reach=25.0, days_to_win=45.0, days_to_lose=15.0
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: what it is of, and its numbers by name."""

    design: str
    measure: str
    numbers: dict[str, float]


def company(rng: np.random.Generator, design: Design) -> tuple[History, Side, Side]:
    """One company that ran the experiment, and its two sides."""
    changed = design.effect.on(design.business)
    end = START + 7 * design.test_weeks
    first = START if design.arms else START - 7 * design.baseline_weeks
    before = open_deals(rng, design.business, first, end if design.arms else START)
    after = open_deals(rng, changed, START, end)
    history, side = as_history(before, after)
    return (
        history,
        Side(side == 0, first, end if design.arms else START),
        Side(side == 1, START, end),
    )


def coverage(design: Design, runs: int, seed: int) -> list[Row]:
    """How often the intervals cover the truth, looking once, eight weeks after the end."""
    rng = np.random.default_rng(seed)
    last_day = START + 7 * (design.test_weeks + 8) - 1
    changed = design.effect.on(design.business)
    pairs: dict[Question, list[tuple[Observations, Observations]]] = {q: [] for q in QUESTIONS}
    for _ in range(runs):
        history, baseline, test = company(rng, design)
        for question in QUESTIONS:
            sides = observe_pair(
                history, question, baseline, test, instant=end_of(last_day), last_day=last_day
            )
            if why_empty(*sides) is None:
                pairs[question].append(sides)
    rows = []
    for question, seen in pairs.items():
        real = _effect(question, design.business, changed)
        once = [_covers(estimate(*sides, GOAL), real) for sides in seen]
        numbers = {
            "runs": len(seen),
            "n baseline": float(np.mean([sides[0].size for sides in seen])),
            "n test": float(np.mean([sides[1].size for sides in seen])),
            "fixed horizon": float(np.mean(once)),
            "always valid": float(_still_possible(question, seen, real).mean()),
        }
        rows.append(Row(design.name, question.measure, numbers))
    return rows


def _covers(found: Estimate | AlwaysValid | NotComputable, effect: float) -> bool:
    return not isinstance(found, NotComputable) and found.interval[0] <= effect <= found.interval[1]


def _still_possible(
    question: Question, pairs: Sequence[tuple[Observations, Observations]], effect: float
) -> np.ndarray:
    """Whether the always-valid intervals have this effect in them, without computing their ends.

    That of a rate or conversion is by definition where neither side's evidence is over the bar.
    """
    if question.measure in ("cycle_days", "deal_size"):
        return np.array([_covers(always_valid(*sides), effect) for sides in pairs])
    counts = question.measure == "opened_per_week"
    k1, n1, k0, n0 = np.array(
        [
            (
                test.value.sum(),
                test.weeks if counts else test.size,
                baseline.value.sum(),
                baseline.weeks if counts else baseline.size,
            )
            for baseline, test in pairs
        ]
    ).T
    evidence = ratio_evidence if counts else difference_evidence
    supposed = np.full(len(pairs), effect)
    above, below = (evidence(supposed, k1, n1, k0, n0, sign=sign) for sign in (-1, 1))
    return (above <= BAR) & (below <= BAR)


def _effect(question: Question, before: Business, after: Business) -> float:
    one, other = truth(question, before), truth(question, after)
    return other / one if question.scale == "ratio" else other - one


def peeking(design: Design, runs: int, seed: int) -> list[Row]:
    """How often a daily look over 26 weeks ever says better or worse where nothing changed.

    Beside it the same for who takes the fixed-horizon interval at every look.
    """
    rng = np.random.default_rng(seed)
    last_day = START + DAYS_OF_PEEKING - 1
    days = np.arange(START, last_day + 1)
    paths: dict[Question, list[tuple[Observations, Observations]]] = {q: [] for q in QUESTIONS}
    for _ in range(runs):
        history, baseline, test = company(rng, design)
        for question in QUESTIONS:
            # Nothing is undone here, so what had matured by a day is what was seen on it.
            paths[question].append(
                observe_pair(
                    history, question, baseline, test, instant=end_of(last_day), last_day=last_day
                )
            )
    rows = []
    for question, pairs in paths.items():
        if question.measure in ("cycle_days", "deal_size"):
            always, once = means_ever(pairs)
        else:
            always, once = counts_ever(question, pairs, days)
        numbers = {"runs": len(pairs), "always valid": always, "fixed horizon, peeked": once}
        rows.append(Row(design.name, question.measure, numbers))
    return rows


def equal_follow_up(runs: int, seed: int) -> list[Row]:
    """How often a growing company whose conversion never changes is said to have changed.

    Half a year before and after a date at which nothing happened. Ours: won within D days of
    mature deals, D the default, looked at every day for half a year (always valid) and once at the
    end (fixed horizon). Naive: win rate of closed deals, by Newcombe's interval at the end, of the
    deals opened in each window, and of the deals closed in each window.
    """
    rng = np.random.default_rng(seed)
    last_day = START + DAYS_OF_PEEKING - 1
    days = np.arange(START, last_day + 1)
    once = by_opening = by_closing = 0
    pairs = []
    for _ in range(runs):
        early = open_deals(rng, GROWING, START - 52 * 7, START - 26 * 7)
        before = open_deals(rng, GROWING, START - 26 * 7, START)
        after = open_deals(rng, GROWING, START, last_day + 1)
        history, side = as_history(early, before, after)
        baseline = Side(side == 1, START - 26 * 7, START)
        test = Side(side == 2, START, last_day + 1)
        follow_up = usual_follow_up(
            history, baseline, instant=end_of(START - 1), last_day=START - 1
        )
        question = Question("won_within", follow_up or 90)
        sides = observe_pair(
            history, question, baseline, test, instant=end_of(last_day), last_day=last_day
        )
        pairs.append(sides)
        found = estimate(*sides, GOAL)
        if isinstance(found, Estimate):
            once += not found.interval[0] <= 0 <= found.interval[1]
        by_opening += _naive([before], [after], last_day, by="opened")
        by_closing += _naive([early, before, after], [early, before, after], last_day, by="closed")
    always, _ = counts_ever(Question("won_within", 90), pairs, days)
    shares = {
        "equal follow-up, always valid, daily": always,
        "equal follow-up, fixed horizon, once": once / runs,
        "naive, closed deals by opening": by_opening / runs,
        "naive, closed deals by closing": by_closing / runs,
    }
    return [
        Row("constant conversion, growing inflow", how, {"runs": runs, "says changed": share})
        for how, share in shares.items()
    ]


def _naive(before: list[Opened], after: list[Opened], last_day: int, *, by: str) -> bool:
    """Whether Newcombe's interval of closed deals' win rates leaves out 0."""
    counts = []
    windows = ((START - 26 * 7, START - 1), (START, last_day))
    for sides, (first, last) in zip((before, after), windows, strict=True):
        closed, won, opened = (
            np.concatenate([getattr(side, name) for side in sides])
            for name in ("closed", "won", "opened")
        )
        day = opened if by == "opened" else closed
        there = (day >= first) & (day <= last) & (closed <= last_day)
        counts.append((int(won[there].sum()), int(there.sum())))
    (k0, n0), (k1, n1) = counts
    low, high = newcombe(k1, n1, k0, n0)
    return not low <= 0 <= high


def print_table(title: str, rows: Sequence[Row]) -> None:
    """A table in Markdown, shares in per cent."""
    names = list(rows[0].numbers)
    print(f"\n{title}\n\n| design | measure | {' | '.join(names)} |")
    print("|---|---|" + "---:|" * len(names))
    for row in rows:
        cells = []
        for name, x in row.numbers.items():
            whole, mean = name == "runs", name.startswith("n ")
            cells.append(f"{x:.0f}" if whole else f"{x:.1f}" if mean else f"{100 * x:.2f} %")
        print(f"| {row.design} | {row.measure} | {' | '.join(cells)} |")
    sys.stdout.flush()


def main() -> int:
    """All three tables; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20261)
    options = parser.parse_args()
    began = time.monotonic()
    broken: list[Row] = []

    covered = [
        row
        for number, design in enumerate(DESIGNS)
        for row in coverage(design, options.runs, options.seed + number)
    ]
    print_table("Coverage of 95 % intervals, one look", covered)
    # Fewer runs than promised leave more to chance: three of their own standard errors more.
    slack = 0.0 if options.runs >= 2000 else 3 * math.sqrt(0.05 * 0.95 / options.runs)
    broken += [r for r in covered if abs(r.numbers["fixed horizon"] - 0.95) > 0.02 + slack]

    told = [
        row
        for number, design in enumerate(PEEKED)
        for row in peeking(design, options.runs, options.seed + 100 + number)
    ]
    print_table("No effect, a look every day for 26 weeks: share ever called better or worse", told)
    broken += [r for r in told if r.numbers["always valid"] > 0.05 + slack]

    constant = equal_follow_up(options.runs, options.seed + 200)
    print_table("Conversion that never changes: share of companies said to have changed", constant)
    broken += [constant[0]] if constant[0].numbers["says changed"] > 0.05 + slack else []

    for row in broken:
        print(f"BROKEN: {row}")
    print(f"\n{time.monotonic() - began:.0f} s, seed {options.seed}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
