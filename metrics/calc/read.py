"""From the stored figures of the newest snapshots to the figures that every surface shows.

What leans on other quarters is computed here: usual, verdicts, worth of one more, expected loss,
ranking, levers, mix, weighted pipeline. Definitions: docs/metrics.md, "Why velocity moved",
"Funnel and danger points", "Snapshots". A segment without a row in a quarter had no deal in play
then, and counts as zeros.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from metrics.calc import danger
from metrics.calc.history import LOST_LEVELS, Int64
from metrics.calc.levers import Closings, levers, mix_and_rate
from metrics.calc.segments import ALL, parse_segment
from metrics.calc.stored import StoredFigures, StoredStage
from metrics.calc.types import SegmentFigures, SnapshotStatus, StageFigures, Verdict
from metrics.calc.uncertainty import velocity_interval, wilson
from metrics.calc.velocity import (
    Factors,
    VelocityOptions,
    cycle_deals,
    factors,
)

Float = npt.NDArray[np.float64]
_DEFAULTS = VelocityOptions()
_CHANNEL = "channel="


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest version of one segment in one quarter. `as_of` in the company's zone."""

    figures: StoredFigures
    as_of: datetime
    status: SnapshotStatus
    version: int


@dataclass(frozen=True, slots=True)
class QuarterSnapshots:
    """The newest snapshots of one quarter, by segment name: `all`, its channels, those asked for.

    `first` marks the quarter of the company's very first transition.
    """

    label: str
    start: date
    first: bool
    segments: Mapping[str, Snapshot]


def segment_figures(
    quarters: Sequence[QuarterSnapshots],
    *,
    options: VelocityOptions = _DEFAULTS,
    wanted: Iterable[tuple[str, str]] | None = None,
) -> dict[tuple[str, str], SegmentFigures]:
    """The figures of every wanted (quarter label, segment), all of the given ones by default.

    `quarters` are the wanted ones and, where they exist, the four before each, in any order; each
    with `all`, and with its `channel=` segments where `all` is wanted. A wanted pair without a
    snapshot is left out of the answer: there is nothing to say about it.
    """
    ordered = sorted(quarters, key=lambda quarter: quarter.start)
    chosen = None if wanted is None else set(wanted)
    found: dict[tuple[str, str], SegmentFigures] = {}
    for place, quarter in enumerate(ordered):
        names = [
            name for name in quarter.segments if chosen is None or (quarter.label, name) in chosen
        ]
        if names:
            window = _window(ordered, place)
            for name, figures in _of_quarter(window, names, options):
                found[quarter.label, name] = figures
    return found


def cohort_conversions(figures: SegmentFigures) -> tuple[float | None, ...]:
    """reached(s + 1) / reached(s) of the quarter's cohort so far, with cohort_won at the end."""
    reached = [stage.cohort_reached for stage in figures.stages] + [figures.cohort_won]
    return tuple(later / earlier if earlier else None for earlier, later in pairwise(reached))


def cohort_pending(figures: SegmentFigures) -> int:
    """How many deals of the cohort are still under way: above 0, the cohort is unfinished."""
    return sum(stage.cohort_pending for stage in figures.stages)


@dataclass(frozen=True, slots=True)
class _Window:
    """A quarter, the one right before it, and which others count as recent and as usual."""

    quarter: QuarterSnapshots
    before: QuarterSnapshots | None
    recent: tuple[QuarterSnapshots, ...]
    usual: tuple[QuarterSnapshots, ...]


def _window(ordered: Sequence[QuarterSnapshots], place: int) -> _Window:
    quarter = ordered[place]
    earlier = [
        other
        for other in ordered[:place]
        if _months(quarter.start) - _months(other.start) <= 12 and _comparable(quarter, other)
    ]
    before = None
    if earlier and _months(quarter.start) - _months(earlier[-1].start) == 3:
        before = earlier[-1]
    usual = tuple(other for other in earlier if not other.first)
    return _Window(quarter, before, (quarter, *earlier), usual)


def _months(day: date) -> int:
    return day.year * 12 + day.month


def _comparable(one: QuarterSnapshots, other: QuarterSnapshots) -> bool:
    """Quarters of other definitions, or of another number of stages, are not compared."""
    first, second = _any_figures(one), _any_figures(other)
    return (
        first is None
        or second is None
        or (first.definitions == second.definitions and len(first.stages) == len(second.stages))
    )


def _any_figures(quarter: QuarterSnapshots) -> StoredFigures | None:
    snapshot = quarter.segments.get(ALL) or next(iter(quarter.segments.values()), None)
    return snapshot.figures if snapshot else None


@dataclass(frozen=True, slots=True)
class _Danger:
    """What the stages of many segments are judged by. Arrays are [segments, K]."""

    usual_advanced: Int64
    usual_lost_at: Int64
    chance_worse: Float
    change_p: Float
    change_p_adjusted: Float
    worth: Float
    worth_is_thin: npt.NDArray[np.bool_]  # [segments]
    expected_loss: Float


