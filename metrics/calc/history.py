"""A company's deal histories as arrays, and what each deal was as of an instant.

Definitions: docs/metrics.md, "A deal's history". Stages are codes: 1..K for the open stages by
position, K+1 for won, K+2 for lost. A deal's visits are its effective transitions (corrections
applied) in the order (occurred_at, id); see `paths` for how they are made and stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# A day that never came. Larger than any real day, so that `day < b` says no by itself.
NEVER = np.int32(2**31 - 1)

OPEN, WON, LOST = 0, 1, 2
LOST_LEVELS = ("unknown", "competitor", "no decision", "other")
DIMENSIONS = ("channel", "source", "product", "rep", "team")


@dataclass(frozen=True, slots=True)
class History:
    """n deals with m visits. Deals in any order; the visits of a deal lie together, in order.

    `labels[dimension][code]` is the text of an attribute, code 0 being `unknown`. `amount` is in
    the deal's own currency, NaN where empty; currency code 0 is the company's own.
    """

    stages: tuple[str, ...]  # names of the open stages, by position
    deal_id: Int64  # [n]
    visit_start: Int64  # [n + 1] offsets into the visits
    entered_at: Int64  # [m] microseconds since epoch, UTC
    entered_on: Int32  # [m] local day, days since 1970-01-01
    stage: Int32  # [m] stage code
    amount: Float  # [n]
    currency: Int32  # [n]
    path_known: Bool  # [n]
    lost_level: Int8  # [n] index into LOST_LEVELS
    channel: Int32  # [n]
    source: Int32  # [n]
    product: Int32  # [n]
    rep: Int32  # [n]
    team: Int32  # [n]
    labels: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        n, m = len(self.deal_id), len(self.entered_at)
        if len(self.visit_start) != n + 1 or (n and int(self.visit_start[-1]) != m):
            raise ValueError("visit_start does not fit deals and visits")
        for name in ("amount", "currency", "path_known", "lost_level", *DIMENSIONS):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} does not have one value per deal")
        if len(self.entered_on) != m or len(self.stage) != m:
            raise ValueError("the columns of the visits differ in length")

    @property
    def size(self) -> int:
        """Number of deals."""
        return len(self.deal_id)

    @property
    def open_stages(self) -> int:
        """K, the number of open stages."""
        return len(self.stages)

    def take(self, deals: Int64) -> "History":
        """The same history with only these deals (indices), in this order."""
        starts = self.visit_start[deals]
        counts = self.visit_start[deals + 1] - starts
        visit_start = np.zeros(len(deals) + 1, np.int64)
        np.cumsum(counts, out=visit_start[1:])
        index = np.repeat(starts - visit_start[:-1], counts)
        index += np.arange(len(index))
        return replace(
            self.without_visits(deals),
            visit_start=visit_start,
            entered_at=self.entered_at[index],
            entered_on=self.entered_on[index],
            stage=self.stage[index],
        )

    def without_visits(self, deals: Int64) -> "History":
        """Only these deals, in this order, with their attributes but without their visits.

        For what comes after `as_of`, which has read the visits.
        """
        no_days = np.zeros(0, np.int32)
        return History(
            stages=self.stages,
            deal_id=self.deal_id[deals],
            visit_start=np.zeros(len(deals) + 1, np.int64),
            entered_at=np.zeros(0, np.int64),
            entered_on=no_days,
            stage=no_days,
            amount=self.amount[deals],
            currency=self.currency[deals],
            path_known=self.path_known[deals],
            lost_level=self.lost_level[deals],
            channel=self.channel[deals],
            source=self.source[deals],
            product=self.product[deals],
            rep=self.rep[deals],
            team=self.team[deals],
            labels=self.labels,
        )


@dataclass(frozen=True, slots=True)
class DealStates:
    """What n deals were as of an instant. Days that never came are NEVER.

    `reached_on[:, s - 1]` is reached_on(s) for s = 1..K + 1; `visited[:, s - 1]` is visited(s).
    A deal that did not exist yet has `exists` false, NEVER everywhere and furthest 0.
    """

    exists: Bool  # [n]
    opened_on: Int32  # [n]
    closed_on: Int32  # [n]
    outcome: Int8  # [n] OPEN, WON or LOST
    reached_on: Int32  # [n, K + 1]
    visited: Bool  # [n, K]
    furthest: Int8  # [n] 1..K, 0 where the deal does not exist

    @property
    def lost_at(self) -> Int8:
        """The stage at which each lost deal was lost (its furthest), 0 for all others."""
        lost: Int8 = np.where(self.outcome == LOST, self.furthest, 0).astype(np.int8)
        return lost

    def take(self, deals: Int64) -> "DealStates":
        """The states of only these deals (indices), in this order."""
        return DealStates(
            self.exists[deals],
            self.opened_on[deals],
            self.closed_on[deals],
            self.outcome[deals],
            self.reached_on[deals],
            self.visited[deals],
            self.furthest[deals],
        )


def as_of(history: History, instant: int, deals: Int64 | None = None) -> DealStates:
    """What deals were as of `instant` (microseconds UTC): later transitions do not exist.

    Of every deal, or of these (indices), in their order. The cut is on the instant of each visit
    alone; when it was recorded plays no part. One pass over the visits; memory is a few arrays of
    the size of deals x stages.
    """
    k = history.open_stages
    visits = _visits_of(history, deals)
    n = len(visits.starts)
    before = visits.entered_at < instant
    if before.all():
        counts = visits.lengths
    else:
        running = np.zeros(len(before) + 1, np.int64)
        np.cumsum(before, out=running[1:])
        ends = np.cumsum(visits.lengths)
        counts = running[ends] - running[ends - visits.lengths]
    exists = counts > 0
    last = np.where(exists, visits.starts + counts - 1, 0)

    opened_on = np.full(n, NEVER)
    closed_on = np.full(n, NEVER)
    outcome = np.zeros(n, np.int8)
    if exists.any():
        opened_on[exists] = history.entered_on[visits.starts[exists]]
        end = history.stage[last] - k  # 1 won, 2 lost, else open
        closed = exists & (end > 0)
        outcome[closed] = end[closed]
        closed_on[closed] = history.entered_on[last[closed]]

    met = _first_visits(visits, before, k)
    # First visit of any open stage >= s: a running minimum from the far end.
    beyond = np.minimum.accumulate(met[:, ::-1], axis=1)[:, ::-1]
    visited = met < _NO_VISIT
    visited[:, :-1] &= met[:, :-1] < beyond[:, 1:]

    reached_on = np.full((n, k + 1), NEVER)
    seen = beyond < _NO_VISIT
    reached_on[:, :k][seen] = history.entered_on[beyond[seen]]
    reached_on[:, 0] = opened_on
    won = np.flatnonzero(outcome == WON)
    reached_on[won] = np.minimum(reached_on[won], closed_on[won, None])
    furthest = (reached_on[:, :k] != NEVER).sum(axis=1, dtype=np.int8)
    return DealStates(exists, opened_on, closed_on, outcome, reached_on, visited, furthest)


_NO_VISIT = np.int64(2**62)


@dataclass(frozen=True, slots=True)
class _Visits:
    """The visits of n deals, laid end to end; `place` [m] is where each stands in the history."""

    starts: Int64  # [n] where each deal's visits start in the history
    lengths: Int64  # [n]
    owner: Int64  # [m] which of the n deals
    place: Int64 | None  # None: they are the history's own, in order
    entered_at: Int64  # [m]
    stage: Int32  # [m]


def _visits_of(history: History, deals: Int64 | None) -> _Visits:
    if deals is None:
        starts, lengths = history.visit_start[:-1], np.diff(history.visit_start)
        owner = np.repeat(np.arange(len(starts)), lengths)
        return _Visits(starts, lengths, owner, None, history.entered_at, history.stage)
    starts = history.visit_start[deals]
    lengths = history.visit_start[deals + 1] - starts
    owner = np.repeat(np.arange(len(deals)), lengths)
    place = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    place += np.arange(len(place))
    return _Visits(starts, lengths, owner, place, history.entered_at[place], history.stage[place])


def _first_visits(visits: _Visits, before: Bool, k: int) -> Int64:
    """[n, K] place of each deal's first visit to each open stage, _NO_VISIT where none."""
    met = np.full(len(visits.starts) * k, _NO_VISIT)
    stood = np.flatnonzero(before & (visits.stage <= k))[::-1]
    # Backwards, so that of repeated targets the earliest visit is written last and stays.
    cell = visits.owner[stood] * k + (visits.stage[stood] - 1)
    met[cell] = stood if visits.place is None else visits.place[stood]
    return met.reshape(-1, k)


