"""Does the buyer give the reason for a loss that the rep gave?

Two reasons agree when they are of the same first level (competitor, no decision, other). Where
one of the two said nothing, or that it is unknown, there is nothing to compare: such deals are
counted apart and are in no rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from metrics.calc.types import Interval
from metrics.calc.uncertainty import wilson

FEWEST = 10  # compared deals, for a rate; under it the counts alone
LEVELS = ("competitor", "no_decision", "other", "unknown")
_NOTHING = ("", "unknown")

Mark = Literal["same", "kind", "differ", "one_voice"]


@dataclass(frozen=True, slots=True)
class Said:
    """A reason for a loss: a level of LEVELS or "", and ids of what was named with it."""

    level: str
    reason: int | None = None
    competitor: int | None = None


def compare(rep: Said, buyer: Said) -> Mark:
    """ "same" kind of reason, "kind": the same kind but another reason or competitor named,
    "differ", or "one_voice" where one of them named none."""
    if rep.level in _NOTHING or buyer.level in _NOTHING:
        return "one_voice"
    if rep.level != buyer.level:
        return "differ"
    named = ((rep.reason, buyer.reason), (rep.competitor, buyer.competitor))
    other = any(one and two and one != two for one, two in named)
    return "kind" if other else "same"


@dataclass(frozen=True, slots=True)
class Agreement:
    """`agreed` of `compared` deals have a reason of the same level from both; `apart` could not
    be compared. `interval` is None under 10 compared deals."""

    agreed: int
    compared: int
    apart: int

    @property
    def interval(self) -> Interval | None:
        """The 95 % Wilson interval of the rate."""
        return wilson(self.agreed, self.compared) if self.compared >= FEWEST else None


def agreement(marks: Iterable[Mark]) -> Agreement:
    """How often the two agree."""
    told = list(marks)
    apart = told.count("one_voice")
    agreed = told.count("same") + told.count("kind")
    return Agreement(agreed, len(told) - apart, apart)
