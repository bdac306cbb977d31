"""Which deals are looked at next: fair over sellers and sizes, and the same until worked on."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.calc.sampling import (
    LARGE,
    MIDDLE,
    NO_AMOUNT,
    SMALL,
    Candidate,
    fair_sample,
    lot,
    size_bands,
)

AMOUNTS = st.none() | st.integers(0, 50).map(float)
CANDIDATES = st.lists(st.tuples(st.integers(0, 4), AMOUNTS), min_size=1, max_size=60).map(
    lambda rows: [Candidate(n + 1, rep, amount) for n, (rep, amount) in enumerate(rows)]
)
SEEDS = st.text(max_size=8)


def sample(candidates: list[Candidate], seed: str = "x", count: int = 5, **more: object):
    return fair_sample(candidates, seed=seed, count=count, **more)  # type: ignore[arg-type]


def test_thirds_of_the_deals_that_have_an_amount() -> None:
    assert size_bands([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == (
        SMALL, SMALL, MIDDLE, MIDDLE, LARGE, LARGE,
    )  # fmt: skip
    assert size_bands([9.0, None, 1.0, 5.0]) == (LARGE, NO_AMOUNT, SMALL, MIDDLE)
    assert size_bands([None, None]) == (NO_AMOUNT, NO_AMOUNT)
    assert size_bands([]) == ()
    assert size_bands([7.0]) == (SMALL,)
    assert size_bands([7.0, 7.0, 7.0]) == (SMALL, SMALL, SMALL)  # equal amounts are one band


@given(st.lists(AMOUNTS, max_size=40))
def test_bands_follow_the_amounts(amounts: list[float | None]) -> None:
    bands = size_bands(amounts)
    known = sorted((a, b) for a, b in zip(amounts, bands, strict=True) if a is not None)
    assert all(one[1] <= other[1] for one, other in pairwise(known))
    assert all((a is None) == (b == NO_AMOUNT) for a, b in zip(amounts, bands, strict=True))


def test_a_lot_hangs_on_seed_and_deal_alone() -> None:
    assert lot("northlight 2026-Q3", 7) == lot("northlight 2026-Q3", 7)
    assert lot("northlight 2026-Q3", 7) != lot("northlight 2026-Q4", 7)
    assert lot("a", 11) != lot("a", 1)


@given(CANDIDATES, SEEDS, st.integers(0, 8))
def test_as_many_as_there_are_each_once(candidates: list[Candidate], seed: str, count: int) -> None:
    found = sample(candidates, seed, count)
    assert len(found) == len(set(found)) == min(count, len(candidates))
    assert set(found) <= {c.deal_id for c in candidates}


@given(CANDIDATES, SEEDS, st.randoms(use_true_random=False))
def test_the_order_in_which_deals_come_does_not_matter(
    candidates: list[Candidate], seed: str, random: object
) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sample(candidates, seed) == sample(shuffled, seed)


@given(CANDIDATES, SEEDS, st.integers(1, 12))
def test_no_rep_is_looked_at_twice_before_every_other_is_once(
    candidates: list[Candidate], seed: str, count: int
) -> None:
    found = sample(candidates, seed, count)
    rep = {c.deal_id: c.rep for c in candidates}
    taken = Counter(rep[pk] for pk in found)
    for one in taken:
        for other in set(rep.values()):
            left = sum(1 for pk in rep if rep[pk] == other) - taken[other]
            if left:
                assert taken[one] <= taken[other] + 1


@given(st.lists(AMOUNTS, min_size=1, max_size=40), SEEDS, st.integers(1, 12))
def test_of_one_rep_no_size_is_looked_at_twice_before_every_other_is_once(
    amounts: list[float | None], seed: str, count: int
) -> None:
    candidates = [Candidate(n, 1, amount) for n, amount in enumerate(amounts)]
    band = dict(enumerate(size_bands(amounts)))
    found = sample(candidates, seed, count)
    taken = Counter(band[pk] for pk in found)
    for one in taken:
        for other in set(band.values()):
            if sum(1 for pk in band if band[pk] == other) > taken[other]:
                assert taken[one] <= taken[other] + 1


@given(CANDIDATES, SEEDS)
def test_fewer_are_the_first_of_more(candidates: list[Candidate], seed: str) -> None:
    assert sample(candidates, seed, 3) == sample(candidates, seed, 6)[:3]


@given(CANDIDATES, SEEDS)
def test_working_on_the_first_leaves_the_others_in_their_order(
    candidates: list[Candidate], seed: str
) -> None:
    found = sample(candidates, seed, 5)
    after = sample(candidates, seed, 4, seen={found[0]})
    assert after == found[1:]


@given(CANDIDATES, SEEDS, st.data())
def test_what_was_looked_at_counts_for_its_rep(
    candidates: list[Candidate], seed: str, data: st.DataObject
) -> None:
    seen = data.draw(st.sets(st.sampled_from([c.deal_id for c in candidates])))
    rep = {c.deal_id: c.rep for c in candidates}
    found = sample(candidates, seed, 1, seen=seen)
    assert not set(found) & seen
    if found:
        done = Counter(rep[pk] for pk in seen)
        waiting = {rep[pk] for pk in rep if pk not in seen}
        assert done[rep[found[0]]] == min(done[one] for one in waiting)


@given(CANDIDATES, SEEDS, st.data())
def test_what_cannot_be_looked_at_is_neither_proposed_nor_counted(
    candidates: list[Candidate], seed: str, data: st.DataObject
) -> None:
    closed = data.draw(st.sets(st.sampled_from([c.deal_id for c in candidates])))
    assert not set(sample(candidates, seed, 60, closed=closed)) & closed
    assert len(sample(candidates, seed, 60, closed=closed)) == len(candidates) - len(closed)


@pytest.mark.parametrize("place", range(12))
def test_every_deal_has_the_same_chance(place: int) -> None:
    """Over many seeds, each of 12 deals alike comes first about equally often."""
    candidates = [Candidate(n, 1, 100.0) for n in range(12)]
    first = Counter(sample(candidates, f"seed {n}", 1)[0] for n in range(1200))
    assert 60 < first[place] < 140  # 100 expected; four standard deviations are 38
