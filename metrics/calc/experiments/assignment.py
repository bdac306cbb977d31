"""Who gets the change: random arms, drawn in advance and repeatable from a shown seed.

Permuted blocks within strata (Zelen 1974, Journal of Chronic Diseases 27, 365-375): every four
consecutive units of a stratum are two of each arm in an order drawn from SHA-256 of seed, stratum
and block. So a deal that opens next month gets its arm from the seed and its number in its
stratum, before anything is known of how it ends, and anyone with the seed can check it. Units
that are all known at the start, such as reps, come in blocks of two: nobody can guess the next
one, for there is none, and a team of two is split instead of being one arm in one case of three.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import stats

Arm = Literal["baseline", "test"]

BLOCK = 4  # of units that come one by one: in a block of two the second would be known
PAIR = 2  # of units that are all known


@dataclass(frozen=True, slots=True)
class Unit:
    """A rep or a deal to be assigned: its id, and its stratum (the channel, `unknown` without)."""

    id: int
    stratum: str


@dataclass(frozen=True, slots=True)
class StratumBalance:
    """How many units of a stratum are in each arm."""

    stratum: str
    baseline: int
    test: int


@dataclass(frozen=True, slots=True)
class Balance:
    """Whether the arms are alike in what was known at the start.

    `largest_gap` is the largest difference of the arms within a stratum; by construction at most
    two for units drawn here, and one where all were known. `p_value` (chi-square) asks whether
    arm and stratum hang together; None with fewer than two strata or an empty arm.
    """

    baseline: int
    test: int
    strata: tuple[StratumBalance, ...]
    largest_gap: int
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Contamination:
    """Deals that changed hands. They stay in the arm that they were assigned to.

    `share` is of the deals with a rep that counts; None without any.
    """

    deals: tuple[int, ...]  # ids, rising
    checked: int
    share: float | None


def assign_next(seed: str, stratum: str, already: int) -> Arm:
    """The arm of the next unit of a stratum of which `already` units were assigned."""
    if already < 0:
        raise ValueError("the units assigned so far cannot be fewer than none")
    return _in_block(seed, "block", stratum, already, BLOCK)


def assign_all(seed: str, units: Iterable[Unit]) -> dict[int, Arm]:
    """The arms of units that are all known at the start, such as reps: id -> arm.

    Within a stratum they are put in an order drawn from the seed, so that neither age nor
    alphabet decides; the order in which they are given does not matter. The arms of a stratum
    differ by one unit at most.
    """
    strata: dict[str, list[int]] = {}
    for unit in units:
        strata.setdefault(unit.stratum, []).append(unit.id)
    if len({number for ids in strata.values() for number in ids}) < sum(map(len, strata.values())):
        raise ValueError("a unit is named twice")
    return {
        number: _in_block(seed, "pair", stratum, place, PAIR)
        for stratum, ids in sorted(strata.items())
        for place, number in enumerate(
            sorted(ids, key=lambda number: (_draw(seed, "unit", stratum, number), number))
        )
    }


def _in_block(seed: str, kind: str, stratum: str, already: int, size: int) -> Arm:
    block, place = divmod(already, size)
    order = sorted(range(size), key=lambda spot: _draw(seed, kind, stratum, block, spot))
    return "test" if order.index(place) < size // 2 else "baseline"


def _draw(seed: str, *what: object) -> bytes:
    # Lengths in front, so that no two lists of parts make the same text.
    parts = [str(part).encode() for part in (seed, *what)]
    return hashlib.sha256(b"".join(b"%d:%s" % (len(part), part) for part in parts)).digest()


def balance(units: Iterable[Unit], arms: Mapping[int, Arm]) -> Balance:
    """How even the arms came out, over the units that have one."""
    counts: dict[str, list[int]] = {}
    for unit in units:
        arm = arms.get(unit.id)
        if arm is not None:
            counts.setdefault(unit.stratum, [0, 0])[arm == "test"] += 1
    strata = tuple(StratumBalance(name, *counts[name]) for name in sorted(counts))
    both = [sum(row.baseline for row in strata), sum(row.test for row in strata)]
    p_value = None
    if len(strata) > 1 and min(both) > 0:
        table = [[row.baseline, row.test] for row in strata]
        p_value = float(stats.chi2_contingency(table, correction=False).pvalue)
    gap = max((abs(row.baseline - row.test) for row in strata), default=0)
    return Balance(both[0], both[1], strata, gap, p_value)


def contamination(
    reps_of_deals: Mapping[int, Sequence[int]], arm_of_rep: Mapping[int, Arm] | None = None
) -> Contamination:
    """Which deals changed hands, so that they may have been worked in both ways.

    `reps_of_deals` has every rep a deal had since it opened (deal id -> rep ids, in order). With
    arms by rep, a change to a rep of the other arm counts and reps without an arm do not; with
    arms by deal (`arm_of_rep` None) every change of rep does.
    """
    mixed, checked = [], 0
    for deal, reps in reps_of_deals.items():
        hands: set[object] = set(reps)
        if arm_of_rep is not None:
            hands = {arm_of_rep[rep] for rep in reps if rep in arm_of_rep}
        checked += bool(hands)
        if len(hands) > 1:
            mixed.append(deal)
    return Contamination(tuple(sorted(mixed)), checked, len(mixed) / checked if checked else None)
