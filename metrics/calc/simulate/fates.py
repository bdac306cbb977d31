"""What really happened to each deal: when it came to which stage, and how it ended.

Nothing here is recorded wrongly yet; `paperwork` does that afterwards.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metrics.calc.simulate import world
from metrics.calc.simulate.world import Channel, Rep, Source, Worsening

_CLOSED_DAYS = {(12, 24), (12, 25), (12, 26), (12, 31), (1, 1)}


@dataclass(frozen=True, slots=True)
class Opening:
    """A deal at the moment at which its call was booked."""

    opened_at: datetime  # local, naive
    quarter: int
    channel: Channel
    source: Source
    product: int
    rep: Rep
    customer: int
    amount: int
    effect: float  # log odds of rep and source, added at stages 2 and 3


@dataclass(frozen=True, slots=True)
class Step:
    """The deal came to `stage` (1..3 open, 4 won, 5 lost) at `at` (local, naive)."""

    stage: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Leaving:
    """One departure from an open stage, with the chance it had of being an advance."""

    position: int
    entered_quarter: int
    chance: float
    left_at: datetime
    advanced: bool


@dataclass(frozen=True, slots=True)
class Fate:
    steps: tuple[Step, ...]
    leavings: tuple[Leaving, ...]
    ended: Literal["won", "lost", "left open"]
    lost_from: int | None  # furthest stage of a lost deal
    revived: bool


def quarter_of(day: date, starts: tuple[date, ...]) -> int:
    """The index of the quarter that holds `day`; the last index also for later days."""
    return max(0, min(len(starts) - 2, sum(1 for start in starts[1:-1] if day >= start)))


def next_working_time(moment: datetime, rng: np.random.Generator) -> datetime:
    """`moment`, or the next time after it at which somebody works."""
    if moment.hour >= 18:
        moment = datetime.combine(moment.date() + timedelta(days=1), time(8, 30))
    while moment.weekday() >= 5 or (moment.month, moment.day) in _CLOSED_DAYS:
        moment = datetime.combine(moment.date() + timedelta(days=1), time(8, 30))
    if moment.time() < time(8, 30):
        moment = datetime.combine(moment.date(), time(8, 30))
    if moment.time() == time(8, 30):
        moment += timedelta(minutes=int(rng.integers(0, 480)))
    return moment


def _offset(effects: NDArray[np.float64], mean: float) -> float:
    """The intercept at which the mean of sigmoid(intercept + effect) is `mean`."""
    low, high = -12.0, 12.0
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.mean(1.0 / (1.0 + np.exp(-(middle + effects))))) < mean:
            low = middle
        else:
            high = middle
    return (low + high) / 2


class Chances:
    """The chance of getting past a stage: nominal on average, shifted by rep and source."""

    def __init__(self, openings: list[Opening], worsening: Worsening) -> None:
        self._worsening = worsening
        self._offsets: dict[tuple[Channel, int, int], float] = {}
        for channel, truth in world.CHANNELS.items():
            effects = np.array([o.effect for o in openings if o.channel == channel])
            for position, chance in enumerate(truth.chances, start=1):
                shifts = effects if position > 1 else np.zeros(1)
                for quarter in range(world.QUARTERS):
                    nominal = chance * self.factor(position, quarter)
                    self._offsets[channel, position, quarter] = _offset(shifts, nominal)

    def factor(self, position: int, quarter: int) -> float:
        late = quarter - (world.QUARTERS - len(self._worsening.chance_factors))
        if position != self._worsening.position or late < 0:
            return 1.0
        return self._worsening.chance_factors[late]

    def of(self, opening: Opening, position: int, quarter: int) -> float:
        log_odds = self._offsets[opening.channel, position, quarter]
        if position > 1:
            log_odds += opening.effect
        return float(1.0 / (1.0 + np.exp(-log_odds)))


def draw_fate(
    rng: np.random.Generator,
    opening: Opening,
    chances: Chances,
    starts: tuple[date, ...],
    untidy: world.Untidy,
) -> Fate:
    """Lead one deal through the stages. Draws the same number of values whatever `as_of` is."""
    truth = world.CHANNELS[opening.channel]
    product = world.PRODUCTS[opening.product]
    steps = [Step(1, opening.opened_at)]
    leavings: list[Leaving] = []
    moment, position, revived = opening.opened_at, 1, False
    while True:
        quarter = quarter_of(moment.date(), starts)
        chance = chances.of(opening, position, quarter)
        stays, luck, wait = rng.random(), rng.random(), rng.standard_normal()
        if stays < world.LEFT_OPEN:
            return Fate(tuple(steps), tuple(leavings), "left open", None, revived)
        advanced = bool(luck < chance)
        days = truth.days[position - 1] * product.days_factor * np.exp(world.DAYS_LOG_SD * wait)
        if chances.factor(position, quarter) < 1.0:
            days *= world.Worsening().days_factor
        if not advanced:
            days *= world.LOST_TAKES_LONGER
        left_at = next_working_time(moment + timedelta(days=float(days)), rng)
        left_at = max(left_at, moment + timedelta(minutes=25))
        leavings.append(Leaving(position, quarter, chance, left_at, advanced))
        moment = left_at
        if advanced:
            position += 1
            steps.append(Step(position, moment))
            if position > world.OPEN_STAGES:
                return Fate(tuple(steps), tuple(leavings), "won", None, revived)
            continue
        steps.append(Step(5, moment))
        if revived or rng.random() >= untidy.revived:
            return Fate(tuple(steps), tuple(leavings), "lost", position, revived)
        # It comes back some weeks later, to the stage at which it was lost.
        revived = True
        moment = next_working_time(moment + timedelta(days=int(rng.integers(18, 110))), rng)
        steps.append(Step(position, moment))
