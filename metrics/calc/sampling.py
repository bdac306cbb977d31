"""Which deals to look at next, so that no seller and no size of deal is looked at alone.

Each next deal is one of the seller who was looked at least so far, among these one of the size
that was looked at least so far, among these the one with the lowest lot. The lot of a deal hangs
on the seed and its id alone, so the proposal stands still until somebody works on it. What was
looked at already counts for its seller and size, whoever chose it.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b

NO_AMOUNT, SMALL, MIDDLE, LARGE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deal that could be looked at. `rep` is any code of its seller; `amount` in one currency,
    None where it has none."""

    deal_id: int
    rep: int
    amount: float | None


def size_bands(amounts: Sequence[float | None]) -> tuple[int, ...]:
    """The third of its deals that each amount is in; NO_AMOUNT is a band of its own.

    SMALL up to the amount at the first third of those that have one (the ceil(n/3)-th smallest),
    MIDDLE up to the one at two thirds, LARGE beyond. Equal amounts are in one band.
    """
    known = sorted(amount for amount in amounts if amount is not None)
    if not known:
        return (NO_AMOUNT,) * len(amounts)
    first = known[math.ceil(len(known) / 3) - 1]
    second = known[math.ceil(2 * len(known) / 3) - 1]

    def band(amount: float | None) -> int:
        if amount is None:
            return NO_AMOUNT
        return SMALL if amount <= first else MIDDLE if amount <= second else LARGE

    return tuple(band(amount) for amount in amounts)


def lot(seed: str, deal_id: int) -> bytes:
    """The lot that a deal draws: as good as random, and the same every time."""
    return blake2b(f"{seed}:{deal_id}".encode(), digest_size=8).digest()


def fair_sample(
    candidates: Sequence[Candidate],
    *,
    seed: str,
    count: int,
    seen: Collection[int] = (),
    closed: Collection[int] = (),
) -> tuple[int, ...]:
    """The ids of up to `count` deals to look at, in the order in which to do it.

    `seen` are deals that were looked at: they are not proposed and count for their seller and
    size. `closed` cannot be looked at (nothing was recorded): they are neither proposed nor
    counted. The order in which candidates come does not matter.
    """
    by_id = {c.deal_id: c for c in candidates}
    ids = sorted(by_id)
    band = dict(zip(ids, size_bands([by_id[pk].amount for pk in ids]), strict=True))
    seen, closed = frozenset(seen), frozenset(closed)
    reps = Counter(by_id[pk].rep for pk in ids if pk in seen)
    bands = Counter(band[pk] for pk in ids if pk in seen)
    left = sorted((lot(seed, pk), pk) for pk in ids if pk not in seen and pk not in closed)
    chosen: list[int] = []
    while left and len(chosen) < count:
        place = min(
            range(len(left)),
            key=lambda n: (reps[by_id[left[n][1]].rep], bands[band[left[n][1]]], left[n][0]),
        )
        _lot, pk = left.pop(place)
        chosen.append(pk)
        reps[by_id[pk].rep] += 1
        bands[band[pk]] += 1
    return tuple(chosen)