@dataclass(frozen=True, slots=True)
class Rates:
    """The company's own exchange rates: `table[currency, month - first_month]`, NaN where missing.

    Months are counted from 1970-01. One unit of the currency is `rate` units of the company's.
    Row 0 is the company's currency and always 1, whatever the month.
    """

    first_month: int
    table: Float  # [currencies, months]

    @classmethod
    def none(cls, currencies: int = 1) -> "Rates":
        """No rates at all: every amount in a foreign currency counts as missing its rate."""
        return cls(0, np.full((currencies, 0), np.nan))


def convert(history: History, states: DealStates, day: int, rates: Rates) -> tuple[Float, Bool]:
    """Amounts in the company's currency, and where the rate for that was missing.

    The month is that of closed_on, of `day` (the day of as_of) while open. A missing rate makes
    the amount empty (NaN) and is returned to be shown as an error; it is never taken as 1.
    """
    foreign = np.flatnonzero((history.currency != 0) & ~np.isnan(history.amount) & states.exists)
    missing = np.zeros(history.size, np.bool_)
    if not len(foreign):
        return history.amount, missing
    closed = states.closed_on[foreign]
    days = np.where(closed == NEVER, day, closed)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    column = months - rates.first_month
    currency = history.currency[foreign]
    known = (column >= 0) & (column < rates.table.shape[1]) & (currency < rates.table.shape[0])
    rate = np.full(len(foreign), np.nan)
    rate[known] = rates.table[currency[known], column[known]]
    amount = history.amount.copy()
    amount[foreign] *= rate
    missing[foreign] = np.isnan(rate)
    return amount, missing


