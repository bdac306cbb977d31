"""Figures of an experiment made by hand, for the tests of pages: told, not computed."""

from dataclasses import replace
from datetime import date, timedelta

from metrics.calc.experiments.mix import Share, Shift
from metrics.calc.experiments.result import (
    METHOD,
    ExperimentFigures,
    Reading,
    Seen,
    Settle,
    SideFigures,
    TimePoint,
    Worth,
)

INFINITE = float("inf")


def side_figures(k: int, n: int, *, young: int = 0, **changes) -> SideFigures:
    """A conversion's side: k of n, with an interval of ten points around it."""
    value = k / n if n else None
    made = SideFigures(
        value=value,
        interval=None if value is None else (max(0.0, value - 0.1), min(1.0, value + 0.1)),
        n=n,
        k=k,
        belonging=n + young,
        reached=n + young,
        mature=n,
        young=young,
        path_unknown=0,
        without_amount=0,
        overlapping=0,
        days=91,
        units=1,
        reason=None if n else "no_mature",
    )
    return replace(made, **changes)


def reading(
    baseline: SideFigures | None = None, test: SideFigures | None = None, **changes
) -> Reading:
    """Conversion out of stage 2, 78 of 200 before and 41 of 84 after: likely better."""
    made = Reading(
        measure="passed_within",
        stage=2,
        direction="up",
        baseline=baseline or side_figures(78, 200),
        test=test or side_figures(41, 84, young=17),
        reason=None,
        effect=0.098,
        interval=(-0.027, 0.221),
        half=(0.054, 0.142),
        always_valid=(-0.092, 0.284),
        method="tilted_binomial",
        p_value=None,
        chance_better=0.937,
        chance_target=0.728,
        verdict="no_evidence_yet",
        words="likely_better",
    )
    return replace(made, **changes)


def sample_figures(*, start: date = date(2026, 8, 3), **changes) -> ExperimentFigures:
    """A before/after in its twelfth week that looks well and proves nothing yet."""
    points = []
    for number in range(-13, 12):
        since = start + timedelta(weeks=max(number - 3, 0 if number >= 0 else -13))
        value = (0.39 if number < 0 else 0.47) + 0.01 * (number % 3)
        points.append(
            TimePoint(
                side="test" if number >= 0 else "baseline",
                since=since,
                upto=start + timedelta(weeks=number, days=6),
                value=value,
                interval=(value - 0.12, value + 0.12),
                n=28,
                k=round(28 * value),
            )
        )
    made = ExperimentFigures(
        method=METHOD,
        last_day=start + timedelta(weeks=12, days=-1),
        design="before_after",
        follow_up=21,
        follow_up_usual=21,
        primary=reading(),
        target=0.45,
        settle=Settle("more", 0, 120),
        guardrails=(
            reading(
                side_figures(40, 200),
                side_figures(15, 84),
                measure="won_within",
                stage=None,
                effect=-0.021,
                interval=(-0.11, 0.09),
                half=(-0.055, 0.013),
                always_valid=(-0.18, 0.16),
                chance_better=0.34,
                chance_target=None,
                words="no_visible_change",
            ),
        ),
        points=tuple(points),
        path=tuple(
            Seen(start + timedelta(weeks=week, days=-1), (-0.9 / week, 0.1 + 0.9 / week))
            for week in range(4, 13)
        ),
        mix=(
            Shift(
                "channel",
                (Share("inbound", 110, 60, 0.55, 0.59), Share("outbound", 90, 41, 0.45, 0.41)),
                0.04,
                0.49,
                False,
            ),
        ),
        spread=(None, None),
        arms=None,
        worth=Worth("2026-Q2", 212.4, -180.0, 640.0),
        worth_reason=None,
    )
    return replace(made, **changes)


def without_effect(reason: str = "no_mature") -> ExperimentFigures:
    """The same experiment when there is nothing to compare yet."""
    empty = side_figures(0, 0, young=12, value=None, interval=None, reason=reason)
    return sample_figures(
        primary=reading(
            test=empty,
            reason=reason,
            effect=None,
            interval=None,
            half=None,
            always_valid=None,
            method=None,
            chance_better=None,
            chance_target=None,
            words="too_early",
        ),
        settle=Settle("not_computable"),
        path=(),
        worth=None,
        worth_reason="no_effect",
    )
