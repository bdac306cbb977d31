"""Are interviewed deals like the lost ones: against SciPy, by hand, and where nothing is said."""

from itertools import product
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from metrics.calc import likeness as module
from metrics.calc.likeness import Group, exact_p, likeness, tables_of


def groups(*pairs: tuple[int, int]) -> list[Group]:
    return [Group(f"g{n}", lost, asked) for n, (lost, asked) in enumerate(pairs)]


def slow_p(lost: list[int], asked: list[int]) -> float:
    """By listing every table in whole numbers."""

    def ways(table: tuple[int, ...]) -> int:
        out = 1
        for size, k in zip(lost, table, strict=True):
            out *= comb(size, k)
        return out

    tables = [t for t in product(*(range(s + 1) for s in lost)) if sum(t) == sum(asked)]
    seen = ways(tuple(asked))
    return sum(ways(t) for t in tables if ways(t) <= seen) / sum(ways(t) for t in tables)


@st.composite
def tables(draw: st.DrawFn, most_groups: int = 4, most: int = 6) -> tuple[list[int], list[int]]:
    lost = draw(st.lists(st.integers(1, most), min_size=2, max_size=most_groups))
    asked = [draw(st.integers(0, size)) for size in lost]
    return lost, asked


@given(tables())
@settings(max_examples=150, deadline=None)
def test_the_exact_chance_equals_that_of_all_tables(table: tuple[list[int], list[int]]) -> None:
    lost, asked = table
    assert exact_p(lost, asked) == pytest.approx(slow_p(lost, asked), abs=1e-12)
    listed = sum(1 for t in product(*(range(s + 1) for s in lost)) if sum(t) == sum(asked))
    assert tables_of(lost, sum(asked)) == listed


@given(tables(most_groups=2, most=60))
@settings(deadline=None)
def test_of_two_groups_it_is_fishers_test(table: tuple[list[int], list[int]]) -> None:
    lost, asked = table
    seen = stats.fisher_exact([asked, [a - b for a, b in zip(lost, asked, strict=True)]])
    assert exact_p(lost, asked) == pytest.approx(seen.pvalue, abs=1e-9)


def test_a_clear_difference_with_its_gap() -> None:
    found = likeness(groups((30, 3), (50, 12), (20, 0)))
    assert (found.lost, found.interviewed, found.verdict) == (100, 15, "different")
    assert found.method == "exact"
    assert found.p == pytest.approx(exact_p([30, 50, 20], [3, 12, 0]))
    # Shares 20, 80 and 0 % against 30, 50 and 20 %.
    assert found.variation == pytest.approx(0.3)
    assert [share.lean for share in found.shares] == ["", "", "none"]
    assert found.shares[1].of_interviewed == pytest.approx(0.8)


def test_the_same_mix_is_alike() -> None:
    found = likeness(groups((40, 8), (60, 12)))
    assert (found.verdict, found.variation, found.p) == ("alike", 0.0, pytest.approx(1.0))
    assert {share.lean for share in found.shares} == {""}


def test_clearly_more_and_clearly_fewer_are_told() -> None:
    found = likeness(groups((50, 24), (50, 4)))
    assert [share.lean for share in found.shares] == ["more", "fewer"]


@pytest.mark.parametrize(
    ("table", "verdict"),
    [
        ([], "nothing"),
        ([(0, 0)], "nothing"),
        ([(30, 4), (20, 5)], "too_few"),
        ([(12, 0), (3, 0)], "too_few"),
        ([(6, 6), (8, 8)], "all"),
        ([(2, 2), (1, 1)], "all"),
        ([(40, 15)], "one_group"),
        ([(40, 15), (0, 0)], "one_group"),
    ],
)
def test_where_nothing_is_compared_no_number_is_given(
    table: list[tuple[int, int]], verdict: str
) -> None:
    found = likeness(groups(*table))
    assert found.verdict == verdict
    assert (found.p, found.variation, found.method) == (None, None, None)


def test_a_gap_is_told_with_few_interviews_too_but_not_by_chance_alone() -> None:
    few = likeness(groups((40, 0), (60, 3)))
    assert [share.lean for share in few.shares] == ["none", ""]
    # Of two interviews none in a group with 40 %: fewer than one was to be expected.
    assert {share.lean for share in likeness(groups((40, 0), (60, 2))).shares} == {""}
    # A small group is no gap.
    assert {share.lean for share in likeness(groups((10, 0), (90, 9))).shares} == {""}
    assert {share.lean for share in likeness(groups((10, 0), (90, 0))).shares} == {""}


def test_too_many_tables_go_to_chi_square_or_to_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TABLES", 0)
    found = likeness(groups((30, 12), (50, 12), (40, 6)))
    against = stats.chi2_contingency([[12, 12, 6], [18, 38, 34]], correction=False)
    assert found.method == "chi_square"
    assert found.p == pytest.approx(against.pvalue, rel=1e-9)
    sparse = likeness(groups((30, 12), (50, 12), (4, 0)))
    assert (sparse.verdict, sparse.p, sparse.method) == ("sparse", None, None)
    assert sparse.variation is not None


def test_more_interviewed_than_lost_is_refused() -> None:
    with pytest.raises(ValueError, match="each once"):
        likeness(groups((3, 4)))


def test_by_lot_it_is_called_different_in_no_more_than_one_of_twenty() -> None:
    """The exact test keeps its word: summed over all tables of these margins."""
    lost, n = [9, 14, 7, 10], 12
    total = wrong = 0
    for table in product(*(range(size + 1) for size in lost)):
        if sum(table) != n:
            continue
        ways = 1
        for size, k in zip(lost, table, strict=True):
            ways *= comb(size, k)
        total += ways
        found = likeness(
            [Group(str(g), s, k) for g, (s, k) in enumerate(zip(lost, table, strict=True))]
        )
        wrong += ways * (found.verdict == "different")
    assert total == comb(sum(lost), n)
    assert 0.01 < wrong / total <= 0.05