def in_play(states: DealStates, first_day: int, end_day: int) -> Int64:
    """Indices of the deals of [first_day, end_day): opened before its end, not closed before."""
    mask = states.exists & (states.opened_on < end_day) & (states.closed_on >= first_day)
    return np.flatnonzero(mask)


def ever_closed(history: History) -> Int32:
    """[n] closed_on by the whole history, NEVER while open: a bound to choose deals by.

    A deal that is closed before a day by its whole history is so by every as_of after that day.
    Every deal must have a visit.
    """
    last = history.visit_start[1:] - 1
    closed: Int32 = np.where(
        history.stage[last] > history.open_stages, history.entered_on[last], NEVER
    ).astype(np.int32)
    return closed


def candidates(history: History, closed: Int32, first_day: int, end_day: int) -> Int64:
    """Indices of the deals that can be in play in [first_day, end_day), whatever as_of is.

    `closed` comes from `ever_closed`. A superset of `in_play`, found without any as-of work.
    """
    opened = history.entered_on[history.visit_start[:-1]]
    return np.flatnonzero((opened < end_day) & (closed >= first_day))


def dimension_codes(texts: Sequence[str | None]) -> tuple[Int32, tuple[str, ...]]:
    """Codes [n] and labels of an attribute: trimmed, empty and `unknown` are code 0."""
    trimmed = [(text or "").strip() for text in texts]
    labels = ("unknown", *sorted(set(trimmed) - {"", "unknown"}))
    code = {label: number for number, label in enumerate(labels)}
    code[""] = 0
    return np.fromiter((code[text] for text in trimmed), np.int32, len(trimmed)), labels


def first_day_of(history: History) -> int | None:
    """The local day of the very first transition of all, None where there is none."""
    if not len(history.entered_at):
        return None
    return int(history.entered_on[int(np.argmin(history.entered_at))])
