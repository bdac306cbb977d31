"""For every number of the golden company, in every quarter and segment: its deals, counted."""

import json
import math

import numpy as np
import pytest

from metrics.calc import calendar
from metrics.calc.drill import FIGURES, amount_of, deals_behind, figure_mask
from metrics.calc.history import LOST_LEVELS, Rates
from metrics.calc.quarter_work import QuarterWork, prepare
from metrics.calc.read import QuarterSnapshots, segment_figures, usual_quarters
from metrics.calc.segments import in_segment
from metrics.calc.types import SegmentFigures, StageFigures
from tests.golden import company_files
from tests.golden.test_golden_arithmetic import snapshots

# Figures without a stage -> the number that every surface shows.
SHOWN = {
    "opened": lambda f: f.opened,
    "won": lambda f: f.won,
    "lost": lambda f: f.lost,
    "closed": lambda f: f.closed,
    "in_play": lambda f: f.in_play,
    "open_at_start": lambda f: f.open_at_start,
    "open_at_end": lambda f: f.open_at_end,
    "open_at_end_without_amount": lambda f: f.open_at_end_without_amount,
    "path_unknown": lambda f: f.path_unknown,
    "rate_missing": lambda f: f.rate_missing,
    "won_with_amount": lambda f: f.won_with_amount,
    "won_without_amount": lambda f: f.won - f.won_with_amount,
    "lost_with_amount": lambda f: f.lost_with_amount,
    "cycle_won": lambda f: f.cycle_deals if f.cycle_of == "won" else f.won,
    "cycle_closed": lambda f: f.cycle_deals if f.cycle_of == "closed" else f.closed,
    "cohort_won": lambda f: f.cohort_won,
    "cohort_open": lambda f: sum(s.cohort_pending for s in f.stages),
    "cohort_path_unknown": lambda f: f.opened - f.stages[0].cohort_reached,
}
STAGED = {
    "cohort_reached": lambda s: s.cohort_reached,
    "cohort_lost": lambda s: s.cohort_lost,
    "cohort_pending": lambda s: s.cohort_pending,
    "advanced": lambda s: s.advanced,
    "lost_at": lambda s: s.lost_at,
    "exits": lambda s: s.advanced + s.lost_at,
    "value_lost": lambda s: s.lost_at - s.value_lost_without_amount,
    "value_lost_without_amount": lambda s: s.value_lost_without_amount,
    "days": lambda s: s.days_count,
}
USUAL = {
    "usual_advanced": lambda s: s.usual_advanced,
    "usual_lost_at": lambda s: s.usual_lost_at,
    "usual_exits": lambda s: (s.usual_advanced or 0) + (s.usual_lost_at or 0),
}
# What no surface shows as a number: the deals behind a median and behind the weighted pipeline.
UNSHOWN = {"entered", "open_deals"}

Figures = dict[tuple[str, str], SegmentFigures]


@pytest.fixture(scope="module")
def golden() -> company_files.GoldenCompany:
    return company_files.read()


@pytest.fixture(scope="module")
def quarters(golden) -> list[QuarterSnapshots]:
    return snapshots(golden)


@pytest.fixture(scope="module")
def figures(quarters) -> Figures:
    return segment_figures(quarters)


@pytest.fixture(scope="module")
def works(golden, quarters) -> dict[str, QuarterWork]:
    found = {}
    for snapshot in quarters:
        quarter = calendar.quarter_of(snapshot.start, golden.fiscal_start)
        as_of = calendar.as_of_for(quarter, golden.settle_days, golden.tz, golden.now)
        moment = calendar.moment(as_of, golden.tz)
        found[quarter.label] = prepare(golden.history, None, quarter, moment, Rates.none())
    return found


@pytest.fixture(scope="module")
def belonging(figures, works) -> dict[tuple[str, str], np.ndarray]:
    """(quarter, segment) -> which deals of the quarter belong to it."""
    names = {segment for _, segment in figures}
    return {
        (q, name): in_segment(work.history, name) for q, work in works.items() for name in names
    }


def stages_of(found: SegmentFigures) -> list[StageFigures]:
    assert [stage.position for stage in found.stages] == list(range(1, len(found.stages) + 1))
    return list(found.stages)


def same_amount(work: QuarterWork, chosen: np.ndarray, amount: float | None, without: int) -> bool:
    total, lacking = amount_of(work, np.flatnonzero(chosen))
    if total is None or amount is None:
        return total is None and amount is None and lacking == without
    return math.isclose(total, amount, rel_tol=1e-9, abs_tol=1e-9) and lacking == without


