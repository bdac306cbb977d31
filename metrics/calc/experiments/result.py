"""What is asked of an experiment, and all that is shown of it on a day.

Definitions: docs/metrics.md, "Experiments". `ExperimentPlan` is the whole of the input beside the
history, `ExperimentFigures` the whole of the answer: pages, files and the frozen figures of a
decision read nothing else. `computing` makes one of the other; `result_json` stores it.

Effects are those of `kinds`: points as a fraction and days by difference, deals a week and money
by ratio (1.2 is a fifth more). An interval's infinite end means that there is no bound yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from metrics.calc.experiments.assignment import Arm, Balance, Contamination, Unit
from metrics.calc.experiments.entries import EntriesCheck
from metrics.calc.experiments.kinds import NO_EFFECT, SCALE, Design, Direction, Empty, Measure
from metrics.calc.experiments.mix import Shift
from metrics.calc.experiments.reps import RepsCheck
from metrics.calc.experiments.result_json import decoded, encoded
from metrics.calc.experiments.sequences import Method
from metrics.calc.experiments.verdicts import Doubt, Verdict, Words
from metrics.calc.types import Interval

# Bump when a figure changes its meaning or its arithmetic: stored results say which they are of.
METHOD = 3


# What is asked ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """The local days [start, end) on which deals of a side open."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A measure that must not get worse; `stage` is a position, None too where it is gone."""

    measure: Measure
    stage: int | None = None

    @property
    def direction(self) -> Direction:
        """Which way is better: more of everything, but for days."""
        return "down" if self.measure == "cycle_days" else "up"


@dataclass(frozen=True, slots=True)
class Arms:
    """Who is in which arm, by what was assigned before the outcome was known.

    `of_deal` has every deal that belongs to an arm: with arms by rep, the arm of the rep that the
    deal had when it opened. `units` are what was assigned, reps or deals, with their strata, and
    `of_unit` their arms. `baseline_units` and `test_units` are the numbers of reps of each arm (1
    each with arms by deal). `reps_of_deals` has every rep a deal had, in order; `of_rep` the
    reps' arms, None with arms by deal.
    """

    of_deal: Mapping[int, Arm]
    units: tuple[Unit, ...] = ()
    of_unit: Mapping[int, Arm] = field(default_factory=dict)
    baseline_units: int = 1
    test_units: int = 1
    reps_of_deals: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    of_rep: Mapping[int, Arm] | None = None


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """What to measure, on which deals, against what.

    `stage` is the position of the stage of a conversion, None where it is no longer there.
    `follow_up` is D, None before the start: then it is what is usual in the baseline. With arms,
    both windows are the same and `arms` says which deal is in which.
    """

    measure: Measure
    stage: int | None
    segment: str
    direction: Direction
    smallest: float | None
    design: Design
    baseline: Window
    test: Window
    follow_up: int | None
    guardrails: tuple[Guardrail, ...] = ()
    arms: Arms | None = None


