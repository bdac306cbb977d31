"""Where does a pipeline lose deals that it used to keep, and what does that cost.

Definitions: docs/metrics.md, "Funnel and danger points". Everything works on [segments, K]
arrays, since thousands of segments are judged at once. NaN is "not computable".
"""

from collections.abc import Sequence
from functools import cmp_to_key
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from metrics.calc.history import Int64

Float = npt.NDArray[np.float64]

DANGER, WATCH = 0.90, 0.75
FEWEST_EXITS = 10  # on either side, for a verdict
FEWEST_WON = 5  # in recent, for a worth that is not thin
CLEAR_CHANGE = 0.05
_TIE = 1e-9
_CHUNK = 1 << 20
# Tables as probable as the one seen up to rounding count as no more probable.
_SAME_PROBABILITY = 1 + 1e-7
_SPREAD = 12.0  # standard deviations; beyond lies less than 1e-30


def conversion(advanced: Int64, lost_at: Int64) -> Float:
    """p = advanced / (advanced + lost_at), NaN without exits."""
    exits = advanced + lost_at
    out = np.full(exits.shape, np.nan)
    np.divide(advanced, exits, out=out, where=exits > 0)
    return out


def chances(recent_conversion: Float) -> Float:
    """[.., K + 1] chance(s) = product of p_r(j) for j = s..K; chance(K + 1) = 1."""
    shape = (*recent_conversion.shape[:-1], recent_conversion.shape[-1] + 1)
    out = np.ones(shape)
    out[..., :-1] = np.cumprod(recent_conversion[..., ::-1], axis=-1)[..., ::-1]
    return out


def worth_of_one_more(deal_size: Float, chance: Float) -> Float:
    """[S, K] A_r x chance(s + 1): money expected from one more deal that gets past s."""
    worth: Float = deal_size[:, None] * chance[:, 1:]
    return worth


def fisher_two_sided(a: Int64, b: Int64, c: Int64, d: Int64) -> Float:
    """Fisher's exact test of the tables [[a, b], [c, d]], two-sided; NaN where a row is empty.

    The p-value is the sum of the probabilities of all tables with the same margins that are no
    more probable than the one seen. All arguments of one shape; so is the answer.
    """
    shape = a.shape
    a, b, c, d = (np.asarray(x, np.int64).ravel() for x in (a, b, c, d))
    out = np.full(a.shape, np.nan)
    some = np.flatnonzero((a + b > 0) & (c + d > 0))
    if not len(some):
        return out.reshape(shape)
    # Equal tables are common among thousands of small segments; each is computed once.
    tables, inverse = np.unique(
        np.stack([a[some], b[some], c[some], d[some]], axis=1), axis=0, return_inverse=True
    )
    out[some] = _fisher(tables)[inverse.ravel()]
    return out.reshape(shape)


def _fisher(tables: Int64) -> Float:
    a, b, c, d = tables.T
    row, other, column = a + b, c + d, a + c
    low, high = np.maximum(0, column - other), np.minimum(row, column)
    # Far tails of huge tables add nothing that could be seen.
    total = row + other
    mean = column * (row / total)
    spread = np.sqrt(mean * (other / total) * (total - column) / np.maximum(total - 1, 1))
    low = np.maximum(low, np.minimum(a, np.floor(mean - _SPREAD * spread).astype(np.int64)))
    high = np.minimum(high, np.maximum(a, np.ceil(mean + _SPREAD * spread).astype(np.int64)))
    factorial = gammaln(np.arange(int(total.max()) + 2))  # factorial[n + 1] = ln n!
    out = np.empty(len(tables))
    for part in _chunks(high - low + 1):
        start, index, x = _ragged(low[part], high[part])
        r, o, k = row[part][index], other[part][index], column[part][index]
        log = -(
            factorial[x + 1]
            + factorial[r - x + 1]
            + factorial[k - x + 1]
            + factorial[o - k + x + 1]
        )
        log -= np.maximum.reduceat(log, start)[index]
        weight = np.exp(log)
        seen = weight[start + a[part] - low[part]]
        rare = np.where(weight <= seen[index] * _SAME_PROBABILITY, weight, 0.0)
        out[part] = np.add.reduceat(rare, start) / np.add.reduceat(weight, start)
    return np.minimum(out, 1.0)


def benjamini_hochberg(p: Float) -> Float:
    """[S, K] p-values adjusted within each row over those that there are; NaN stays NaN."""
    k = p.shape[1]
    order = np.argsort(p, axis=1)  # NaN last
    rising = np.take_along_axis(p, order, axis=1)
    tests = (~np.isnan(p)).sum(axis=1)
    scaled = rising * tests[:, None] / np.arange(1, k + 1)
    # fmin skips the NaN behind the last test.
    scaled = np.fmin.accumulate(scaled[:, ::-1], axis=1)[:, ::-1]
    out = np.full(p.shape, np.nan)
    np.put_along_axis(out, order, np.minimum(scaled, 1.0), axis=1)
    out[np.isnan(p)] = np.nan
    return out