def _of_quarter(
    window: _Window, names: Sequence[str], options: VelocityOptions
) -> Iterable[tuple[str, SegmentFigures]]:
    judged = _danger(window, names)
    chance_of_all = _chances_of_all(window)
    previous = window.before
    for row, name in enumerate(names):
        snapshot = window.quarter.segments[name]
        stored = snapshot.figures
        found = factors(stored, options)
        earlier = _earlier(previous, name)
        moved = mix = None
        if previous is not None and not previous.first and earlier is not None:
            moved = levers(factors(earlier, options), found)
            if name == ALL:
                mix = mix_and_rate(_channels(previous), _channels(window.quarter))
        weighted, without = _weighted(stored, chance_of_all)
        stages = tuple(
            _stage(stage, position, judged, row, has_usual=bool(window.usual))
            for position, stage in enumerate(stored.stages, start=1)
        )
        yield (
            name,
            SegmentFigures(
                quarter=window.quarter.label,
                segment=name,
                status=snapshot.status,
                as_of=snapshot.as_of,
                version=snapshot.version,
                first=window.quarter.first,
                opened=stored.opened,
                won=stored.won,
                lost=stored.lost,
                closed=stored.closed,
                open_at_start=stored.open_at_start,
                open_at_end=stored.open_at_end,
                in_play=stored.in_play,
                average_open=stored.average_open,
                won_with_amount=stored.won_with_amount,
                revenue_won=stored.revenue_won,
                revenue_days=stored.days,
                avg_deal_size=found.deal_size,
                win_rate=found.win_rate,
                win_rate_interval=wilson(stored.won, stored.closed),
                win_rate_value=_win_rate_value(stored),
                cycle_mean=found.cycle,
                cycle_median=stored.cycle_won_median
                if options.cycle == "won"
                else stored.cycle_closed_median,
                cycle_p90=stored.cycle_won_p90
                if options.cycle == "won"
                else stored.cycle_closed_p90,
                amount_open_at_end=stored.amount_open_at_end,
                open_at_end_without_amount=stored.open_at_end - stored.open_with_amount,
                velocity=found.velocity,
                velocity_empty=found.empty,
                velocity_interval=_interval(stored, found, options),
                number_of_deals=found.number,
                cohort_won=stored.cohort_won,
                stages=stages,
                danger_order=danger.danger_order(
                    [stage.expected_loss for stage in stages], [stage.lost_at for stage in stages]
                ),
                path_unknown=stored.path_unknown,
                rate_missing=stored.rate_missing,
                came_back=_came_back(previous, earlier, stored),
                levers=moved,
                win_rate_mix=mix[0] if mix else None,
                win_rate_rate=mix[1] if mix else None,
                weighted_pipeline=weighted,
                weighted_pipeline_without=without,
                number_of=options.number,
                cycle_of=options.cycle,
                cycle_deals=cycle_deals(stored, options.cycle),
                lost_with_amount=stored.lost_with_amount,
                amount_lost=stored.amount_lost,
            ),
        )


def _earlier(previous: QuarterSnapshots | None, name: str) -> StoredFigures | None:
    snapshot = previous.segments.get(name) if previous else None
    return snapshot.figures if snapshot else None


def _came_back(
    previous: QuarterSnapshots | None, earlier: StoredFigures | None, now: StoredFigures
) -> int | None:
    if previous is None:
        return None
    return now.open_at_start - (earlier.open_at_end if earlier else 0)


def _win_rate_value(stored: StoredFigures) -> float | None:
    if stored.revenue_won is None or stored.amount_lost is None:
        return None
    total = stored.revenue_won + stored.amount_lost
    return stored.revenue_won / total if total else None


def _interval(
    stored: StoredFigures, found: Factors, options: VelocityOptions
) -> tuple[float, float] | None:
    if options.cycle != "won":
        return None  # the moments are those of the deals won
    return velocity_interval(
        found.velocity,
        won=stored.won,
        lost=stored.lost,
        won_with_amount=stored.won_with_amount,
        deal_size=found.deal_size,
        cycle=found.cycle,
        amount_variance=stored.amount_variance,
        cycle_variance=stored.cycle_variance,
        covariance=stored.amount_cycle_covariance,
    )


def _channels(quarter: QuarterSnapshots) -> dict[str, Closings]:
    return {
        name: Closings(snapshot.figures.won, snapshot.figures.closed)
        for name, snapshot in quarter.segments.items()
        if name.startswith(_CHANNEL) and len(parse_segment(name)) == 1
    }


