"""The figures of no deals at all."""

from collections.abc import Sequence

from metrics.calc.history import LOST_LEVELS
from metrics.calc.stored import DEFINITIONS, StoredFigures, StoredReason, StoredStage

_EMPTY = ("_median", "_p90", "_km", "_variance", "_covariance")


def no_deals(*, stages: Sequence[str], days: int) -> StoredFigures:
    """What a quarter of `days` days so far says where nothing was in play.

    Counts are 0, and so is every sum: it is over no deals. Medians and moments are empty.
    """
    plain = {
        name: None if name.endswith(_EMPTY) else 0
        for name in StoredFigures._fields
        if name not in {"definitions", "days", "stages"}
    }
    reasons = {level: StoredReason(0, 0, 0.0) for level in LOST_LEVELS}
    of_stage = {
        name: None if name.endswith(_EMPTY) else 0
        for name in StoredStage._fields
        if name not in {"name", "value_lost_by_reason"}
    }
    return StoredFigures(
        definitions=DEFINITIONS,
        days=days,
        stages=tuple(
            StoredStage(name=name, value_lost_by_reason=reasons, **of_stage)  # type: ignore[arg-type]
            for name in stages
        ),
        **plain,  # type: ignore[arg-type]
    )
