"""What may become of an experiment: which act in which state, what a start needs, what may change.

Definitions: docs/metrics.md, "Experiments". An experiment is fixed before anybody looks: after the
start nothing that decides what is measured, on which deals and against what can change at all, and
the rest only as an amendment with a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal

State = Literal["draft", "running", "stopped", "decided"]
Act = Literal[
    "change", "withdraw", "start", "amend", "stop", "resume", "adopt", "extend", "drop", "note",
    "check_in",
]  # fmt: skip
Decision = Literal["adopt", "extend", "stop"]
Refusal = Literal[
    "not_started",  # a draft can be changed, started and withdrawn, nothing else
    "started",  # it runs, or has run: amendments only
    "stopped",  # it was stopped: what is left is to decide
    "decided",  # the figures are frozen; a new experiment asks a new question
]
# Why an experiment cannot start. A page has a sentence for each.
Lack = Literal[
    "then",  # what is expected is not said
    "stage",  # a stage's conversion, and no stage
    "stage_gone",  # its stage was retired
    "smallest",  # the smallest effect worth having
    "smallest_too_large",  # nothing falls by more than all of it; no share rises by more than that
    "rule",  # the decision rule
    "window",  # no start, no end
    "window_order",  # it ends before it starts
    "window_long",  # more than MOST_DAYS
    "window_short",  # not one week
    "past",  # it starts before today, further back than may be
    "over",  # it is over already
    "baseline",  # a before/after without a baseline
    "baseline_order",
    "baseline_short",
    "baseline_late",  # baseline and test overlap
    "owner",
]

STATES: tuple[State, ...] = ("running", "draft", "stopped", "decided")
OPEN: tuple[State, ...] = ("running", "stopped")

_ALLOWED: Mapping[State, tuple[Act, ...]] = MappingProxyType(
    {
        "draft": ("change", "withdraw", "start", "note"),
        "running": ("amend", "stop", "adopt", "extend", "drop", "note", "check_in"),
        "stopped": ("amend", "resume", "adopt", "drop", "note"),
        "decided": ("note",),
    }
)
_WHY: Mapping[State, Refusal] = MappingProxyType(
    {
        "draft": "not_started",
        "running": "started",
        "stopped": "stopped",
        "decided": "decided",
    }
)

# What an amendment may change. The order is that of forms and logs.
AMENDABLE: tuple[str, ...] = (
    "title", "if_we", "then", "because", "owner_id", "ends_on", "smallest_effect", "guardrails",
)  # fmt: skip
# What a start fixes: the question itself, and the rule that answers it. Another one is another
# experiment.
FIXED: tuple[str, ...] = (
    "pipeline_id", "segment", "measure", "stage_id", "rising", "design", "baseline_start",
    "baseline_end", "starts_on", "follow_up_days", "decision_rule",
)  # fmt: skip

MOST_GUARDRAILS = 3
FEWEST_DAYS = 7  # of a window: deals a week need one
MOST_DAYS = 731
# A change may be written down two weeks after it was made. Arms are drawn before deals open.
LATE_DAYS = 14
SCALES_BY_RATIO = ("number", "deal_size")


@dataclass(frozen=True, slots=True)
class Outline:
    """What a start looks at. Measures and designs are those of the model.

    `stage_in_use` is None where no stage is named.
    """

    then: str
    measure: str
    stage_in_use: bool | None
    rising: bool
    smallest: float | None
    rule: str
    design: str
    baseline_start: date | None
    baseline_end: date | None
    starts_on: date | None
    ends_on: date | None
    owned: bool


def acts(state: State) -> tuple[Act, ...]:
    """What may be done in a state."""
    return _ALLOWED[state]


def refusal(state: State, act: Act) -> Refusal | None:
    """Why an act is refused in a state; None where it is allowed."""
    return None if act in _ALLOWED[state] else _WHY[state]


def act_of(decision: Decision) -> Act:
    """The act that a decision is."""
    return "drop" if decision == "stop" else decision


def lacking(outline: Outline, *, today: date) -> tuple[Lack, ...]:
    """All that keeps an experiment from starting today, in the order of the form; empty: nothing.

    `today` is the company's local day.
    """
    found: list[Lack] = []
    if not outline.then.strip():
        found.append("then")
    if outline.measure == "conversion" and not outline.stage_in_use:
        found.append("stage" if outline.stage_in_use is None else "stage_gone")
    size = smallest_refusal(outline.measure, outline.smallest, rising=outline.rising)
    if size is not None:
        found.append(size)
    found += _windows(outline, today)
    if not outline.rule.strip():
        found.append("rule")
    if not outline.owned:
        found.append("owner")
    return tuple(found)


def smallest_refusal(measure: str, smallest: float | None, *, rising: bool) -> Lack | None:
    """Why this is no smallest effect worth having: none, not above zero, or impossible."""
    if smallest is None or not 0 < smallest < float("inf"):
        return "smallest"
    if measure in ("win_rate", "conversion") and smallest >= 1:
        return "smallest_too_large"
    if measure in SCALES_BY_RATIO and not rising and smallest >= 1:
        return "smallest_too_large"
    return None


def _windows(outline: Outline, today: date) -> list[Lack]:
    starts, ends = outline.starts_on, outline.ends_on
    if starts is None or ends is None:
        return ["window", *_baseline(outline)]
    found: list[Lack] = []
    length = (ends - starts).days
    if length <= 0:
        found.append("window_order")
    elif length < FEWEST_DAYS:
        found.append("window_short")
    elif length > MOST_DAYS:
        found.append("window_long")
    late = LATE_DAYS if outline.design == "before_after" else 0
    if starts < today - timedelta(days=late):
        found.append("past")
    elif ends <= today and length > 0:
        found.append("over")
    return [*found, *_baseline(outline)]


def _baseline(outline: Outline) -> list[Lack]:
    """Arms run side by side and have no window before."""
    if outline.design != "before_after":
        return []
    start, end = outline.baseline_start, outline.baseline_end
    if start is None or end is None:
        return ["baseline"]
    if end <= start:
        return ["baseline_order"]
    if (end - start).days < FEWEST_DAYS:
        return ["baseline_short"]
    if outline.starts_on is not None and end > outline.starts_on:
        return ["baseline_late"]
    return []


def extension_refusal(ends_on: date | None, new_end: date, *, starts_on: date, today: date) -> bool:
    """Is this no new end: not later than the old one, over already, or too far away?"""
    late_enough = new_end > today and (ends_on is None or new_end > ends_on)
    return not late_enough or (new_end - starts_on).days > MOST_DAYS
