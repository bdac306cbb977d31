"""What a snapshot keeps of one segment in one quarter, and its JSON form.

Only what the quarter's own deals say: counts, sums, medians, percentiles. Rates, velocity and
all that leans on other quarters are computed when read (`read`). Sums stand beside the number of
deals that had an amount; a sum over deals of which none has one is None, over no deals 0.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from metrics.calc.agreement import agree

# Bump when a stored figure changes its meaning, name or rounding. Stored rows keep theirs:
# quarters of different definitions are not compared with each other.
DEFINITIONS = "1"


# Named tuples, not dataclasses: a recomputation makes 100,000s of them, and these cost a third.
class StoredReason(NamedTuple):
    """The deals lost at a stage for one first-level reason."""

    deals: int
    with_amount: int
    amount: float | None


class StoredStage(NamedTuple):
    """One open stage. Days are whole local days; amounts are in the company's currency."""

    name: str
    cohort_reached: int
    cohort_lost: int
    cohort_pending: int
    advanced: int
    lost_at: int
    value_lost: float | None
    value_lost_with_amount: int
    value_lost_by_reason: Mapping[str, StoredReason]
    days_count: int  # exits in Q that visited the stage
    days_median: float | None
    days_p90: float | None
    days_median_km: int | None
    open_deals: int  # open at the end of Q with this furthest stage
    open_with_amount: int
    open_amount: float | None


class StoredFigures(NamedTuple):
    """One segment in one quarter, by docs/metrics.md."""

    definitions: str
    days: int  # days of Q before the day of as_of
    open_days: int  # deals open, summed over those days
    opened: int
    won: int
    lost: int
    open_at_start: int
    open_at_end: int
    in_play: int
    path_unknown: int  # in play, left out of funnel, time in stage and danger
    rate_missing: int  # in play, with an amount that could not be converted
    won_with_amount: int
    revenue_won: float | None
    lost_with_amount: int
    amount_lost: float | None
    open_with_amount: int
    amount_open_at_end: float | None
    cycle_won_days: int  # sum of cycle_days
    cycle_won_median: float | None
    cycle_won_p90: float | None
    cycle_closed_days: int
    cycle_closed_median: float | None
    cycle_closed_p90: float | None
    # sample (m - 1) moments over won deals with an amount, None under two of them
    amount_variance: float | None
    cycle_variance: float | None
    amount_cycle_covariance: float | None
    cohort_won: int
    stages: tuple[StoredStage, ...]

    @property
    def closed(self) -> int:
        """won + lost."""
        return self.won + self.lost

    @property
    def average_open(self) -> float | None:
        """Deals open on an average day of Q, None before a day of it has passed."""
        return self.open_days / self.days if self.days else None


def to_json(figures: StoredFigures) -> dict[str, Any]:
    """The figures as a dict of plain values, for a JSON column. `from_json` reads it back."""
    out: dict[str, Any] = dict(zip(_NAMES, figures, strict=True))
    out["stages"] = [_stage_to_json(stage) for stage in figures.stages]
    return out


def from_json(value: Mapping[str, Any]) -> StoredFigures:
    """The figures from their JSON form. KeyError where a figure is missing."""
    stages = tuple(_stage_from_json(stage) for stage in value["stages"])
    values: list[Any] = [stages if name == "stages" else value[name] for name in _NAMES]
    return StoredFigures(*values)


_NAMES = StoredFigures._fields
_STAGE_NAMES = StoredStage._fields
_REASONS = "value_lost_by_reason"


def _stage_to_json(stage: StoredStage) -> dict[str, Any]:
    out: dict[str, Any] = dict(zip(_STAGE_NAMES, stage, strict=True))
    reasons = stage.value_lost_by_reason
    out[_REASONS] = {level: list(reason) for level, reason in reasons.items()}
    return out


def _stage_from_json(value: Mapping[str, Any]) -> StoredStage:
    reasons = {level: StoredReason(*reason) for level, reason in value[_REASONS].items()}
    values: list[Any] = [reasons if name == _REASONS else value[name] for name in _STAGE_NAMES]
    return StoredStage(*values)


def keep_open_amount(new: StoredFigures, first: StoredFigures) -> StoredFigures:
    """A restatement with `amount_open_at_end` as in the quarter's first final version."""
    return new._replace(
        amount_open_at_end=first.amount_open_at_end,
        open_with_amount=first.open_with_amount,
    )


def changed_fields(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> dict[str, tuple[object, object]]:
    """Which stored figures of a segment differ, and from what to what, by their path.

    Both are JSON forms. Paths read `won`, `stages.2.lost_at` (2 = position). Figures that agree
    under docs/metrics.md, "Agreement", are equal: a sum added in another order restates nothing.
    """
    return {path: (was, now) for path, was, now in _differences("", old, new)}


def _differences(path: str, old: object, new: object) -> list[tuple[str, object, object]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = []
        for key in sorted({*old, *new}):
            inner = f"{path}.{key}" if path else str(key)
            found += _differences(inner, old.get(key), new.get(key))
        return found
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        found = []
        for position, (was, now) in enumerate(zip(old, new, strict=True), start=1):
            found += _differences(f"{path}.{position}", was, now)
        return found
    return [] if agree(old, new) else [(path, old, new)]
