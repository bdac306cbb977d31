"""What did each side of an experiment do, with equal follow-up for both.

Definitions: docs/metrics.md, "Experiments". A deal belongs by opened_on. It is looked at once it
is mature, D days after the event that the measure starts from, and for what happened within those
D days: so a deal of last year has no more time to be won than one of last month.

`last_day` is the last local day that is over as of the instant: of a day under way nothing is
counted, as a deal could still be won on it. A deal is mature when event + D <= last_day.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from metrics.calc.experiments.kinds import Empty, Level, Measure, Question
from metrics.calc.history import (
    NEVER,
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
)
from metrics.calc.segments import UNKNOWN, parse_segment

DAYS_A_WEEK = 7.0


@dataclass(frozen=True, slots=True)
class Side:
    """The deals of one side: `members` [n] of them all, opened on the days [first_day, end_day).

    `units` is the number of reps of an arm by rep, so that arms of different size compare per
    rep; 1 for the windows of a before/after and for arms by deal.
    """

    members: Bool
    first_day: int
    end_day: int
    units: int = 1

    def __post_init__(self) -> None:
        if self.end_day < self.first_day or self.units < 0:
            raise ValueError("a window ends after it starts, and has no negative number of reps")


@dataclass(frozen=True, slots=True)
class Observations:
    """What one side says about a measure: m observations, in the order in which they matured.

    `value` is 1 or 0 for a conversion, days or money for a mean, 1 for each deal opened. Counts
    beside: `belonging` deals were opened in the window, of which `reached` had the event that the
    measure starts from, of which `young` are not mature; `path_unknown` deals were left out of a
    stage's conversion, `without_amount` of a deal size; `overlapping` mature deals have days of
    follow-up on or after `overlap_from`, where that was given: the change may have touched them.
    """

    measure: Measure
    deal: Int64  # [m] indices into the history
    started_on: Int32  # [m] the day of the event
    matured_on: Int32  # [m] the first day on which the outcome is final; rising
    value: Float  # [m]
    belonging: int
    reached: int
    mature: int
    young: int
    path_unknown: int
    without_amount: int
    overlapping: int
    first_day: int
    days: int  # whole days of the window that have been seen
    units: int

    @property
    def size(self) -> int:
        """m, the number of observations."""
        return len(self.value)

    @property
    def weeks(self) -> float:
        """Exposure for a rate: weeks seen times units."""
        return self.days * self.units / DAYS_A_WEEK

    @property
    def empty(self) -> Empty | None:
        """Why this side alone has no value, the first reason that holds; None where it has."""
        if self.units == 0:
            return "arm_empty"
        if self.days == 0:
            return "no_days"
        if self.measure == "opened_per_week":
            return None
        if self.belonging == 0:
            return "no_deals"
        if self.reached == 0:
            return "never_reached"
        if self.mature == 0:
            return "no_mature"
        if self.size == 0:
            return "no_amount" if self.without_amount else "no_won"
        return None

    @property
    def level(self) -> Level:
        """The side as it is shown."""
        if self.measure == "opened_per_week":
            rate = self.size / self.weeks if self.weeks else None
            return Level(rate, self.size)
        value = float(self.value.mean()) if self.size else None
        k = int(self.value.sum()) if self.measure in ("won_within", "passed_within") else None
        return Level(value, self.size, k, self.young)

    def until(self, day: int) -> "Observations":
        """Only what had matured by the end of `day`, as if looked at then.

        The counts beside stay those of now, but for the mature deals of a conversion.
        """
        m = int(np.searchsorted(self.matured_on, day, side="right"))
        return replace(
            self,
            mature=m if self.measure in ("won_within", "passed_within") else self.mature,
            deal=self.deal[:m],
            started_on=self.started_on[:m],
            matured_on=self.matured_on[:m],
            value=self.value[:m],
            days=max(0, min(self.days, day + 1 - self.first_day)),
        )


def in_segment(history: History, name: str) -> Bool:
    """[n] which deals belong to a segment, by its name. ValueError for no segment's name.

    A segment that nobody belongs to any more is empty, not an error.
    """
    mask = np.ones(history.size, np.bool_)
    for dimension, text in parse_segment(name):
        labels = history.labels[dimension]
        wanted = [
            code
            for code, label in enumerate(labels)
            if (label.strip() or UNKNOWN) == text or (code == 0 and text == UNKNOWN)
        ]
        codes: Int32 = getattr(history, dimension)
        mask &= np.isin(codes, wanted)
    return mask


def observe_pair(
    history: History,
    question: Question,
    baseline: Side,
    test: Side,
    *,
    instant: int,
    last_day: int,
    rates: Rates | None = None,
    overlap_from: int | None = None,
) -> tuple[Observations, Observations]:
    """Both sides of an experiment as of `instant` (microseconds UTC), baseline first.

    `overlap_from` is the first day of the change, for a before/after. Attributes and amounts are
    those known now, as everywhere; a winning that was undone by `instant` is none.
    """
    chosen = np.flatnonzero(baseline.members | test.members)
    states = as_of(history, instant, chosen)
    part = history.without_visits(chosen)
    amount = convert(part, states, last_day, rates or Rates.none())[0]
    found = []
    for side, overlap in ((baseline, overlap_from), (test, None)):
        one = Side(side.members[chosen], side.first_day, side.end_day, side.units)
        found.append(observe(part, states, question, one, last_day, amount, overlap_from=overlap))
    before, after = (replace(side, deal=chosen[side.deal]) for side in found)
    return before, after


def observe(
    history: History,
    states: DealStates,
    question: Question,
    side: Side,
    last_day: int,
    amount: Float | None = None,
    *,
    overlap_from: int | None = None,
) -> Observations:
    """The observations of one side from states as of an instant; amounts as converted, if asked."""
    measure, follow_up = question.measure, question.follow_up
    opened = states.opened_on
    seen_end = min(side.end_day, last_day + 1)
    belongs = side.members & states.exists & (opened >= side.first_day) & (opened < seen_end)
    belonging = int(belongs.sum())
    path_unknown = without_amount = overlapping = 0
    if measure == "passed_within":
        path_unknown = int((belongs & ~history.path_known).sum())
        belongs &= history.path_known
    event, ended = _from_and_to(states, question)
    belongs &= event != NEVER
    # 64 bits: NEVER plus some days does not fit 32.
    final = event.astype(np.int64) + follow_up
    mature = belongs & (final <= last_day)
    within = mature & (ended != NEVER) & (ended.astype(np.int64) - event <= follow_up)
    if measure == "opened_per_week":
        kept, value = mature, np.ones(len(mature))
    elif measure in ("won_within", "passed_within"):
        kept, value = mature, within.astype(np.float64)
    elif measure == "cycle_days":
        kept, value = within, (ended.astype(np.float64) - event)
    else:
        value = history.amount if amount is None else amount
        # Sizes are compared by their logarithms: a deal for nothing has none.
        kept = within & (value > 0)
        without_amount = int((within & ~kept).sum())
    if overlap_from is not None and measure != "opened_per_week":
        overlapping = int((mature & (final >= overlap_from)).sum())
    deal = np.flatnonzero(kept)
    deal = deal[np.lexsort((history.deal_id[deal], final[deal]))]
    return Observations(
        measure=measure,
        deal=deal,
        started_on=event[deal],
        matured_on=final[deal].astype(np.int32),
        value=value[deal],
        belonging=belonging,
        reached=int(belongs.sum()),
        mature=int(mature.sum()),
        young=int((belongs & ~mature).sum()),
        path_unknown=path_unknown,
        without_amount=without_amount,
        overlapping=overlapping,
        first_day=side.first_day,
        days=max(0, seen_end - side.first_day),
        units=side.units,
    )


def _from_and_to(states: DealStates, question: Question) -> tuple[Int32, Int32]:
    """[n] the day of the event that the measure starts from, and of what it waits for."""
    if question.stage is None:
        won: Int32 = np.where(states.outcome == WON, states.closed_on, NEVER).astype(np.int32)
        return states.opened_on, won
    if not 1 <= question.stage < states.reached_on.shape[1]:
        raise ValueError(f"there is no open stage {question.stage}")
    return states.reached_on[:, question.stage - 1], states.reached_on[:, question.stage]


def deals_of(history: History, side: Side, last_day: int) -> Int64:
    """Indices of the deals that belong to a side so far, mature or not: for the mix of deals."""
    opened = history.entered_on[history.visit_start[:-1]]
    end = min(side.end_day, last_day + 1)
    return np.flatnonzero(side.members & (opened >= side.first_day) & (opened < end))


def weekly_spread(opened: Observations) -> tuple[float, float] | None:
    """How much more the deals opened per week vary than by chance, and the p of that.

    Variance over mean of the counts of whole weeks (1 where deals open independently of each
    other) and the p of Fisher's index of dispersion. None under four whole weeks or without a
    deal. Where it is well above 1, intervals for the number of deals are too narrow.
    """
    weeks = opened.days // 7
    if weeks < 4 or not opened.size:
        return None
    week = (opened.matured_on - opened.first_day) // 7
    counts = np.bincount(week[week < weeks], minlength=weeks)
    if not counts.any():
        return None
    index = float(counts.var(ddof=1) / counts.mean())
    return index, float(special.chdtrc(weeks - 1, index * (weeks - 1)))


def usual_follow_up(history: History, baseline: Side, *, instant: int, last_day: int) -> int | None:
    """D by default: the 90th percentile of cycle_days of the baseline's won deals, rounded up.

    At least one day; None where the baseline has no won deal. NumPy's linear percentile.
    """
    chosen = np.flatnonzero(baseline.members)
    states = as_of(history, instant, chosen)
    won = (
        (states.outcome == WON)
        & (states.opened_on >= baseline.first_day)
        & (states.opened_on < baseline.end_day)
        & (states.closed_on <= last_day)
    )
    if not won.any():
        return None
    cycle = states.closed_on[won].astype(np.int64) - states.opened_on[won]
    return max(1, int(np.ceil(np.percentile(cycle, 90) - 1e-9)))