def beta_greater(a1: Int64, b1: Int64, a2: Int64, b2: Int64) -> Float:
    """P(X > Y) for independent X ~ Beta(a1, b1) and Y ~ Beta(a2, b2), whole parameters >= 1.

    Exact: a finite sum of Beta functions, taken over the smallest of the four parameters by the
    symmetries X <-> Y and p <-> 1 - p.
    """
    shape = a1.shape
    a1, b1, a2, b2 = (np.asarray(x, np.int64).ravel() for x in (a1, b1, a2, b2))
    if not len(a1):
        return np.zeros(shape)
    if min(int(x.min()) for x in (a1, b1, a2, b2)) < 1:
        raise ValueError("a Beta distribution needs parameters of at least 1")
    # `_sum(p, q, r, s)` is P(Beta(p, q) > Beta(r, s)), summed over p.
    choices = np.stack([a1, b2, a2, b1])
    choice = choices.argmin(axis=0)
    p = np.choose(choice, [a1, b2, a2, b1])
    q = np.choose(choice, [b1, a2, b2, a1])
    r = np.choose(choice, [a2, b1, a1, b2])
    s = np.choose(choice, [b2, a1, b1, a2])
    table = gammaln(np.arange(int((p + q + r + s).max()) + 2).astype(np.float64))
    out = np.empty(len(p))
    for part in _chunks(p):
        start, index, i = _ragged(np.zeros(len(p[part]), np.int64), p[part] - 1)
        q1, r1, s1 = q[part][index], r[part][index], s[part][index]
        log = (
            (table[r1 + i] + table[s1 + q1] - table[r1 + i + s1 + q1])
            - np.log(q1 + i)
            - (table[1 + i] + table[q1] - table[1 + i + q1])
            - (table[r1] + table[s1] - table[r1 + s1])
        )
        out[part] = np.add.reduceat(np.exp(log), start)
    out = np.where(choice >= 2, 1.0 - out, out)
    return np.clip(out, 0.0, 1.0).reshape(shape)


def chance_worse(
    advanced: Int64, lost_at: Int64, usual_advanced: Int64, usual_lost_at: Int64
) -> Float:
    """P(usual conversion > this quarter's), NaN where either side has fewer than 10 exits."""
    out = np.full(advanced.shape, np.nan)
    enough = (advanced + lost_at >= FEWEST_EXITS) & (usual_advanced + usual_lost_at >= FEWEST_EXITS)
    out[enough] = beta_greater(
        usual_advanced[enough] + 1,
        usual_lost_at[enough] + 1,
        advanced[enough] + 1,
        lost_at[enough] + 1,
    )
    return out


def danger_order(expected_loss: Sequence[float | None], lost_at: Sequence[int]) -> tuple[int, ...]:
    """Positions (1..K), worst first: by expected loss, empty last; ties by lost_at, then position.

    Losses that are equal within 1e-9 relative are a tie.
    """

    def compare(one: int, other: int) -> int:
        first, second = expected_loss[one], expected_loss[other]
        if (first is None) != (second is None):
            return 1 if first is None else -1
        if first is not None and second is not None:
            tie = abs(first - second) <= _TIE * max(abs(first), abs(second))
            if not tie:
                return -1 if first > second else 1
        if lost_at[one] != lost_at[other]:
            return -1 if lost_at[one] > lost_at[other] else 1
        return one - other

    order = sorted(range(len(lost_at)), key=cmp_to_key(compare))
    return tuple(place + 1 for place in order)


def _chunks(sizes: Int64) -> list[slice]:
    """Slices whose sizes add up to about _CHUNK, so that memory stays bounded."""
    total = np.cumsum(sizes)
    cuts = np.searchsorted(total, np.arange(_CHUNK, int(total[-1]), _CHUNK)) + 1
    edges = np.unique(np.concatenate([[0], cuts, [len(sizes)]])).tolist()
    return [slice(low, high) for low, high in pairwise(edges)]


def _ragged(low: Int64, high: Int64) -> tuple[Int64, Int64, Int64]:
    """All whole numbers of each [low, high]: where each run starts, its owner, the number."""
    size = high - low + 1
    start = np.cumsum(size) - size
    index = np.repeat(np.arange(len(size)), size)
    return start, index, np.arange(len(index)) - start[index] + low[index]
