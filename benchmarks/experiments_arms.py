"""Companies that ran two arms at once, drawn by the product's own arithmetic.

Two channels, of which inbound reaches the second stage more often. By deal, every deal gets its arm
when it opens, in permuted blocks within its channel. By rep, every rep works in one channel and
gets an arm within it; reps may be alike, or differ in how they sell and in how much comes to them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.experiments_company import (
    START,
    Business,
    Effect,
    Opened,
    as_history,
    fates,
    openings,
)
from metrics.calc.experiments.assignment import Arm, Unit, assign_all, assign_next
from metrics.calc.experiments.kinds import Question
from metrics.calc.experiments.measures import Observations, Side
from metrics.calc.experiments.reps import check_reps
from metrics.calc.history import History

# The share of inflow of each channel, and how much more often it reaches the second stage.
CHANNELS = {"inbound": (0.6, 1.15), "outbound": (0.4, 0.775)}


@dataclass(frozen=True, slots=True)
class ArmsDesign:
    """Two arms over some weeks. `reps` 0: by deal. `business` is what all reps do together.

    `spread` is the standard deviation of the reps: of the log odds of both chances, of the
    logarithms of days, amounts and inflow.
    """

    name: str
    business: Business
    effect: Effect
    weeks: int
    reps: int = 0
    spread: float = 0.0

    def questions(self, asked: Sequence[Question]) -> tuple[Question, ...]:
        """What may be asked: blocks even out the number of deals if it is deals that are drawn."""
        return tuple(q for q in asked if self.reps or q.measure != "opened_per_week")


@dataclass(frozen=True, slots=True)
class Crew:
    """With whom each deal began, and the reps of each arm."""

    rep_of: np.ndarray
    reps: dict[Arm, list[Unit]]

    def sign(self, baseline: Observations, test: Observations) -> int:
        """What the product's second opinion says."""
        return check_reps(baseline, test, self.rep_of, self.reps).sign


def arms_company(
    rng: np.random.Generator, design: ArmsDesign
) -> tuple[History, Side, Side, Crew | None]:
    """One company that ran the arms: its deals and both sides, and who is in which arm."""
    end = START + 7 * design.weeks
    seed = str(rng.integers(1 << 40))
    made = _by_rep(rng, design, seed, end) if design.reps else _by_deal(rng, design, seed, end)
    history, part = as_history(*(deals for _, _, deals in made))
    arm = np.array([arm == "test" for arm, _, _ in made])[part]
    crew = None
    if design.reps:
        reps: dict[Arm, list[Unit]] = {"baseline": [], "test": []}
        for name, unit, _ in made:
            reps[name].append(unit)
        crew = Crew(np.array([unit.id for _, unit, _ in made])[part], reps)
    n0, n1 = (len(crew.reps[name]) if crew else 1 for name in ("baseline", "test"))
    return history, Side(~arm, START, end, n0), Side(arm, START, end, n1), crew


def _by_deal(
    rng: np.random.Generator, design: ArmsDesign, seed: str, end: int
) -> list[tuple[Arm, Unit, Opened]]:
    made: list[tuple[Arm, Unit, Opened]] = []
    for channel, share in CHANNELS.items():
        unit = Unit(0, channel)  # nobody in particular
        business = _in_channel(design.business, *share)
        opened = openings(rng, business, START, end)
        arms = np.array([assign_next(seed, channel, place) for place in range(len(opened))])
        made += [
            ("baseline", unit, fates(rng, business, opened[arms == "baseline"])),
            ("test", unit, fates(rng, design.effect.on(business), opened[arms == "test"])),
        ]
    return made


def _by_rep(
    rng: np.random.Generator, design: ArmsDesign, seed: str, end: int
) -> list[tuple[Arm, Unit, Opened]]:
    # Both channels have as many reps, so that every rep of inbound has more to do.
    names = tuple(CHANNELS)
    units = [Unit(rep, names[rep % 2]) for rep in range(1, design.reps + 1)]
    arms = assign_all(seed, units)
    made = []
    for unit in units:
        share, reach = CHANNELS[unit.stratum]
        business = _in_channel(design.business, share / (design.reps / 2), reach)
        business = _as_rep(rng, business, design.spread)
        if arms[unit.id] == "test":
            business = design.effect.on(business)
        made.append(
            (arms[unit.id], unit, fates(rng, business, openings(rng, business, START, end)))
        )
    return made


def _in_channel(business: Business, share: float, reach: float) -> Business:
    return replace(business, per_week=business.per_week * share, reach=business.reach * reach)


def _as_rep(rng: np.random.Generator, business: Business, spread: float) -> Business:
    """One rep's own way. Nothing is drawn where reps are alike."""
    if not spread:
        return business
    own = spread * rng.standard_normal(5)
    days = math.exp(own[2])
    return replace(
        business,
        reach=_moved(business.reach, own[0]),
        win=_moved(business.win, own[1]),
        days_to_reach=business.days_to_reach * days,
        days_to_win=business.days_to_win * days,
        median_amount=business.median_amount * math.exp(own[3]),
        per_week=business.per_week * math.exp(own[4]),
    )


def _moved(chance: float, by: float) -> float:
    return 1 / (1 + (1 / chance - 1) * math.exp(-by))
