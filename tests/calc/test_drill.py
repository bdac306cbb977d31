"""The deals behind a figure, on made-up companies where everything goes wrong that can."""

from datetime import date

import numpy as np
import pytest

from metrics.calc import calendar
from metrics.calc.drill import FIGURES, NoSuchFigureError, amount_of, deals_behind
from metrics.calc.figures import quarter_table
from metrics.calc.history import LOST_LEVELS
from metrics.calc.quarter_work import QuarterWork, prepare
from metrics.calc.stored_rows import stored_figures
from tests.calc.companies import (
    LOST,
    WON,
    Company,
    Deal,
    as_history,
    as_rates,
    instant,
    path,
    quarter,
    random_company,
)

STORED = {
    name: name
    for name in (
        "opened",
        "won",
        "lost",
        "closed",
        "in_play",
        "open_at_start",
        "open_at_end",
        "path_unknown",
        "rate_missing",
        "won_with_amount",
        "lost_with_amount",
        "cohort_won",
    )
}
STAGED = {
    "cohort_reached": "cohort_reached",
    "cohort_lost": "cohort_lost",
    "cohort_pending": "cohort_pending",
    "advanced": "advanced",
    "lost_at": "lost_at",
    "value_lost": "value_lost_with_amount",
    "days": "days_count",
    "open_deals": "open_deals",
}


@pytest.mark.parametrize("seed", range(25))
def test_the_deals_are_as_many_as_every_segment_says(seed: int) -> None:
    company = random_company(seed)
    history, rates = as_history(company), as_rates(company)
    for start in (date(2025, 4, 1), date(2025, 10, 1)):
        of = quarter(start)
        for at in ("2025-06-20", "2026-02-01"):
            moment = calendar.moment(instant(f"{at}T12:00"), company.tz)
            work = prepare(history, None, of, moment, rates)
            table = quarter_table(history, of, moment, rates)
            for segment, stored in stored_figures(table):
                check(work, segment, stored)


def check(work: QuarterWork, segment: str, stored: object) -> None:
    for figure, name in STORED.items():
        behind = deals_behind(work, figure, segment=segment)
        assert len(behind) == getattr(stored, name), (segment, figure)
    for figure, deals, amount in (
        ("won", "won", "revenue_won"),
        ("lost", "lost", "amount_lost"),
        ("open_at_end", "open_at_end", "amount_open_at_end"),
    ):
        behind = deals_behind(work, figure, segment=segment)
        total, without = amount_of(work, behind)
        wanted = getattr(stored, amount)
        assert total == (None if wanted is None else pytest.approx(wanted, rel=1e-9, abs=1e-9))
        assert without <= getattr(stored, deals)
    for position, stage in enumerate(stored.stages, start=1):
        for figure, name in STAGED.items():
            behind = deals_behind(work, figure, segment=segment, at=position)
            assert len(behind) == getattr(stage, name), (segment, figure, position)
        for level in LOST_LEVELS:
            behind = deals_behind(work, "lost_at", segment=segment, at=position, level=level)
            reason = stage.value_lost_by_reason.get(level)
            assert len(behind) == (reason.deals if reason else 0)
        exits = deals_behind(work, "exits", segment=segment, at=position)
        assert len(exits) == stage.advanced + stage.lost_at
        days = deals_behind(work, "days", segment=segment, at=position)
        assert np.isin(days, exits).all()


def small(*deals: Deal) -> QuarterWork:
    company = Company(stages=3, tz=calendar.UTC, deals=deals)  # type: ignore[arg-type]
    moment = calendar.moment(instant("2026-05-01T00:00"), calendar.UTC)
    return prepare(as_history(company), None, quarter(date(2026, 1, 1)), moment, as_rates(company))


def test_a_stage_jumped_over_is_left_without_days_in_it() -> None:
    work = small(
        Deal(1, path(1, ("2026-01-02", 1), ("2026-01-09", 3), ("2026-02-01", LOST))),
        Deal(2, path(2, ("2026-01-05", 1), ("2026-01-06", 2), ("2026-04-20", WON))),
    )
    assert work.history.deal_id[deals_behind(work, "exits", at=2)].tolist() == [1]
    assert deals_behind(work, "days", at=2).tolist() == []
    assert work.history.deal_id[deals_behind(work, "entered", at=2)].tolist() == [2]
    assert work.history.deal_id[deals_behind(work, "lost_at", at=3)].tolist() == [1]
    # Won after the quarter, so open at its end, and won by now in the cohort.
    assert work.history.deal_id[deals_behind(work, "open_at_end")].tolist() == [2]
    assert work.history.deal_id[deals_behind(work, "cohort_won")].tolist() == [2]


def test_a_sum_over_deals_without_amounts_is_empty_and_over_none_is_nothing() -> None:
    work = small(Deal(1, path(1, ("2026-01-02", 1), ("2026-02-01", LOST))))
    assert amount_of(work, deals_behind(work, "lost")) == (None, 1)
    assert amount_of(work, deals_behind(work, "won")) == (0.0, 0)


@pytest.mark.parametrize(
    ("figure", "asked"),
    [
        ("magic", {}),
        ("lost_at", {}),
        ("lost_at", {"at": 0}),
        ("lost_at", {"at": 4}),
        ("won", {"at": 1}),
        ("advanced", {"at": 1, "level": "other"}),
        ("lost_at", {"at": 1, "level": "magic"}),
    ],
)
def test_what_is_no_figure_is_refused(figure: str, asked: dict[str, object]) -> None:
    work = small(Deal(1, path(1, ("2026-01-02", 1))))
    with pytest.raises(NoSuchFigureError):
        deals_behind(work, figure, **asked)  # type: ignore[arg-type]


def test_a_segment_nobody_is_in_has_no_deals_and_no_segment_is_an_error() -> None:
    work = small(Deal(1, path(1, ("2026-01-02", 1)), attributes={"rep": "Ada"}))
    assert deals_behind(work, "opened", segment="rep=Ada").tolist() == [0]
    assert deals_behind(work, "opened", segment="rep=Bo").tolist() == []
    assert deals_behind(work, "opened", segment="team=unknown").tolist() == [0]
    with pytest.raises(ValueError, match="no segment"):
        deals_behind(work, "opened", segment="colour=red")


def test_every_figure_has_a_name_of_its_own() -> None:
    assert all(name == figure.name for name, figure in FIGURES.items())
    assert {figure.usual for figure in FIGURES.values()} == {"", "advanced", "lost_at", "exits"}