def test_every_figure_is_held_against_a_number() -> None:
    assert FIGURES.keys() == {*SHOWN, *STAGED, *USUAL, *UNSHOWN}


def test_counts_without_a_stage(figures, works, belonging) -> None:
    expected = json.loads((company_files.COMPANY / "expected.json").read_text())
    checked = 0
    for name, shown in SHOWN.items():
        masks = {quarter: figure_mask(work, name) for quarter, work in works.items()}
        for (quarter, segment), found in figures.items():
            behind = int((masks[quarter] & belonging[quarter, segment]).sum())
            assert behind == shown(found), (quarter, segment, name)
            told = expected[quarter][segment].get(name, behind)
            assert behind == told, (quarter, segment, name)
            checked += 1
    assert checked == 1061 * len(SHOWN)


def test_counts_of_stages(figures, works, belonging) -> None:
    checked = 0
    for name, shown in STAGED.items():
        masks = {
            (quarter, at): figure_mask(work, name, at=at)
            for quarter, work in works.items()
            for at in range(1, work.history.open_stages + 1)
        }
        for (quarter, segment), found in figures.items():
            for stage in stages_of(found):
                chosen = masks[quarter, stage.position] & belonging[quarter, segment]
                assert int(chosen.sum()) == shown(stage), (quarter, segment, name, stage.position)
                checked += 1
    assert checked == sum(len(f.stages) for f in figures.values()) * len(STAGED)


def test_reasons_and_amounts_of_the_losses(figures, works, belonging) -> None:
    masks = {
        (quarter, at, level): figure_mask(work, "lost_at", at=at, level=level)
        for quarter, work in works.items()
        for at in range(1, work.history.open_stages + 1)
        for level in (None, *LOST_LEVELS)
    }
    some = 0
    for (quarter, segment), found in figures.items():
        work, members = works[quarter], belonging[quarter, segment]
        for stage in stages_of(found):
            chosen = masks[quarter, stage.position, None] & members
            without = stage.value_lost_without_amount
            assert same_amount(work, chosen, stage.value_lost, without)
            for level in LOST_LEVELS:
                chosen = masks[quarter, stage.position, level] & members
                deals, amount = stage.value_lost_by_reason.get(level, (0, 0.0))
                assert int(chosen.sum()) == deals
                assert same_amount(work, chosen, amount, int((chosen & ~work.has_amount).sum()))
                some += bool(deals)
    assert some > 500


def test_revenue_and_open_amounts(figures, works, belonging) -> None:
    for name, amount, without in (
        ("won", lambda f: f.revenue_won, lambda f: f.won - f.won_with_amount),
        ("lost", lambda f: f.amount_lost, lambda f: f.lost - f.lost_with_amount),
        ("open_at_end", lambda f: f.amount_open_at_end, lambda f: f.open_at_end_without_amount),
    ):
        masks = {quarter: figure_mask(work, name) for quarter, work in works.items()}
        for (quarter, segment), found in figures.items():
            chosen = masks[quarter] & belonging[quarter, segment]
            assert same_amount(works[quarter], chosen, amount(found), without(found))


def test_usual_adds_up_the_quarters_before(figures, quarters, works, belonging) -> None:
    usual = {q.label: [u.label for u in usual_quarters(quarters, q.label)] for q in quarters}
    assert {len(labels) for labels in usual.values()} == {0, 1, 2, 3, 4}
    assert not any(q.label in labels for q in quarters if q.first for labels in usual.values())
    for name, shown in USUAL.items():
        masks = {
            (quarter, at): figure_mask(work, name, at=at)
            for quarter, work in works.items()
            for at in range(1, work.history.open_stages + 1)
        }
        for (quarter, segment), found in figures.items():
            for stage in stages_of(found):
                behind = sum(
                    int((masks[label, stage.position] & belonging[label, segment]).sum())
                    for label in usual[quarter]
                )
                assert behind == (shown(stage) or 0), (quarter, segment, name, stage.position)


def test_the_public_question_gives_the_same_deals(figures, works, belonging) -> None:
    """A sample through the function that pages ask."""
    for number, ((quarter, segment), found) in enumerate(figures.items()):
        work = works[quarter]
        at = number % len(found.stages) + 1
        for name in ("won", "in_play"):
            chosen = figure_mask(work, name) & belonging[quarter, segment]
            assert np.array_equal(deals_behind(work, name, segment=segment), np.flatnonzero(chosen))
        lost = deals_behind(work, "lost_at", segment=segment, at=at)
        assert len(lost) == found.stages[at - 1].lost_at
        ids = work.history.deal_id[lost]
        assert (np.diff(ids) > 0).all()
