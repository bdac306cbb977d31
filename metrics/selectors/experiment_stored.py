"""Stored figures of experiments, read back: what this version of the method can read, and nothing.

Rows stay as they were written, so an earlier or a later method may have stored others. Everybody
who shows or mails stored figures reads them here, so that no page falls over an old row.
"""

from collections.abc import Mapping
from typing import Any

from metrics.calc.experiments.result import ExperimentFigures
from metrics.calc.experiments.result_json import decoded


def figures_in(stored: Mapping[str, Any] | None) -> ExperimentFigures | None:
    """The figures of a stored row; None where there are none, or of a form unknown here."""
    found: ExperimentFigures | None = part_in(ExperimentFigures, stored)
    return found


def part_in(kind: Any, stored: Any) -> Any:
    """A part of stored figures as its type (`Reading`, `Worth`), under the same rule."""
    if not stored:
        return None
    try:
        return decoded(kind, stored)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def method_in(stored: Mapping[str, Any] | None) -> int | None:
    """The version of the method that stored figures say they are of."""
    told = stored.get("method") if isinstance(stored, Mapping) else None
    return told if isinstance(told, int) else None
