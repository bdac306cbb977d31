"""Made-up companies of which the truth is known, for the proof of the experiments' arithmetic.

Two open stages. Deals open at random (Poisson), some reach the second stage, some of those are
won, the rest is lost, each after a random number of days. What every measure should show follows
from the distributions alone, without looking at a single deal.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from metrics.calc.experiments.kinds import Question
from metrics.calc.history import DIMENSIONS, History

START = 20_000  # the first day of the test window, days since 1970
_HOUR = 3_600_000_000
_LONG = 2_000  # days that no delay outlasts


@dataclass(frozen=True, slots=True)
class Business:
    """How one side works. Delays are whole days: Gamma of shape 2 with these means, rounded down.

    `growth` is by how much inflow grows a week from START on, 0.03 for 3 %. `quick_wins`: deals
    that reach the second stage sooner than half of all do win so much more often (0.5: half as
    often again), the others as much less; `truth` knows nothing of it.
    """

    per_week: float = 5.0
    growth: float = 0.0
    reach: float = 0.55
    win: float = 0.45
    days_to_reach: float = 12.0
    days_to_win: float = 22.0
    days_to_lose: float = 20.0
    median_amount: float = 4_000.0
    spread: float = 0.6
    quick_wins: float = 0.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What the change does: factors on inflow, chances, days and amounts."""

    inflow: float = 1.0
    reach: float = 1.0
    win: float = 1.0
    days: float = 1.0
    amount: float = 1.0

    def on(self, business: Business) -> Business:
        """The business with the change."""
        return replace(
            business,
            per_week=business.per_week * self.inflow,
            reach=business.reach * self.reach,
            win=business.win * self.win,
            days_to_reach=business.days_to_reach * self.days,
            days_to_win=business.days_to_win * self.days,
            median_amount=business.median_amount * self.amount,
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """Deals of one side: days of their visits (-1: never), outcome and amount."""

    opened: np.ndarray
    second: np.ndarray
    closed: np.ndarray
    won: np.ndarray
    amount: np.ndarray


def open_deals(
    rng: np.random.Generator, business: Business, first_day: int, end_day: int
) -> Opened:
    """The deals that open on [first_day, end_day), with all that becomes of them."""
    return fates(rng, business, openings(rng, business, first_day, end_day))


def openings(
    rng: np.random.Generator, business: Business, first_day: int, end_day: int
) -> np.ndarray:
    """The days on which deals open, in order."""
    days = np.arange(first_day, end_day)
    rate = business.per_week / 7 * (1 + business.growth) ** np.maximum(0, (days - START) / 7)
    return np.repeat(days, rng.poisson(rate))


def fates(rng: np.random.Generator, business: Business, opened: np.ndarray) -> Opened:
    """What becomes of deals that open on these days."""
    n = len(opened)
    reached = rng.random(n) < business.reach
    luck, delay = rng.random(n), _delay(rng, business.days_to_reach, n)
    quick = np.where(delay < _median(business.days_to_reach), 1.0, -1.0)
    won = reached & (luck < business.win * (1 + business.quick_wins * quick))
    second = np.where(reached, opened + delay, -1)
    after = np.where(reached, second, opened)
    gone = np.where(
        won, _delay(rng, business.days_to_win, n), _delay(rng, business.days_to_lose, n)
    )
    amount = business.median_amount * np.exp(business.spread * rng.standard_normal(n))
    return Opened(opened, second, after + gone + 1, won, amount)


def _delay(rng: np.random.Generator, mean: float, n: int) -> np.ndarray:
    return np.floor(rng.gamma(2.0, mean / 2, n)).astype(np.int64)


def _median(mean: float) -> float:
    return float(stats.gamma.median(2.0, scale=mean / 2))


def as_history(*sides: Opened) -> tuple[History, np.ndarray]:
    """All deals as one history, and which side [n] each belongs to."""
    opened, second, closed, won, amount = (
        np.concatenate([getattr(side, name) for side in sides])
        for name in ("opened", "second", "closed", "won", "amount")
    )
    side = np.repeat(np.arange(len(sides)), [len(one.opened) for one in sides])
    n = len(opened)
    day = np.stack([opened, second, closed], axis=1)
    stage = np.stack([np.full(n, 1), np.full(n, 2), np.where(won, 3, 4)], axis=1)
    there = day >= 0
    instant = day * 24 * _HOUR + np.array([8, 10, 12]) * _HOUR
    nothing = np.zeros(n, np.int32)
    history = History(
        stages=("First", "Second"),
        deal_id=np.arange(1, n + 1),
        visit_start=np.concatenate([[0], np.cumsum(there.sum(axis=1))]),
        entered_at=instant[there],
        entered_on=day[there].astype(np.int32),
        stage=stage[there].astype(np.int32),
        amount=amount,
        currency=nothing,
        path_known=np.ones(n, np.bool_),
        lost_level=np.zeros(n, np.int8),
        channel=nothing,
        source=nothing,
        product=nothing,
        rep=nothing,
        team=nothing,
        labels=dict.fromkeys(DIMENSIONS, ("unknown",)),
    )
    return history, side


def end_of(day: int) -> int:
    """The instant at which a day is over."""
    return (day + 1) * 24 * _HOUR


def truth(question: Question, business: Business) -> float:
    """What the measure is in the long run (for a deal size: its median)."""
    follow_up = question.follow_up
    first, then = _chances(business.days_to_reach), _chances(business.days_to_win)
    win_after = np.concatenate([[0.0], then])[:_LONG]  # at least a day
    if question.measure == "opened_per_week":
        return business.per_week
    if question.measure == "passed_within":
        if question.stage == 1:
            return business.reach * float(first[: follow_up + 1].sum())
        return business.win * float(win_after[: follow_up + 1].sum())
    cycle = np.convolve(first, win_after)[: follow_up + 1]
    if question.measure == "won_within":
        return business.reach * business.win * float(cycle.sum())
    if question.measure == "cycle_days":
        return float((cycle * np.arange(follow_up + 1)).sum() / cycle.sum())
    return business.median_amount


def _chances(mean: float) -> np.ndarray:
    """[days] the chance of each delay."""
    return np.diff(stats.gamma.cdf(np.arange(_LONG + 1), 2.0, scale=mean / 2))
