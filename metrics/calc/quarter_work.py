"""Which deals did what in a quarter: the one place that decides it.

Definitions: docs/metrics.md, "Velocity", "Funnel and danger points". The stored figures
(`figures`) count and add up these masks; the lists of deals behind a figure (`drill`) are the
same masks. Stages are positions 1..K. "Known" deals are those that came with their path: the
others count in velocity and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.calc.calendar import Moment, Quarter
from metrics.calc.history import (
    LOST,
    OPEN,
    WON,
    Bool,
    DealStates,
    Float,
    History,
    Int32,
    Int64,
    Rates,
    as_of,
    convert,
    in_play,
)


@dataclass(frozen=True, slots=True)
class QuarterWork:
    """The n deals in play in one quarter, by deal id, as of a moment. Masks are [n].

    `history` has their attributes and no visits; `amount` is in the company's currency, NaN
    where there is none or its rate is missing.
    """

    history: History
    states: DealStates
    first_day: int
    end_day: int
    moment: Moment
    days: int
    amount: Float
    has_amount: Bool
    rate_missing: Bool
    opened: Bool
    won: Bool
    lost: Bool
    open_at_end: Bool

    @property
    def known(self) -> Bool:
        """Came with its path."""
        return self.history.path_known

    @property
    def cohort(self) -> Bool:
        """Opened in the quarter, with a path."""
        return self.opened & self.known

    @property
    def cohort_won(self) -> Bool:
        """Of the cohort, won as of the moment: in the quarter or since."""
        return self._ended(WON)

    @property
    def cohort_lost(self) -> Bool:
        """Of the cohort, lost as of the moment, at whichever stage."""
        return self._ended(LOST)

    @property
    def cohort_pending(self) -> Bool:
        """Of the cohort, still under way as of the moment."""
        return self._ended(OPEN)

    @property
    def lost_known(self) -> Bool:
        """Lost in the quarter, with a path: `states.furthest` says at which stage."""
        return self.lost & self.known

    @property
    def left_known(self) -> Bool:
        """Open at the end of the quarter, with a path."""
        return self.open_at_end & self.known

    @property
    def advanced(self) -> npt.NDArray[np.bool_]:
        """[n, K] got past stage s (column s - 1) in the quarter: reached_on(s + 1) in Q."""
        return self._within(self.states.reached_on[:, 1:]) & self.known[:, None]

    def counted(self) -> Mapping[str, Bool]:
        """The deals behind each count that has no stage, by the name of the stored figure."""
        return {
            "opened": self.opened,
            "won": self.won,
            "lost": self.lost,
            "open_at_start": ~self.opened,
            "open_at_end": self.open_at_end,
            "path_unknown": ~self.known,
            "rate_missing": self.rate_missing,
            "won_with_amount": self.won & self.has_amount,
            "lost_with_amount": self.lost & self.has_amount,
            "open_with_amount": self.open_at_end & self.has_amount,
            "cohort_won": self.cohort_won,
        }

    def left_on(self, at: int) -> Int32:
        """[n] the day on which each deal left stage `at` for good, NEVER while it has not.

        Getting further, or being lost with it as the furthest stage (in the quarter or not).
        """
        states = self.states
        gone = (states.outcome == LOST) & (states.furthest == at)
        day: Int32 = np.where(gone, states.closed_on, states.reached_on[:, at])
        return day

    def timed(self, at: int, left_on: Int32) -> Bool:
        """The exits of stage `at` whose days are counted: left it in Q, and stood in it."""
        return self._within(left_on) & self.states.visited[:, at - 1] & self.known

    def entered(self, at: int) -> Bool:
        """Reached stage `at` in the quarter and stood in it: those of Kaplan-Meier."""
        reached = self.states.reached_on[:, at - 1]
        return self._within(reached) & self.states.visited[:, at - 1] & self.known

    def _ended(self, outcome: int) -> Bool:
        ended: Bool = self.cohort & (self.states.outcome == outcome)
        return ended

    def _within(self, days: Int32) -> npt.NDArray[np.bool_]:
        return (days >= self.first_day) & (days < self.end_day)


def prepare(
    history: History, deals: Int64 | None, quarter: Quarter, moment: Moment, rates: Rates
) -> QuarterWork:
    """The deals in play in a quarter as of `moment`, of a history or of these deals (indices).

    Deals that do not exist as of `moment` are left out.
    """
    first_day, end_day = quarter.first_day, quarter.end_day
    states = as_of(history, moment.instant, deals)
    chosen = in_play(states, first_day, end_day)
    numbers = chosen if deals is None else deals[chosen]
    ids = history.deal_id[numbers]
    if (ids[1:] < ids[:-1]).any():
        # Sums of fractions depend on their order in the last digit. In one order, whatever the
        # database hands over, recomputing with nothing changed gives the same bits.
        order = np.argsort(ids, kind="stable")
        chosen, numbers = chosen[order], numbers[order]
    history, states = history.without_visits(numbers), states.take(chosen)
    amount, rate_missing = convert(history, states, moment.day, rates)
    closed = states.closed_on < end_day  # and not before the quarter, or it were not in play
    return QuarterWork(
        history=history,
        states=states,
        first_day=first_day,
        end_day=end_day,
        moment=moment,
        days=max(0, min(end_day, moment.day) - first_day),
        amount=amount,
        has_amount=~np.isnan(amount),
        rate_missing=rate_missing,
        opened=states.opened_on >= first_day,
        won=closed & (states.outcome == WON),
        lost=closed & (states.outcome == LOST),
        open_at_end=~closed,
    )
