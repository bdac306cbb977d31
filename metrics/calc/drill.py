"""The very deals behind a figure: as many as the figure says, no more and no fewer.

Each figure of a quarter that counts deals is a set of them, by the masks that the stored figures
are counted with (`quarter_work`). Sums of money are sums over such a set, of the deals that have
an amount. Definitions: docs/metrics.md, "Velocity", "Funnel and danger points".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from metrics.calc.history import LOST_LEVELS, Bool, Int64
from metrics.calc.quarter_work import QuarterWork
from metrics.calc.segments import in_segment


class NoSuchFigureError(ValueError):
    """No figure of that name, or it is asked of a stage that the quarter does not have."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that is made of deals. `staged`: it is asked of one stage.

    `cohort`: it can also be asked as things stand today. `usual` names the figure whose deals it
    has in the quarters before.
    """

    name: str
    staged: bool = False
    cohort: bool = False
    usual: str = ""


_UNSTAGED: Mapping[str, Callable[[QuarterWork], Bool]] = {
    "opened": lambda work: work.opened,
    "won": lambda work: work.won,
    "lost": lambda work: work.lost,
    "closed": lambda work: ~work.open_at_end,
    "in_play": lambda work: np.ones(work.history.size, np.bool_),
    "open_at_start": lambda work: ~work.opened,
    "open_at_end": lambda work: work.open_at_end,
    "open_at_end_without_amount": lambda work: work.open_at_end & ~work.has_amount,
    "path_unknown": lambda work: ~work.known,
    "rate_missing": lambda work: work.rate_missing,
    "won_with_amount": lambda work: work.won & work.has_amount,
    "won_without_amount": lambda work: work.won & ~work.has_amount,
    "lost_with_amount": lambda work: work.lost & work.has_amount,
    "cycle_won": lambda work: work.won,
    "cycle_closed": lambda work: ~work.open_at_end,
    "cohort_won": lambda work: work.cohort_won,
    "cohort_open": lambda work: work.cohort_pending,
    "cohort_path_unknown": lambda work: work.opened & ~work.known,
}
_STAGED: Mapping[str, Callable[[QuarterWork, int], Bool]] = {
    "cohort_reached": lambda work, at: work.cohort & (work.states.furthest >= at),
    "cohort_lost": lambda work, at: work.cohort_lost & (work.states.furthest == at),
    "cohort_pending": lambda work, at: work.cohort_pending & (work.states.furthest == at),
    "advanced": lambda work, at: work.advanced[:, at - 1],
    "lost_at": lambda work, at: _lost_at(work, at),
    "exits": lambda work, at: work.advanced[:, at - 1] | _lost_at(work, at),
    "value_lost": lambda work, at: _lost_at(work, at) & work.has_amount,
    "value_lost_without_amount": lambda work, at: _lost_at(work, at) & ~work.has_amount,
    "days": lambda work, at: work.timed(at, work.left_on(at)),
    "entered": lambda work, at: work.entered(at),
    "open_deals": lambda work, at: work.left_known & (work.states.furthest == at),
}
_USUAL = {"usual_advanced": "advanced", "usual_lost_at": "lost_at", "usual_exits": "exits"}
_OF_THE_COHORT = ("cohort_reached", "cohort_lost", "cohort_pending", "cohort_open", "cohort_won")

# Lost deals can be asked for by the first level of their reason.
LEVELLED = frozenset({"lost_at", "value_lost", "value_lost_without_amount", "usual_lost_at"})

FIGURES: Mapping[str, Figure] = {
    **{name: Figure(name, cohort=name in _OF_THE_COHORT) for name in _UNSTAGED},
    **{name: Figure(name, staged=True, cohort=name in _OF_THE_COHORT) for name in _STAGED},
    **{name: Figure(name, staged=True, usual=of) for name, of in _USUAL.items()},
}


def figure_mask(
    work: QuarterWork, figure: str, *, at: int | None = None, level: str | None = None
) -> Bool:
    """[n] which of the deals in play are behind a figure, over all segments.

    `at` is the position of the stage (for a staged figure), `level` the first level of the lost
    reason (one of LOST_LEVELS). A "usual" figure is that of one quarter: the caller adds up the
    quarters. NoSuchFigureError for an unknown figure, stage or level.
    """
    asked = FIGURES.get(figure)
    if asked is None:
        raise NoSuchFigureError(f"no figure is called {figure!r}")
    name = asked.usual or asked.name
    if asked.staged:
        if at is None or not 1 <= at <= work.history.open_stages:
            raise NoSuchFigureError(f"{figure} is asked of stage {at}, which does not exist")
        mask = _STAGED[name](work, at)
    elif at is not None:
        raise NoSuchFigureError(f"{figure} is not asked of a stage")
    else:
        mask = _UNSTAGED[name](work)
    if level is None:
        return mask
    if figure not in LEVELLED or level not in LOST_LEVELS:
        raise NoSuchFigureError(f"{figure} has no reason {level!r}")
    levelled: Bool = mask & (work.history.lost_level == LOST_LEVELS.index(level))
    return levelled


def deals_behind(
    work: QuarterWork,
    figure: str,
    *,
    segment: str = "all",
    at: int | None = None,
    level: str | None = None,
) -> Int64:
    """Indices, by deal id, of the deals behind a figure of a segment: see `figure_mask`.

    ValueError for what is no segment's name; a segment without a deal gives none.
    """
    mask = figure_mask(work, figure, at=at, level=level)
    return np.flatnonzero(mask & in_segment(work.history, segment))


def amount_of(work: QuarterWork, deals: Int64) -> tuple[float | None, int]:
    """The sum of these deals' amounts, and how many of them have none.

    Empty where none of them has one; over no deals it is 0.
    """
    has = work.has_amount[deals]
    with_amount = int(has.sum())
    total = float(work.amount[deals[has]].sum())
    return (None if len(deals) and not with_amount else total), len(deals) - with_amount


def _lost_at(work: QuarterWork, at: int) -> Bool:
    lost: Bool = work.lost_known & (work.states.furthest == at)
    return lost
