"""All stored figures of one quarter, for every segment at once.

Definitions: docs/metrics.md, "Velocity", "Funnel and danger points", "Snapshots". Counting is
done once per distinct combination of attributes and rolled up to the segments (`segments`);
medians are counted per family of segments (`quantiles`). Nothing here loops over deals or
segments.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.calc.calendar import Moment, Quarter
from metrics.calc.history import (
    LOST_LEVELS,
    NEVER,
    Float,
    History,
    Int64,
    Rates,
    candidates,
    ever_closed,
)
from metrics.calc.quantiles import cells, quantiles, split_cells, survival_medians
from metrics.calc.quarter_work import QuarterWork, prepare
from metrics.calc.segments import FAMILIES, SegmentIndex, segment_index

_LEVELS = len(LOST_LEVELS)

# One column each; sums of amounts are floats, the rest are counts.
_SCALARS = (
    "opened",
    "won",
    "lost",
    "open_at_start",
    "open_at_end",
    "in_play",
    "open_days",
    "path_unknown",
    "rate_missing",
    "won_with_amount",
    "revenue_won",
    "lost_with_amount",
    "amount_lost",
    "open_with_amount",
    "amount_open_at_end",
    "cycle_won_days",
    "cycle_closed_days",
    "cohort_won",
    # About an origin near the quarter's means, so that the sums of squares keep their digits.
    "_amount",
    "_cycle",
    "_amount_amount",
    "_cycle_cycle",
    "_amount_cycle",
)
_STAGE_COLUMNS = (
    "cohort_reached",
    "cohort_lost",
    "cohort_pending",
    "advanced",
    "open_deals",
    "open_with_amount",
    "open_amount",
)
_REASON_COLUMNS = ("lost_at", "value_lost_with_amount", "value_lost")


@dataclass(frozen=True, slots=True)
class QuarterTable:
    """The stored figures of one quarter, by column; row i is the segment `segments[i]`.

    Segments are those with a deal in play. `sums[name]` [S]; `stage_sums[name]` [S, K];
    `reason_sums[name]` [S, K, reason levels]; `cycle_won`, `cycle_closed` [S, 2] and `days`
    [S, K, 2] are median and p90, NaN where empty; `days_count` and `days_km` [S, K].
    """

    quarter: Quarter
    as_of: Moment
    stages: tuple[str, ...]
    days: int
    segments: tuple[str, ...]
    sums: Mapping[str, Float]
    stage_sums: Mapping[str, Float]
    reason_sums: Mapping[str, Float]
    cycle_won: Float
    cycle_closed: Float
    stage_days_count: Int64
    stage_days: Float
    stage_days_km: Float


def quarter_tables(
    history: History, quarters: Sequence[tuple[Quarter, Moment]], rates: Rates
) -> Iterator[QuarterTable]:
    """The figures of several quarters, each relative to its own as_of, one at a time."""
    closed = ever_closed(history)
    for quarter, moment in quarters:
        deals = candidates(history, closed, quarter.first_day, quarter.end_day)
        yield _table(prepare(history, deals, quarter, moment, rates), quarter, moment)


def quarter_table(history: History, quarter: Quarter, moment: Moment, rates: Rates) -> QuarterTable:
    """The figures of one quarter for every segment with a deal in play, as of `moment`.

    `history` holds at least the deals that can be in play in the quarter (`candidates`); others
    are left out. Deals that do not exist as of `moment` count nowhere.
    """
    return _table(prepare(history, None, quarter, moment, rates), quarter, moment)


def _table(work: QuarterWork, quarter: Quarter, moment: Moment) -> QuarterTable:
    stages, k = work.history.stages, work.history.open_stages
    index = segment_index(work.history)
    if not work.history.size:
        return _empty_table(quarter, moment, stages)
    table = np.zeros((index.combinations, _width(k)))
    _fill_sums(table, work, index.combination)
    _fill_stages(table, work, index.combination)
    rolled = index.roll_up(table)

    sums = {name: rolled[:, place] for place, name in enumerate(_SCALARS)}
    at = len(_SCALARS)
    stage_sums = {}
    for name in _STAGE_COLUMNS:
        stage_sums[name] = rolled[:, at : at + k]
        at += k
    reason_sums = {}
    for name in _REASON_COLUMNS:
        reason_sums[name] = rolled[:, at : at + k * _LEVELS].reshape(-1, k, _LEVELS)
        at += k * _LEVELS

    cycles, stage_count, stage_days = _durations(work, index)
    return QuarterTable(
        quarter=quarter,
        as_of=moment,
        stages=stages,
        days=work.days,
        segments=index.names,
        sums=sums,
        stage_sums=stage_sums,
        reason_sums=reason_sums,
        cycle_won=cycles[:, 0],
        cycle_closed=cycles[:, 1],
        stage_days_count=stage_count,
        stage_days=stage_days,
        stage_days_km=_survival(work, index),
    )


def _width(k: int) -> int:
    return len(_SCALARS) + k * len(_STAGE_COLUMNS) + k * _LEVELS * len(_REASON_COLUMNS)


def _fill_sums(table: Float, work: QuarterWork, combination: Int64) -> None:
    u = len(table)
    states = work.states
    for name, mask in work.counted().items():
        table[:, _SCALARS.index(name)] = np.bincount(combination[mask], minlength=u)

    def add(name: str, deals: Int64, weights: npt.NDArray[np.generic]) -> None:
        table[:, _SCALARS.index(name)] = np.bincount(
            combination[deals], weights=weights, minlength=u
        )

    everyone = np.arange(work.history.size)
    table[:, _SCALARS.index("in_play")] = np.bincount(combination, minlength=u)
    last = min(work.end_day, work.moment.day)
    open_days = np.minimum(states.closed_on, last) - np.maximum(states.opened_on, work.first_day)
    add("open_days", everyone, np.maximum(open_days, 0))

    won = np.flatnonzero(work.won & work.has_amount)
    add("revenue_won", won, work.amount[won])
    lost = np.flatnonzero(work.lost & work.has_amount)
    add("amount_lost", lost, work.amount[lost])
    left = np.flatnonzero(work.open_at_end & work.has_amount)
    add("amount_open_at_end", left, work.amount[left])

    closed = np.flatnonzero(~work.open_at_end)
    cycle = states.closed_on - states.opened_on  # meaningless where not closed
    add("cycle_closed_days", closed, cycle[closed])
    all_won = np.flatnonzero(work.won)
    add("cycle_won_days", all_won, cycle[all_won])
    if len(won):
        amount = work.amount[won] - _origin(work.amount[won])
        days = cycle[won] - _origin(cycle[won])
        add("_amount", won, amount)
        add("_cycle", won, days)
        add("_amount_amount", won, amount * amount)
        add("_cycle_cycle", won, days * days)
        add("_amount_cycle", won, amount * days)


def _origin(values: npt.NDArray[np.generic]) -> float:
    """A number near the mean: the nearest power of two.

    The mean itself moves with every deal, and with it the last digits of every segment's moments:
    one deal won would change the figures of segments that it is not in.
    """
    mean = float(values.mean())
    return math.copysign(2.0 ** round(math.log2(abs(mean))), mean) if mean else 0.0


def _fill_stages(table: Float, work: QuarterWork, combination: Int64) -> None:
    u, k = len(table), work.history.open_stages
    at = len(_SCALARS)

    def add(deals: Int64, slot: Int64, slots: int, weights: Float | None = None) -> None:
        nonlocal at
        code = combination[deals] * slots + slot
        counted = np.bincount(code, weights=weights, minlength=u * slots)
        table[:, at : at + slots] = counted.reshape(u, slots)
        at += slots

    furthest = work.states.furthest.astype(np.int64) - 1
    cohort = np.flatnonzero(work.cohort)
    add(cohort, furthest[cohort], k)
    # So far the deals by their furthest stage; whoever got further reached this one too.
    reached = table[:, at - k : at]
    reached[:] = reached[:, ::-1].cumsum(axis=1)[:, ::-1]
    for ended in (work.cohort_lost, work.cohort_pending):
        deals = np.flatnonzero(ended)
        add(deals, furthest[deals], k)

    deals, stage = np.nonzero(work.advanced)
    add(deals, stage, k)

    left = np.flatnonzero(work.left_known)
    add(left, furthest[left], k)
    left = left[work.has_amount[left]]
    add(left, furthest[left], k)
    add(left, furthest[left], k, work.amount[left])

    lost = np.flatnonzero(work.lost_known)
    slot = furthest * _LEVELS + work.history.lost_level
    add(lost, slot[lost], k * _LEVELS)
    lost = lost[work.has_amount[lost]]
    add(lost, slot[lost], k * _LEVELS)
    add(lost, slot[lost], k * _LEVELS, work.amount[lost])


def _durations(work: QuarterWork, index: SegmentIndex) -> tuple[Float, Int64, Float]:
    """Cycles [S, won | closed, median | p90], exits [S, K], their days [S, K, median | p90]."""
    states, k = work.states, work.history.open_stages
    won, closed = np.flatnonzero(work.won), np.flatnonzero(~work.open_at_end)
    cycle = states.closed_on - states.opened_on
    deals, days = [won, closed], [cycle[won], cycle[closed]]
    slot = [np.zeros(len(won), np.int64), np.ones(len(closed), np.int64)]

    for s in range(k):
        left_on = work.left_on(s + 1)
        exits = np.flatnonzero(work.timed(s + 1, left_on))
        deals.append(exits)
        slot.append(np.full(len(exits), s + 2, np.int64))
        days.append(left_on[exits] - states.reached_on[exits, s])

    slots = k + 2
    layout = cells(np.concatenate(slot), np.concatenate(days), slots)
    combination = index.combination[np.concatenate(deals)]
    count = np.zeros((index.size, slots), np.int64)
    found = np.zeros((index.size, slots, 2))
    for numbers, rows in _families(index):
        many = rows.stop - rows.start
        result = quantiles(layout, (numbers * layout.span)[combination], many)
        count[rows] = result.count.reshape(many, slots)
        found[rows, :, 0] = result.median.reshape(many, slots)
        found[rows, :, 1] = result.p90.reshape(many, slots)
    return found[:, :2], count[:, 2:], found[:, 2:]


def _survival(work: QuarterWork, index: SegmentIndex) -> Float:
    """[S, K] Kaplan-Meier median of the days in a stage, of the deals that reached it in Q."""
    states, k = work.states, work.history.open_stages
    deals, slots, days, events = [], [], [], []
    for s in range(k):
        entered = np.flatnonzero(work.entered(s + 1))
        left_on = work.left_on(s + 1)[entered]
        event = left_on != NEVER
        deals.append(entered)
        slots.append(np.full(len(entered), s, np.int64))
        events.append(event)
        days.append(np.where(event, left_on, work.moment.day) - states.reached_on[entered, s])
    combination = index.combination[np.concatenate(deals)]
    event = np.concatenate(events)
    left, censored = split_cells(np.concatenate(slots), np.concatenate(days), event, k)
    left_of, censored_of = combination[event], combination[~event]
    found = np.full((index.size, k), np.nan)
    for numbers, rows in _families(index):
        many = rows.stop - rows.start
        base = numbers * left.span
        median = survival_medians(left, base[left_of], censored, base[censored_of], many)
        found[rows] = median.reshape(many, k)
    return found


def _families(index: SegmentIndex) -> Iterator[tuple[Int64, slice]]:
    """Per family: the segment of each combination counted from 0, and the rows of its segments."""
    for family in range(len(FAMILIES)):
        numbers = index.of[family].astype(np.int64)
        first, last = int(numbers.min()), int(numbers.max())
        yield numbers - first, slice(first, last + 1)


def _empty_table(quarter: Quarter, moment: Moment, stages: tuple[str, ...]) -> QuarterTable:
    k = len(stages)
    return QuarterTable(
        quarter=quarter,
        as_of=moment,
        stages=stages,
        days=max(0, min(quarter.end_day, moment.day) - quarter.first_day),
        segments=(),
        sums={name: np.zeros(0) for name in _SCALARS},
        stage_sums={name: np.zeros((0, k)) for name in _STAGE_COLUMNS},
        reason_sums={name: np.zeros((0, k, _LEVELS)) for name in _REASON_COLUMNS},
        cycle_won=np.zeros((0, 2)),
        cycle_closed=np.zeros((0, 2)),
        stage_days_count=np.zeros((0, k), np.int64),
        stage_days=np.zeros((0, k, 2)),
        stage_days_km=np.zeros((0, k)),
    )
