"""How a segment's stages stand against what is usual, and what one more deal would be worth.

Definitions: docs/metrics.md, "Funnel and danger points". Computed when read, from the newest
stored figures of this quarter and the four before it, for many segments and quarters at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrics.calc import danger
from metrics.calc.history import Int64
from metrics.calc.stored import StoredFigures
from metrics.calc.types import Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """One segment in one quarter: its own figures, and those it is seen against.

    `recent` includes its own; `usual` does not. A quarter in which the segment had no deal in
    play is left out of both: it would add zeros.
    """

    own: StoredFigures
    recent: Sequence[StoredFigures]
    usual: Sequence[StoredFigures]


@dataclass(frozen=True, slots=True)
class StageJudgement:
    """One open stage. `chance_worse` and `change_p` are None where there is too little."""

    usual_advanced: int
    usual_lost_at: int
    chance_worse: float | None
    verdict: Verdict
    change_p: float | None
    change_p_adjusted: float | None
    worth_of_one_more: float | None
    worth_is_thin: bool
    expected_loss: float | None


def judge(cases: Sequence[Case]) -> list[tuple[StageJudgement, ...]]:
    """The judgement of every stage of every case, in order; all with the same number of stages."""
    if not cases:
        return []
    advanced, lost_at = _counts([[case.own] for case in cases])
    usual_advanced, usual_lost_at = _counts([case.usual for case in cases], like=advanced)
    chance = recent_chances([case.recent for case in cases])
    deal_size = np.array([_recent_deal_size(case) for case in cases])
    worth = danger.worth_of_one_more(deal_size, chance)
    p = danger.fisher_two_sided(advanced, lost_at, usual_advanced, usual_lost_at)
    worse = danger.chance_worse(advanced, lost_at, usual_advanced, usual_lost_at)
    columns = (
        usual_advanced.tolist(),
        usual_lost_at.tolist(),
        worse.tolist(),
        p.tolist(),
        danger.benjamini_hochberg(p).tolist(),
        worth.tolist(),
        (lost_at * worth).tolist(),
    )
    found = []
    for case, *rows in zip(cases, *columns, strict=True):
        thin = sum(figures.won for figures in case.recent) < danger.FEWEST_WON
        found.append(tuple(_judgement(thin, *values) for values in zip(*rows, strict=True)))
    return found


def recent_chances(recent: Sequence[Sequence[StoredFigures]]) -> danger.Float:
    """[cases, K + 1] the chance of being won from each stage on, by each case's quarters."""
    advanced, lost_at = _counts(recent)
    return danger.chances(danger.conversion(advanced, lost_at))


def _judgement(
    thin: bool,
    usual_advanced: int,
    usual_lost_at: int,
    worse: float,
    p: float,
    adjusted: float,
    worth: float,
    loss: float,
) -> StageJudgement:
    chance_worse = _number(worse)
    verdict: Verdict = "too_few"
    if chance_worse is not None:
        verdict = "watch" if chance_worse >= danger.WATCH else "healthy"
        if chance_worse >= danger.DANGER:
            verdict = "danger"
    return StageJudgement(
        usual_advanced,
        usual_lost_at,
        chance_worse,
        verdict,
        _number(p),
        _number(adjusted),
        _number(worth),
        thin,
        _number(loss),
    )


def _recent_deal_size(case: Case) -> float:
    """A_r, NaN where no deal won in recent has an amount."""
    with_amount = sum(figures.won_with_amount for figures in case.recent)
    revenue = sum(figures.revenue_won or 0.0 for figures in case.recent)
    return revenue / with_amount if with_amount else float("nan")


def _counts(
    cases: Sequence[Sequence[StoredFigures]], like: Int64 | None = None
) -> tuple[Int64, Int64]:
    """[cases, K] advanced and lost_at, added up over each case's figures.

    `like` gives the shape where every case may be without figures.
    """
    k = like.shape[1] if like is not None else max(len(f.stages) for case in cases for f in case)
    advanced, lost_at = [], []
    for case in cases:
        first, second = [0] * k, [0] * k
        for figures in case:
            for s, stage in enumerate(figures.stages):
                first[s] += stage.advanced
                second[s] += stage.lost_at
        advanced.append(first)
        lost_at.append(second)
    shape = (len(cases), k)
    return (
        np.array(advanced, np.int64).reshape(shape),
        np.array(lost_at, np.int64).reshape(shape),
    )


def _number(value: float) -> float | None:
    return None if value != value else value
