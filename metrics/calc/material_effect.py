"""How far deals went that had a material, against similar deals that had none at that stage.

An association, not proof: whoever sends material chooses to whom. What can be held equal is:

- Only deals count that visited the material's stage (docs/metrics.md, "A deal's history"), so
  that a deal does not do better only because it came far enough to be sent something.
- A deal **had it** if it was sent or opened before the deal first left the stage forward: to an
  open stage beyond it, won or lost. What came later counts as not had, since the stage was behind
  it then. Without this rule deals that live longer would look better (immortal time).
- A deal **got past** the stage if that first leaving was not a loss. Deals still there have no
  result. Of the deals that closed by now, those won count as **won**.
- Similar are deals of the same channel and the same quarter of opening. Their rate is
  standardised directly: each such stratum weighs as much as it has deals that had the material.
  Deals that had it and have no similar one are left out and counted.

The interval of the standardised rate joins the Wilson intervals of the strata, and that of the
difference joins both sides' (method of variance estimates recovery: Newcombe 1998, Statistics in
Medicine 17, 873-890, method 10; Zou and Donner 2008, Statistics in Medicine 27, 1693-1702). In a
single stratum it is Newcombe's interval of two proportions.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from metrics.calc.history import History, Int64
from metrics.calc.types import Interval
from metrics.calc.uncertainty import wilson

MINIMUM = 10  # deals on each side; with fewer nothing is said
Why = Literal["none_had_it", "none_similar", "too_few"]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Passage:
    """Of n deals that visited a stage: what came of it. `deal` are indices into the history."""

    deal: Int64  # [n]
    had: Bool  # [n] had the material before leaving the stage
    left: Bool  # [n] has left the stage forward
    past: Bool  # [n] left it otherwise than by a loss
    closed: Bool  # [n] is won or lost by now
    won: Bool  # [n]


@dataclass(frozen=True, slots=True)
class Against:
    """Two rates side by side, in shares of one; counts are deals.

    `had_n` of the deals that had it are comparable, `had_k` of them got there. `similar_n` had
    none, in `strata` strata; `similar_rate` is theirs, standardised to the deals that had it.
    `unmatched` had it and have no similar deal. `why` says why there is no comparison; the counts
    stand all the same.
    """

    had_k: int
    had_n: int
    similar_n: int
    strata: int
    unmatched: int
    had_rate: float | None
    similar_rate: float | None
    difference: float | None
    had_interval: Interval | None
    similar_interval: Interval | None
    interval: Interval | None  # of the difference
    why: Why | None


@dataclass(frozen=True, slots=True)
class MaterialEffect:
    """The effect at the material's stage, and how the deals that had it fall apart.

    `visited` of all deals looked at stood in the stage; `had` of them in time, `late` only after
    they had left it; `there` are still in it. `elsewhere` had the material and never stood there.
    """

    visited: int
    had: int
    late: int
    there: int
    elsewhere: int
    past: Against
    won: Against


def passage(history: History, *, position: int, used_at: Mapping[int, int]) -> Passage:
    """The deals that visited the open stage at `position` (1..K), and whether they had it.

    used_at: deal id -> microseconds since epoch of its first use. Deals imported without their
    path are left out. ValueError for a position that is none.
    """
    last = history.open_stages
    if not 1 <= position <= last:
        raise ValueError(f"{position} is no open stage of {last}")
    n, m = history.size, len(history.stage)
    owner = np.repeat(np.arange(n), np.diff(history.visit_start))
    place = np.arange(m, dtype=np.int64)
    stage = history.stage.astype(np.int64)
    entered = _first(owner, place, stage == position, n, m)
    beyond = _first(owner, place, (stage > position) & (stage <= last + 1), n, m)
    visited = (entered < beyond) & history.path_known
    leaves = (stage > position) & (place > entered[owner])
    exit_at = _first(owner, place, leaves, n, m)
    left = exit_at < m
    code = np.append(stage, 0)[exit_at]  # 0: it has not left
    final = np.append(stage, 0)[np.maximum(history.visit_start[1:] - 1, 0)] if m else np.zeros(n)
    used = np.array([used_at.get(int(pk), -1) for pk in history.deal_id], np.int64)
    never = np.iinfo(np.int64).max
    left_at = np.append(history.entered_at, never)[exit_at]
    had = (used >= 0) & (used < left_at)
    deals = np.flatnonzero(visited)
    return Passage(
        deal=deals,
        had=had[deals],
        left=left[deals],
        past=(left & (code != last + 2))[deals],
        closed=(final > last)[deals],
        won=(final == last + 1)[deals],
    )


def _first(owner: Int64, place: Int64, chosen: Bool, n: int, m: int) -> Int64:
    """The first chosen visit of each deal; m for none."""
    found = np.full(n, m, np.int64)
    np.minimum.at(found, owner[chosen], place[chosen])
    return found


def material_effect(
    history: History, *, position: int, used_at: Mapping[int, int], stratum: Int64
) -> MaterialEffect:
    """The effect of a material at its stage over the deals of a history.

    stratum: [n] a number for each deal's channel and quarter of opening. `used_at` as in
    `passage`; it may name deals that are not in the history, which count nowhere.
    """
    found = passage(history, position=position, used_at=used_at)
    strata = stratum[found.deal]
    used = np.isin(history.deal_id, np.fromiter(used_at, np.int64, len(used_at)))
    here = np.zeros(history.size, np.bool_)
    here[found.deal] = True
    return MaterialEffect(
        visited=len(found.deal),
        had=int(found.had.sum()),
        late=int((used[found.deal] & ~found.had).sum()),
        there=int((~found.left).sum()),
        elsewhere=int((used & ~here).sum()),
        past=against(found.had, found.past, strata, of=found.left),
        won=against(found.had, found.won, strata, of=found.left & found.closed),
    )


def against(had: Bool, reached: Bool, stratum: Int64, *, of: Bool) -> Against:
    """The rate of `reached` among those that had it, against the similar, over the deals `of`."""
    had, reached, stratum = had[of], reached[of], stratum[of]
    _names, cell = np.unique(stratum, return_inverse=True)
    size = int(cell.max()) + 1 if len(cell) else 0

    def count(chosen: Bool) -> Int64:
        return np.bincount(cell[chosen], minlength=size).astype(np.int64)

    had_n, had_k = count(had), count(had & reached)
    none_n, none_k = count(~had), count(~had & reached)
    both = (had_n > 0) & (none_n > 0)
    n, k = int(had_n[both].sum()), int(had_k[both].sum())
    similar, unmatched = int(none_n[both].sum()), int(had_n[~both].sum())
    why: Why | None = None
    if n + unmatched == 0:
        why = "none_had_it"
    elif similar == 0:
        why = "none_similar"
    elif min(n, similar) < MINIMUM:
        why = "too_few"
    if why is not None:
        empty = (None, None, None, None, None, None)
        return Against(k, n, similar, int(both.sum()), unmatched, *empty, why)
    rate = k / n
    own = wilson(k, n) or (0.0, 1.0)
    expected, others = _standardised(none_k[both], none_n[both], had_n[both] / n)
    difference = rate - expected
    return Against(
        had_k=k,
        had_n=n,
        similar_n=similar,
        strata=int(both.sum()),
        unmatched=unmatched,
        had_rate=rate,
        similar_rate=expected,
        difference=difference,
        had_interval=own,
        similar_interval=others,
        interval=(
            max(-1.0, difference - math.hypot(rate - own[0], others[1] - expected)),
            min(1.0, difference + math.hypot(own[1] - rate, expected - others[0])),
        ),
        why=None,
    )


def _standardised(k: Int64, n: Int64, weight: npt.NDArray[np.float64]) -> tuple[float, Interval]:
    """A weighted mean of rates and its 95 % interval, recovered from the strata's Wilson ones."""
    rates = k / n
    mean = float((weight * rates).sum())
    ends = [wilson(int(a), int(b)) or (0.0, 1.0) for a, b in zip(k, n, strict=True)]
    low = math.sqrt(sum((w * (p - e[0])) ** 2 for w, p, e in zip(weight, rates, ends, strict=True)))
    high = math.sqrt(
        sum((w * (e[1] - p)) ** 2 for w, p, e in zip(weight, rates, ends, strict=True))
    )
    return mean, (max(0.0, mean - low), min(1.0, mean + high))