# What is answered ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SideFigures:
    """One side: `value` (deals a week, a share, days or money) with its own 95 % interval.

    `n` cases are behind it, `k` of them won or got past (conversions only). Of `belonging` deals
    opened in the window, `reached` had the event that counts, `mature` have had D days since and
    `young` not yet. `overlapping` mature deals of the baseline have days of follow-up after the
    change. `days` of the window are over. `reason`: why there is no value.
    """

    value: float | None
    interval: Interval | None
    n: int
    k: int | None
    belonging: int
    reached: int
    mature: int
    young: int
    path_unknown: int
    without_amount: int
    overlapping: int
    days: int
    units: int
    reason: Empty | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One measure on both sides: the primary one, or a guardrail.

    `effect` with `interval` (95 %) and `half` (50 %) hold for one look; `always_valid` may be read
    every day, and `verdict` follows it alone. `reason` says why there is no effect; an always-valid
    interval may stand all the same (a ratio to nothing). `chance_target` is None without a
    smallest effect worth having. `reps` and `entries` are second opinions, where one is needed, and
    `held` is the one for which the verdict waits although the interval has it.
    """

    measure: Measure
    stage: int | None
    direction: Direction
    baseline: SideFigures
    test: SideFigures
    reason: Empty | None
    effect: float | None
    interval: Interval | None
    half: Interval | None
    always_valid: Interval | None
    method: Method | None
    p_value: float | None
    chance_better: float | None
    chance_target: float | None
    verdict: Verdict
    words: Words
    # Not known to the second version of the method.
    reps: RepsCheck | None = None
    entries: EntriesCheck | None = None
    held: Doubt | None = None

    @property
    def no_effect(self) -> float:
        """What an effect is where nothing changed: 0 or 1."""
        return NO_EFFECT[SCALE[self.measure]]


@dataclass(frozen=True, slots=True)
class Settle:
    """What would settle it: so many more cases like those seen, or why that cannot be said.

    `weeks` more of the test's window, for the number of deals. `held`: the interval tells already,
    and the verdict waits for the second opinion that the reading names.
    """

    state: Literal["more", "settled", "held", "never", "not_computable"]
    more_baseline: int = 0
    more_test: int = 0
    weeks: float | None = None


@dataclass(frozen=True, slots=True)
class TimePoint:
    """The measure over deals opened in the (up to) four weeks that end on `upto`, mature only.

    `since` is the first day of those weeks; they never reach over the start. Where no deal of
    them is mature there is no point: a gap is a gap.
    """

    side: Arm
    since: date
    upto: date
    value: float
    interval: Interval | None
    n: int
    k: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The always-valid interval of the effect as it stood at the end of a day."""

    day: date
    interval: Interval


@dataclass(frozen=True, slots=True)
class ArmsFigures:
    """How even the arms came out, which deals changed hands, and who is in none.

    `unassigned` deals of the segment opened in the window without an arm (their rep came later).
    """

    balance: Balance
    contamination: Contamination
    unassigned: int


@dataclass(frozen=True, slots=True)
class Worth:
    """The effect in money a day: (V'/V - 1) x revenue won of the quarter / its days.

    The measured relative change of the measure, applied to the quarter's own factor; the rest
    stays as it was. `low` and `high` come from the always-valid interval; None: no bound yet.
    """

    quarter: str
    per_day: float
    low: float | None
    high: float | None


WorthEmpty = Literal[
    "no_effect",  # there is no effect to put into money
    "no_quarter",  # no quarter of this segment had ended when the test began
    "no_velocity",  # the quarter has no velocity to start from
    "no_baseline",  # the baseline's value is 0: nothing to be in proportion to
]


@dataclass(frozen=True, slots=True)
class ExperimentFigures:
    """All that is shown of an experiment as of the end of `last_day`.

    `target` is the level to reach on the test's side, None where it cannot be told. `spread` is
    how much more the baseline's and the test's weekly openings vary than by chance (1 is chance),
    for the number of deals. `path` is the always-valid interval week by week.
    """

    method: int
    last_day: date
    design: Design
    follow_up: int | None
    follow_up_usual: int | None
    primary: Reading
    target: float | None
    settle: Settle
    guardrails: tuple[Reading, ...]
    points: tuple[TimePoint, ...]
    path: tuple[Seen, ...]
    mix: tuple[Shift, ...]
    spread: tuple[float | None, float | None]
    arms: ArmsFigures | None
    worth: Worth | None
    worth_reason: WorthEmpty | None

    @property
    def harmed(self) -> tuple[Reading, ...]:
        """The guardrails that are clearly worse."""
        return tuple(row for row in self.guardrails if row.verdict == "worse")

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON column; `from_json` reads them back, equal in every digit."""
        plain: dict[str, Any] = encoded(self)
        return plain

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "ExperimentFigures":
        """The figures from their JSON form. KeyError where one is missing that was always there."""
        read: ExperimentFigures = decoded(ExperimentFigures, value)
        return read