def _counts(
    quarters: Iterable[QuarterSnapshots], names: Sequence[str], k: int
) -> tuple[Int64, Int64]:
    """[segments, K] advanced and lost_at, added up over these quarters."""
    advanced = np.zeros((len(names), k), np.int64)
    lost_at = np.zeros((len(names), k), np.int64)
    for quarter in quarters:
        for row, name in enumerate(names):
            snapshot = quarter.segments.get(name)
            if snapshot is not None:
                stages = snapshot.figures.stages
                advanced[row] += np.array([stage.advanced for stage in stages], np.int64)
                lost_at[row] += np.array([stage.lost_at for stage in stages], np.int64)
    return advanced, lost_at


def _danger(window: _Window, names: Sequence[str]) -> _Danger:
    k = len(window.quarter.segments[names[0]].figures.stages)
    advanced, lost_at = _counts([window.quarter], names, k)
    usual_advanced, usual_lost_at = _counts(window.usual, names, k)
    recent_advanced, recent_lost_at = _counts(window.recent, names, k)

    deal_size = np.full(len(names), np.nan)
    thin = np.ones(len(names), np.bool_)
    for row, name in enumerate(names):
        stored = [
            snapshot.figures
            for quarter in window.recent
            if (snapshot := quarter.segments.get(name)) is not None
        ]
        with_amount = sum(figures.won_with_amount for figures in stored)
        if with_amount:
            deal_size[row] = sum(figures.revenue_won or 0.0 for figures in stored) / with_amount
        thin[row] = sum(figures.won for figures in stored) < danger.FEWEST_WON

    chance = danger.chances(danger.conversion(recent_advanced, recent_lost_at))
    worth = danger.worth_of_one_more(deal_size, chance)
    p = danger.fisher_two_sided(advanced, lost_at, usual_advanced, usual_lost_at)
    return _Danger(
        usual_advanced=usual_advanced,
        usual_lost_at=usual_lost_at,
        chance_worse=danger.chance_worse(advanced, lost_at, usual_advanced, usual_lost_at),
        change_p=p,
        change_p_adjusted=danger.benjamini_hochberg(p),
        worth=worth,
        worth_is_thin=thin,
        expected_loss=lost_at * worth,
    )


def _stage(
    stage: StoredStage, position: int, judged: _Danger, row: int, *, has_usual: bool
) -> StageFigures:
    s = position - 1
    chance_worse = _number(judged.chance_worse[row, s])
    exits = stage.advanced + stage.lost_at
    return StageFigures(
        position=position,
        name=stage.name,
        cohort_reached=stage.cohort_reached,
        cohort_lost=stage.cohort_lost,
        cohort_pending=stage.cohort_pending,
        advanced=stage.advanced,
        lost_at=stage.lost_at,
        exit_conversion=stage.advanced / exits if exits else None,
        exit_interval=wilson(stage.advanced, exits),
        value_lost=stage.value_lost,
        value_lost_without_amount=stage.lost_at - stage.value_lost_with_amount,
        value_lost_by_reason={
            level: (
                stage.value_lost_by_reason[level].deals,
                stage.value_lost_by_reason[level].amount,
            )
            for level in LOST_LEVELS
            if level in stage.value_lost_by_reason
        },
        days_median=stage.days_median,
        days_p90=stage.days_p90,
        days_median_km=stage.days_median_km,
        usual_advanced=int(judged.usual_advanced[row, s]) if has_usual else None,
        usual_lost_at=int(judged.usual_lost_at[row, s]) if has_usual else None,
        chance_worse=chance_worse,
        verdict=_verdict(chance_worse),
        change_p=_number(judged.change_p[row, s]),
        change_p_adjusted=_number(judged.change_p_adjusted[row, s]),
        worth_of_one_more=_number(judged.worth[row, s]),
        worth_is_thin=bool(judged.worth_is_thin[row]),
        expected_loss=_number(judged.expected_loss[row, s]),
        days_count=stage.days_count,
    )


def _verdict(chance_worse: float | None) -> Verdict:
    if chance_worse is None:
        return "too_few"
    if chance_worse >= danger.DANGER:
        return "danger"
    return "watch" if chance_worse >= danger.WATCH else "healthy"


def _chances_of_all(window: _Window) -> Float | None:
    """[K + 1] the chances of `all`, None where the quarter has no row for it."""
    snapshot = window.quarter.segments.get(ALL)
    if snapshot is None:
        return None
    advanced, lost_at = _counts(window.recent, [ALL], len(snapshot.figures.stages))
    chance: Float = danger.chances(danger.conversion(advanced, lost_at))[0]
    return chance


def _weighted(stored: StoredFigures, chance: Float | None) -> tuple[float | None, int]:
    """Weighted pipeline, and how many open deals lack an amount or a chance.

    Empty where there are open deals and none of them has both; over no open deals it is 0.
    """
    total, counted = 0.0, 0
    for s, stage in enumerate(stored.stages):
        if chance is not None and stage.open_with_amount and not np.isnan(chance[s]):
            total += (stage.open_amount or 0.0) * float(chance[s])
            counted += stage.open_with_amount
    without = stored.open_at_end - counted
    return (None if stored.open_at_end and not counted else total), without


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
