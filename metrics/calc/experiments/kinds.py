"""The words of an experiment: what is measured, in which direction, and why there is no number.

Definitions: docs/metrics.md, "Experiments". `baseline` is the window before the change, or the
arm that works as before; `test` is the window or arm with the change.
"""

from dataclasses import dataclass
from typing import Literal

Measure = Literal["opened_per_week", "won_within", "passed_within", "cycle_days", "deal_size"]
Scale = Literal["difference", "ratio"]
Direction = Literal["up", "down"]
Design = Literal["before_after", "arms_by_rep", "arms_by_deal"]

# Why a figure is not computable. A page has a sentence for each; none is ever shown as 0.
Empty = Literal[
    "stage_gone",  # the stage that it is about is no longer in the pipeline
    "arm_empty",  # nobody and nothing belongs to one of the two sides
    "no_days",  # not one whole day of a window has been seen
    "no_deals",  # no deal was opened on a side
    "no_events",  # no deal was opened on either side: nothing to compare
    "baseline_zero",  # a ratio to zero
    "never_reached",  # no deal of a side reached the stage
    "no_mature",  # every deal of a side is still too young
    "no_won",  # no mature deal of a side was won in time
    "no_amount",  # none of those has an amount that can be compared
    "too_few",  # one case cannot say how much cases differ
    "all_same",  # all cases are equal: their spread cannot be told
]

SCALE: dict[Measure, Scale] = {
    "opened_per_week": "ratio",
    "won_within": "difference",
    "passed_within": "difference",
    "cycle_days": "difference",
    "deal_size": "ratio",
}
# What an effect is where nothing changed.
NO_EFFECT: dict[Scale, float] = {"difference": 0.0, "ratio": 1.0}


@dataclass(frozen=True, slots=True)
class Question:
    """What is measured: `follow_up` is D, whole days; `stage` is s for a stage's conversion."""

    measure: Measure
    follow_up: int = 0
    stage: int | None = None

    def __post_init__(self) -> None:
        if self.measure != "opened_per_week" and self.follow_up < 1:
            raise ValueError("every measure but the number of deals needs a follow-up of days")
        if (self.measure == "passed_within") != (self.stage is not None):
            raise ValueError("a stage is named for a stage's conversion, and only for that")

    @property
    def scale(self) -> Scale:
        """How the two sides are compared: by difference or by ratio."""
        return SCALE[self.measure]


@dataclass(frozen=True, slots=True)
class Goal:
    """Which way is better, and the smallest effect worth having, as a size without sign.

    In the unit of the measure for a difference (0.06 is six points, 5.0 is five days), as a
    fraction of the baseline for a ratio (0.2 is a fifth more, or a fifth less).
    """

    direction: Direction
    smallest: float

    def __post_init__(self) -> None:
        if not self.smallest > 0:
            raise ValueError("the smallest effect worth having is more than nothing")

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.direction == "up" else -1

    def target(self, scale: Scale) -> float:
        """The effect to reach, on the scale on which effects are given. ValueError below zero."""
        target = NO_EFFECT[scale] + self.sign * self.smallest
        if scale == "ratio" and target <= 0:
            raise ValueError("nothing can shrink by more than all of it")
        return target


@dataclass(frozen=True, slots=True)
class Level:
    """One side as it is shown: the measured value and what it rests on.

    `n` is the number of cases behind `value` (deals opened, mature deals, won deals); `k` those
    won or got past, for a conversion. `young` deals were left out since their days are not over.
    """

    value: float | None
    n: int
    k: int | None = None
    young: int = 0


@dataclass(frozen=True, slots=True)
class NotComputable:
    """Why there is no figure, with the counts that there are."""

    reason: Empty
    baseline: Level
    test: Level
