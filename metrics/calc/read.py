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

from metrics.calc.danger import danger_order
from metrics.calc.history import LOST_LEVELS
from metrics.calc.judge import Case, StageJudgement, judge, recent_chances
from metrics.calc.levers import Closings, levers, mix_and_rate
from metrics.calc.segments import ALL, parse_segment
from metrics.calc.stored import StoredFigures, StoredStage
from metrics.calc.types import SegmentFigures, SnapshotStatus, StageFigures
from metrics.calc.uncertainty import velocity_interval, wilson
from metrics.calc.velocity import (
    Factors,
    VelocityOptions,
    cycle_deals,
    factors,
)

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
    rows: list[tuple[_Window, str]] = []
    for place, quarter in enumerate(ordered):
        names = [
            name for name in quarter.segments if chosen is None or (quarter.label, name) in chosen
        ]
        if names:
            window = _window(ordered, place)
            rows += [(window, name) for name in names]
    found: dict[tuple[str, str], SegmentFigures] = {}
    # Judged together: one call for all is what makes a page of twenty quarters cheap.
    for same in _by_stages(rows):
        judged = judge([_case(window, name) for window, name in same])
        for (window, name), stages in zip(same, judged, strict=True):
            found[window.quarter.label, name] = _figures(window, name, stages, options)
    return {(w.quarter.label, name): found[w.quarter.label, name] for w, name in rows}


def usual_quarters(
    quarters: Sequence[QuarterSnapshots], label: str
) -> tuple[QuarterSnapshots, ...]:
    """The quarters that are "usual" for the one of this label, oldest first; KeyError without it.

    They need only `all` (or any segment): definitions and number of stages decide.
    """
    ordered = sorted(quarters, key=lambda quarter: quarter.start)
    places = {quarter.label: place for place, quarter in enumerate(ordered)}
    return _window(ordered, places[label]).usual


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
    chance: tuple[float, ...]  # by stage, of `all`, NaN where empty; () without a row for it


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
    recent = (quarter, *earlier)
    of_all = _stored(recent, ALL) if ALL in quarter.segments else []
    chance = tuple(recent_chances([of_all])[0].tolist()) if of_all else ()
    return _Window(quarter, before, recent, usual, chance)


def _stored(quarters: Iterable[QuarterSnapshots], name: str) -> list[StoredFigures]:
    """The segment's figures of those quarters in which it had any."""
    return [
        snapshot.figures
        for quarter in quarters
        if (snapshot := quarter.segments.get(name)) is not None
    ]


def _case(window: _Window, name: str) -> Case:
    own = window.quarter.segments[name].figures
    return Case(own, _stored(window.recent, name), _stored(window.usual, name))


def _by_stages(rows: Sequence[tuple[_Window, str]]) -> list[list[tuple[_Window, str]]]:
    """The rows in groups of the same number of stages: a pipeline may have changed."""
    groups: dict[int, list[tuple[_Window, str]]] = {}
    for window, name in rows:
        stages = window.quarter.segments[name].figures.stages
        groups.setdefault(len(stages), []).append((window, name))
    return list(groups.values())


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


def _figures(
    window: _Window, name: str, judged: Sequence[StageJudgement], options: VelocityOptions
) -> SegmentFigures:
    previous, snapshot = window.before, window.quarter.segments[name]
    stored = snapshot.figures
    found = factors(stored, options)
    earlier = _earlier(previous, name)
    moved = mix = None
    if previous is not None and not previous.first and earlier is not None:
        moved = levers(factors(earlier, options), found)
        if name == ALL:
            mix = mix_and_rate(_channels(previous), _channels(window.quarter))
    weighted, without = _weighted(stored, window.chance)
    stages = tuple(
        _stage(stage, position, judgement, has_usual=bool(window.usual))
        for position, (stage, judgement) in enumerate(
            zip(stored.stages, judged, strict=True), start=1
        )
    )
    return SegmentFigures(
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
        cycle_p90=stored.cycle_won_p90 if options.cycle == "won" else stored.cycle_closed_p90,
        amount_open_at_end=stored.amount_open_at_end,
        open_at_end_without_amount=stored.open_at_end - stored.open_with_amount,
        velocity=found.velocity,
        velocity_empty=found.empty,
        velocity_interval=_interval(stored, found, options),
        number_of_deals=found.number,
        cohort_won=stored.cohort_won,
        stages=stages,
        danger_order=danger_order(
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


def _stage(
    stage: StoredStage, position: int, judged: StageJudgement, *, has_usual: bool
) -> StageFigures:
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
        usual_advanced=judged.usual_advanced if has_usual else None,
        usual_lost_at=judged.usual_lost_at if has_usual else None,
        chance_worse=judged.chance_worse,
        verdict=judged.verdict,
        change_p=judged.change_p,
        change_p_adjusted=judged.change_p_adjusted,
        worth_of_one_more=judged.worth_of_one_more,
        worth_is_thin=judged.worth_is_thin,
        expected_loss=judged.expected_loss,
        days_count=stage.days_count,
    )


def _weighted(stored: StoredFigures, chance: Sequence[float]) -> tuple[float | None, int]:
    """Weighted pipeline, and how many open deals lack an amount or a chance.

    Empty where there are open deals and none of them has both; over no open deals it is 0.
    """
    total, counted = 0.0, 0
    for stage, expected in zip(stored.stages, chance, strict=False):
        if stage.open_with_amount and expected == expected:
            total += (stage.open_amount or 0.0) * expected
            counted += stage.open_with_amount
    without = stored.open_at_end - counted
    return (None if stored.open_at_end and not counted else total), without
