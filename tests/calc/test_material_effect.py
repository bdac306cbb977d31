"""Deals that had a material against similar ones that had none: rules and arithmetic."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binomtest

from metrics.calc.experiments.estimates import newcombe
from metrics.calc.history import History
from metrics.calc.material_effect import against, material_effect, passage

# Codes of a pipeline of three open stages: 1 Booked, 2 Held, 3 Coach, 4 won, 5 lost.
WON, LOST = 4, 5
Path = Sequence[tuple[int, int]]  # (stage, instant)


def history(paths: Sequence[Path], *, known: Sequence[bool] | None = None) -> History:
    """Deals 1, 2, 3, ... with these visits."""
    n = len(paths)
    visits = [visit for path in paths for visit in path]
    zeros = np.zeros(n, np.int32)
    return History(
        stages=("Booked", "Held", "Coach"),
        deal_id=np.arange(1, n + 1),
        visit_start=np.cumsum([0, *(len(path) for path in paths)]).astype(np.int64),
        entered_at=np.array([at for _s, at in visits], np.int64),
        entered_on=np.array([at for _s, at in visits], np.int32),
        stage=np.array([stage for stage, _at in visits], np.int32),
        amount=np.full(n, np.nan),
        currency=zeros,
        path_known=np.array(known if known is not None else [True] * n, np.bool_),
        lost_level=zeros.astype(np.int8),
        channel=zeros,
        source=zeros,
        product=zeros,
        rep=zeros,
        team=zeros,
        labels={},
    )


def told(paths: Sequence[Path], used: dict[int, int], position: int = 2) -> list[str]:
    """Of each deal that visited the stage: id, had, and what came of it."""
    found = passage(history(paths), position=position, used_at=used)
    words = []
    for i, deal in enumerate(found.deal):
        result = "past" if found.past[i] else "lost" if found.left[i] else "there"
        end = "won" if found.won[i] else "closed" if found.closed[i] else "open"
        words.append(f"{deal + 1} {'had' if found.had[i] else 'none'} {result} {end}")
    return words


def test_only_deals_that_stood_in_the_stage_count() -> None:
    paths = [
        [(1, 0), (2, 10), (3, 20), (WON, 30)],
        [(1, 0), (LOST, 10)],  # never came there
        [(1, 0), (3, 10), (WON, 20)],  # jumped over it
        [(1, 0), (3, 10), (2, 20), (LOST, 30)],  # came back to it from beyond
        [(2, 0)],
        [(1, 0), (LOST, 5), (2, 10), (3, 20)],  # lost earlier, then reopened into it
    ]
    assert told(paths, {}) == ["1 none past won", "5 none there open", "6 none past open"]


def test_it_had_it_only_if_before_it_left_the_stage() -> None:
    path = [(1, 0), (2, 10), (3, 20), (WON, 30)]
    for instant, expected in (
        (5, "had"),  # sent before it came there
        (10, "had"),
        (19, "had"),
        (20, "none"),  # the very moment it left
        (25, "none"),
        (40, "none"),
    ):
        assert told([path], {1: instant}) == [f"1 {expected} past won"]
    # The immortal-time trap: what is sent on the last stage says nothing of this one.
    lost = [(1, 0), (2, 10), (LOST, 20)]
    assert told([path, lost], {1: 25, 2: 15}) == ["1 none past won", "2 had lost closed"]


def test_going_back_is_not_leaving() -> None:
    path = [(1, 0), (2, 10), (1, 15), (2, 18), (3, 20)]
    assert told([path], {1: 16}) == ["1 had past open"]
    assert told([[(1, 0), (2, 10), (1, 15)]], {1: 16}) == ["1 had there open"]


def test_the_first_leaving_decides_and_the_last_place_closes() -> None:
    reopened = [(1, 0), (2, 10), (LOST, 20), (2, 30), (3, 40), (WON, 50)]
    assert told([reopened], {1: 35}) == ["1 none lost won"]
    undone = [(2, 0), (WON, 10), (3, 20)]
    assert told([undone], {}) == ["1 none past open"]


def test_the_last_open_stage_is_passed_by_winning() -> None:
    paths = [[(3, 0), (WON, 10)], [(3, 0), (LOST, 10)], [(3, 0)]]
    assert told(paths, {}, position=3) == [
        "1 none past won",
        "2 none lost closed",
        "3 none there open",
    ]


def test_deals_without_their_path_are_left_out() -> None:
    found = passage(
        history([[(2, 0), (3, 1)], [(2, 0), (3, 1)]], known=[False, True]),
        position=2,
        used_at={},
    )
    assert list(found.deal) == [1]


def test_a_position_that_is_none_and_an_empty_history() -> None:
    for position in (0, 4):
        with pytest.raises(ValueError, match="no open stage"):
            passage(history([]), position=position, used_at={})
    empty = material_effect(history([]), position=1, used_at={7: 3}, stratum=np.zeros(0, np.int64))
    assert (empty.visited, empty.had, empty.elsewhere) == (0, 0, 0)
    assert empty.past.why == "none_had_it"
    assert empty.past.difference is None


def sides(cells: Sequence[tuple[int, int, int, int]]) -> tuple[np.ndarray, ...]:
    """(had_k, had_n, none_k, none_n) of each stratum as arrays of deals."""
    had, reached, stratum = [], [], []
    for number, (had_k, had_n, none_k, none_n) in enumerate(cells):
        had += [True] * had_n + [False] * none_n
        reached += [i < had_k for i in range(had_n)] + [i < none_k for i in range(none_n)]
        stratum += [number * 7] * (had_n + none_n)
    return np.array(had, np.bool_), np.array(reached, np.bool_), np.array(stratum, np.int64)


def compare(cells: Sequence[tuple[int, int, int, int]]):  # type: ignore[no-untyped-def]
    had, reached, stratum = sides(cells)
    return against(had, reached, stratum, of=np.ones(len(had), np.bool_))


def by_scipy(k: int, n: int) -> tuple[float, float]:
    """The Wilson interval of a rate by SciPy."""
    found = binomtest(k, n).proportion_ci(method="wilson")
    return found.low, found.high


def test_the_standardised_rate_by_hand() -> None:
    # Inbound, Q1: 12 of 16 had it and got past, 30 of 60 similar. Outbound, Q1: 2 of 4, 3 of 30.
    # Weights are 16/20 and 4/20: similar 0.8 x 0.5 + 0.2 x 0.1 = 0.42. Had it: 14 of 20 = 0.7.
    found = compare([(12, 16, 30, 60), (2, 4, 3, 30)])
    assert (found.had_k, found.had_n, found.similar_n, found.strata) == (14, 20, 90, 2)
    assert found.unmatched == 0
    assert found.had_rate == pytest.approx(0.7)
    assert found.similar_rate == pytest.approx(0.42)
    assert found.difference == pytest.approx(0.28)
    # The crude rate of the similar, 33 of 90, would have said 0.33 more: the mix did a part.
    crude = 14 / 20 - 33 / 90
    assert crude == pytest.approx(0.3333, abs=1e-4)
    # Wilson by SciPy: 30 of 60 is 0.3773 to 0.6227, 3 of 30 is 0.0346 to 0.2562,
    # 14 of 20 is 0.4810 to 0.8545.
    l1, u1 = by_scipy(30, 60)
    l2, u2 = by_scipy(3, 30)
    lt, ut = by_scipy(14, 20)
    assert (l1, u1, l2, u2) == pytest.approx((0.37735, 0.62265, 0.03460, 0.25621), abs=1e-5)
    low = 0.42 - math.hypot(0.8 * (0.5 - l1), 0.2 * (0.1 - l2))
    high = 0.42 + math.hypot(0.8 * (u1 - 0.5), 0.2 * (u2 - 0.1))
    assert found.similar_interval == pytest.approx((low, high))
    assert found.similar_interval == pytest.approx((0.32101, 0.52297), abs=1e-4)
    assert found.interval == pytest.approx(
        (0.28 - math.hypot(0.7 - lt, high - 0.42), 0.28 + math.hypot(ut - 0.7, 0.42 - low))
    )
    assert found.interval == pytest.approx((0.03802, 0.46351), abs=1e-4)
    assert found.why is None


@pytest.mark.parametrize(
    "cell", [(12, 16, 30, 60), (0, 10, 0, 10), (10, 10, 0, 25), (7, 11, 40, 41), (50, 80, 9, 300)]
)
def test_in_one_stratum_it_is_newcombe(cell: tuple[int, int, int, int]) -> None:
    had_k, had_n, none_k, none_n = cell
    found = compare([cell])
    assert found.interval == pytest.approx(newcombe(had_k, had_n, none_k, none_n))
    assert found.similar_interval == pytest.approx(by_scipy(none_k, none_n), abs=1e-9)


def test_a_stratum_on_one_side_only_is_left_out_and_counted() -> None:
    found = compare([(12, 16, 30, 60), (5, 5, 0, 0), (0, 0, 9, 10)])
    assert (found.had_k, found.had_n, found.similar_n, found.unmatched) == (12, 16, 60, 5)
    assert found.similar_rate == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([], "none_had_it"),
        ([(0, 0, 30, 60)], "none_had_it"),
        ([(12, 16, 0, 0), (0, 0, 30, 60)], "none_similar"),
        ([(5, 9, 30, 60)], "too_few"),
        ([(12, 16, 3, 9)], "too_few"),
        ([(5, 9, 30, 60), (8, 8, 0, 0)], "too_few"),  # only comparable deals count
    ],
)
def test_too_few_is_said(cells: list[tuple[int, int, int, int]], why: str) -> None:
    found = compare(cells)
    assert found.why == why
    assert found.difference is None
    assert found.interval is None
    assert compare([(5, 10, 5, 10)]).why is None


def test_deals_without_a_result_are_on_neither_side() -> None:
    past = [[(2, 0), (3, 20)]] * 6 + [[(2, 0), (3, 20), (WON, 30)]] * 6
    lost = [[(2, 0), (LOST, 20)]] * 8
    there = [[(2, 0)]] * 5
    paths = [*past, *lost, *there] * 2
    size = len(paths) // 2
    used = dict.fromkeys(range(1, size + 1), 10)
    used[10_000] = 10
    found = material_effect(
        history([*paths, [(1, 0)]]),
        position=2,
        used_at={**used, 2 * size + 1: 1, size + 1: 25},
        stratum=np.zeros(2 * size + 1, np.int64),
    )
    assert (found.visited, found.had, found.late, found.there, found.elsewhere) == (
        50,
        25,
        1,
        10,
        1,
    )
    assert (found.past.had_k, found.past.had_n, found.past.similar_n) == (12, 20, 20)
    assert (found.won.had_k, found.won.had_n, found.won.similar_n) == (6, 14, 14)
    assert found.past.difference == pytest.approx(0.0)
    assert found.won.similar_rate == pytest.approx(6 / 14)


def test_no_effect_is_covered_by_the_interval_as_often_as_promised() -> None:
    draw = np.random.default_rng(20260520)
    covered, rounds = 0, 400
    for _round in range(rounds):
        cells = []
        for n, m, chance in ((20, 80, 0.6), (12, 40, 0.3), (8, 100, 0.45)):
            had, none = int(draw.binomial(n, chance)), int(draw.binomial(m, chance))
            cells.append((had, n, none, m))
        interval = compare(cells).interval
        assert interval is not None
        covered += interval[0] <= 0 <= interval[1]
    assert 0.93 <= covered / rounds <= 0.995
