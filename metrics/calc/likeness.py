"""Are the deals that were asked about like all of those that were lost?

The interviewed are some of the lost. If they had been drawn by lot, their number in each group
(channel, size, stage, rep) would follow a multivariate hypergeometric distribution: every p-value
here is against that. Exact by summing all tables of the same margins that are no more probable
than the one seen (Freeman and Halton 1951), as long as they can be listed; else Pearson's
chi-square of interviewed against the rest where every expected count is at least 5; else none,
and the reason is told instead.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import chdtrc, gammaln

from metrics.calc.danger import CLEAR_CHANGE, Float, benjamini_hochberg, fisher_two_sided
from metrics.calc.history import Int64

FEWEST = 10  # interviews, for anything but counts
MOST_TABLES = 400_000
FEWEST_EXPECTED = 5.0  # per cell, for chi-square
GAP_SHARE = 0.2  # of the lost, for a group without any interview to be named
_SAME_PROBABILITY = 1 + 1e-7

Verdict = Literal["too_few", "nothing", "one_group", "all", "sparse", "alike", "different"]
Method = Literal["exact", "chi_square"]
Lean = Literal["", "none", "fewer", "more"]


@dataclass(frozen=True, slots=True)
class Group:
    """Deals of one kind: how many were lost, and about how many of them the buyer was asked."""

    name: str
    lost: int
    interviewed: int


@dataclass(frozen=True, slots=True)
class GroupShare:
    """A group with its shares of all lost and of all interviewed deals, None where none are.

    `lean` is "none" where nobody was asked though an even hand would have asked, "fewer" or
    "more" where the group clearly has fewer or more interviews than by lot.
    """

    group: Group
    of_lost: float | None
    of_interviewed: float | None
    lean: Lean


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike the interviewed and the lost are in one respect.

    `variation` is the total variation distance: the share of interviews that would have to be
    about deals of other groups for the two mixes to be the same. It and `p` are None where they
    would say nothing; `verdict` then has the reason.
    """

    shares: tuple[GroupShare, ...]
    lost: int
    interviewed: int
    verdict: Verdict
    variation: float | None = None
    p: float | None = None
    method: Method | None = None


def likeness(groups: Sequence[Group]) -> Likeness:
    """Compare the mix of the interviewed deals with that of all lost ones.

    Groups without a lost deal are left out. ValueError for more interviewed than lost.
    """
    if any(not 0 <= group.interviewed <= group.lost for group in groups):
        raise ValueError("only lost deals are interviewed, each once")
    some = [group for group in groups if group.lost]
    lost = np.array([group.lost for group in some], np.int64)
    asked = np.array([group.interviewed for group in some], np.int64)
    total, n = int(lost.sum()), int(asked.sum())
    verdict = _before_testing(len(some), total, n)
    variation: float | None = None
    p: float | None = None
    method: Method | None = None
    if verdict is None:
        variation = float(np.abs(asked / n - lost / total).sum() / 2)
        p, method = _p_value(lost, asked)
        verdict = "sparse" if p is None else "different" if p < CLEAR_CHANGE else "alike"
    leans = _leans(lost, asked)
    return Likeness(
        shares=tuple(
            GroupShare(
                group=group,
                of_lost=group.lost / total,
                of_interviewed=group.interviewed / n if n else None,
                lean=lean,
            )
            for group, lean in zip(some, leans, strict=True)
        ),
        lost=total,
        interviewed=n,
        verdict=verdict,
        variation=variation,
        p=p,
        method=method,
    )


def _before_testing(groups: int, lost: int, interviewed: int) -> Verdict | None:
    """Why there is nothing to compare, None where there is."""
    if not lost:
        return "nothing"
    if interviewed == lost:
        return "all"
    if interviewed < FEWEST:
        return "too_few"
    return "one_group" if groups == 1 else None


def _leans(lost: Int64, asked: Int64) -> list[Lean]:
    """Which groups have no, clearly fewer or clearly more interviews than by lot.

    Each group against the others by Fisher's exact test, adjusted over the groups.
    """
    total, n = int(lost.sum()), int(asked.sum())
    leans: list[Lean] = [""] * len(lost)
    clear = np.zeros(len(lost), np.bool_)
    if FEWEST <= n < total and len(lost) > 1:
        p = fisher_two_sided(asked, n - asked, lost - asked, (total - n) - (lost - asked))
        clear = benjamini_hochberg(p[None, :])[0] < CLEAR_CHANGE
    for place in range(len(lost)):
        share = lost[place] / total
        if not asked[place] and n * share >= 1 and share >= GAP_SHARE:
            leans[place] = "none"
        elif clear[place]:
            leans[place] = "more" if asked[place] / n > share else "fewer"
    return leans


def _p_value(lost: Int64, asked: Int64) -> tuple[float | None, Method | None]:
    n, total = int(asked.sum()), int(lost.sum())
    if tables_of(lost.tolist(), n) <= MOST_TABLES:
        return exact_p(lost.tolist(), asked.tolist()), "exact"
    expected = lost * (n / total)
    left = lost * ((total - n) / total)
    if min(expected.min(), left.min()) < FEWEST_EXPECTED:
        return None, None
    # Both rows miss what is expected by the same, with opposite signs.
    square = float(((asked - expected) ** 2 * (1 / expected + 1 / left)).sum())
    return float(chdtrc(len(lost) - 1, square)), "chi_square"


def tables_of(lost: Sequence[int], interviewed: int) -> int:
    """In how many ways so many interviews can be spread over groups of these sizes."""
    ways = [1] + [0] * interviewed
    for size in lost:
        sums = [0]
        for way in ways:
            sums.append(sums[-1] + way)
        ways = [sums[k + 1] - sums[max(0, k - size)] for k in range(interviewed + 1)]
    return ways[interviewed]


def exact_p(lost: Sequence[int], asked: Sequence[int]) -> float:
    """The chance, by lot, of a spread of the interviews no more probable than the one seen."""
    left = np.array([sum(asked)], np.int64)
    log = np.zeros(1)
    after = sum(lost)
    for size in lost:
        after -= size
        # What a group may have: no more than it, and no less than the groups after it leave over.
        low, high = np.maximum(0, left - after), np.minimum(left, size)
        many = high - low + 1
        owner = np.repeat(np.arange(len(left)), many)
        k = np.arange(len(owner)) - np.repeat(np.cumsum(many) - many, many) + low[owner]
        log, left = log[owner] + _log_ways(size, k), left[owner] - k
    weight = np.exp(log - log.max())
    seen = sum(float(_log_ways(a, np.array([b]))[0]) for a, b in zip(lost, asked, strict=True))
    rare = weight <= math.exp(seen - float(log.max())) * _SAME_PROBABILITY
    return min(1.0, float(weight[rare].sum() / weight.sum()))


def _log_ways(size: int, k: Int64) -> Float:
    """ln of "size choose k"."""
    ways: Float = gammaln(size + 1) - gammaln(k + 1.0) - gammaln(size - k + 1.0)
    return ways
