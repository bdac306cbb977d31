"""What the form of an experiment offers, and what it says to begin with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Company
from metrics.calc.segments import ALL
from metrics.models import DangerPoint, Experiment, ExperimentReason, Finding, Measure
from metrics.selectors.danger_words import possible_owners
from metrics.selectors.experiment_words import SHARES, measure_text
from metrics.selectors.figures import quarters_of, segments_of
from metrics.selectors.filters import segment_name, segment_parts, segment_text
from metrics.selectors.finding_stages import StageBook, stage_book
from pipeline.models import Stage

WEEKS = 13  # of a first proposal, on either side
MOST_LISTED = 60  # findings to choose from


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of the form: (value, text) each, measures of stages in groups of pipelines."""

    stages: StageBook
    pipelines: tuple[tuple[int, str], ...]
    measures: tuple[Any, ...]
    segments: tuple[tuple[str, str], ...]
    owners: tuple[tuple[int, str], ...]
    findings: tuple[tuple[int, str], ...]
    danger_points: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address says about the new experiment, as far as this company has it."""

    finding: Finding | None = None
    danger_point: DangerPoint | None = None
    stage_id: int | None = None
    segment: str = ALL
    measure: str = ""
    reasons: tuple[int, ...] = field(default=())


def target_value(measure: str, stage_id: int | None) -> str:
    """A measure with its stage as the form sends it: win_rate, conversion:12."""
    return f"{measure}:{stage_id}" if measure == "conversion" and stage_id else measure


def choices(*, company: Company, kept: Experiment | None = None) -> Choices:
    """The options, with what a kept experiment holds on to though it is offered no longer."""
    book = stage_book()
    quarters = quarters_of(company=company)
    listed = segments_of(company=company, quarter=quarters[-1]) if quarters else ()
    names = [name for name in listed if len(segment_parts(name)) == 1]
    segments = dict.fromkeys([ALL, *([kept.segment] if kept else []), *names])
    had = _reasons(kept)
    return Choices(
        stages=book,
        pipelines=book.pipelines,
        measures=_measures(book, kept),
        segments=tuple((name, segment_text(name)) for name in segments),
        owners=possible_owners(),
        findings=_findings(book, had[0]),
        danger_points=_danger_points(book, had[1]),
    )


def with_segment(found: Choices, segment: str) -> Choices:
    """The same options with one more segment, which an address named."""
    if segment in dict(found.segments):
        return found
    told = (*found.segments, (segment, segment_text(segment)))
    values = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return Choices(**{**values, "segments": told})


def _measures(book: StageBook, kept: Experiment | None) -> tuple[Any, ...]:
    plain = [(m, measure_text(m)) for m in Measure.values if m != "conversion"]
    groups: list[Any] = [*plain]
    for pipeline_id, name in book.pipelines:
        its = [
            (target_value("conversion", s.id), measure_text("conversion", s.name))
            for s in book.open_stages(pipeline_id)
        ]
        groups.append((name if len(book.pipelines) > 1 else _("By stage"), its))
    held = {kept.stage_id, *(row.get("stage") for row in kept.guardrails)} if kept else set()
    shown = {s.id for pk, _name in book.pipelines for s in book.open_stages(pk)}
    gone = [
        (target_value("conversion", pk), measure_text("conversion", book.place(pk)))
        for pk in sorted(pk for pk in held if pk is not None and pk in book.stages)
        if pk not in shown
    ]
    return (*groups, *([(_("As it was"), gone)] if gone else []))


def _findings(book: StageBook, kept: frozenset[int]) -> tuple[tuple[int, str], ...]:
    newest = Finding.objects.filter(withdrawn_at=None).order_by("-learned_on", "-pk")
    rows = list(newest.values_list("id", "statement", "stage_id")[:MOST_LISTED])
    missing = kept - {pk for pk, _statement, _stage in rows}
    if missing:
        rows = [
            *Finding.objects.filter(pk__in=missing).values_list("id", "statement", "stage_id"),
            *rows,
        ]
    rows.sort(key=lambda row: row[0] not in kept)  # what is ticked stands first
    return tuple((pk, f"{said} ({book.place(stage)})") for pk, said, stage in rows)


def _danger_points(book: StageBook, kept: frozenset[int]) -> tuple[tuple[int, str], ...]:
    rows = DangerPoint.objects.order_by("-opened_at", "-pk").values_list(
        "id", "stage_id", "segment", "state"
    )
    return tuple(
        (pk, book.place(stage) + ("" if segment == ALL else f", {segment_text(segment)}"))
        for pk, stage, segment, state in rows
        if state in ("watching", "working") or pk in kept
    )


def _reasons(kept: Experiment | None) -> tuple[frozenset[int], frozenset[int]]:
    if kept is None:
        return frozenset(), frozenset()
    rows = list(
        ExperimentReason.objects.filter(experiment=kept).values_list(
            "finding_id", "danger_point_id"
        )
    )
    return (
        frozenset(f for f, _p in rows if f is not None),
        frozenset(p for _f, p in rows if p is not None),
    )


def asked_for(
    *, finding: int | None, danger_point: int | None, stage: int | None, segment: str, measure: str
) -> Asked:
    """Look up what an address names; rows of other companies are as unknown as missing ones."""
    found = Finding.objects.filter(pk=finding).first() if finding else None
    point = DangerPoint.objects.filter(pk=danger_point).first() if danger_point else None
    parts = segment_parts(segment)
    name = segment_name(parts) if parts and len(parts) <= 2 else ALL
    if point is not None and name == ALL:
        name = point.segment
    at = stage if stage and Stage.objects.filter(pk=stage, kind="open").exists() else None
    if at is None:
        at = point.stage_id if point else (found.stage_id if found else None)
    return Asked(found, point, at, name, measure if measure in Measure.values else "")


def first_values(
    *, asked: Asked, found: Choices, today: date, user_id: int | None
) -> dict[str, Any]:
    """What the form of a new experiment says: prefilled from what led to it, dates proposed."""
    starts = today + timedelta(days=(7 - today.weekday()) % 7 or 7)
    stage = asked.stage_id if asked.stage_id in found.stages.stages else None
    stage = found.stages.now(stage) if stage is not None else None
    target = asked.measure or ("conversion" if stage else "win_rate")
    if target == "conversion":
        target = target_value(target, stage) if stage else "win_rate"
    days = timedelta(weeks=WEEKS)
    pipeline = found.stages.stages[stage].pipeline_id if stage else None
    return {
        "target": target,
        "pipeline": pipeline or found.stages.first_pipeline(),
        "segment": asked.segment,
        "because": asked.finding.statement[:300] if asked.finding else "",
        "design": Experiment.Design.BEFORE_AFTER,
        "baseline_start": starts - days,
        "baseline_last": starts - timedelta(days=1),
        "starts_on": starts,
        "last_day": starts + days - timedelta(days=1),
        "decision_rule": _(
            "Adopt it if the always-valid interval leaves out no change, in the wanted direction,"
            " and no guardrail is clearly worse. Otherwise extend it once, or drop it."
        ),
        "owner": user_id if user_id in dict(found.owners) else None,
        "findings": [asked.finding.pk] if asked.finding else [],
        "danger_points": [asked.danger_point.pk] if asked.danger_point else [],
    }


def kept_values(experiment: Experiment) -> dict[str, Any]:
    """What the form of an experiment that stands says; as last days, sizes as they are read."""
    findings, points = _reasons(experiment)
    guards = [target_value(row["measure"], row.get("stage")) for row in experiment.guardrails]
    return {
        **{
            name: getattr(experiment, name)
            for name in (
                "title", "if_we", "then", "because", "segment", "design", "baseline_start",
                "starts_on", "follow_up_days", "decision_rule", "version",
            )
        },
        "target": target_value(experiment.measure, experiment.stage_id),
        "pipeline": experiment.pipeline_id,
        "direction": "up" if experiment.rising else "down",
        "smallest": shown_size(experiment.measure, experiment.smallest_effect),
        "baseline_last": _last(experiment.baseline_end),
        "last_day": _last(experiment.ends_on),
        "owner": experiment.owner_id,
        "findings": sorted(findings),
        "danger_points": sorted(points),
        **{f"guardrail_{n}": value for n, value in enumerate(guards, start=1)},
    }  # fmt: skip


def _last(end: date | None) -> date | None:
    return end - timedelta(days=1) if end else None


def shown_size(measure: str, size: float | None) -> float | None:
    """The smallest effect as it is typed: points and per cent times a hundred, days as they are."""
    if size is None:
        return None
    return round(size * 100, 6) if measure != "cycle" else size


def stored_size(measure: str, typed: float | None) -> float | None:
    """The smallest effect in the measure's own unit."""
    if typed is None:
        return None
    return typed / 100 if measure != "cycle" else typed


def unit_text(measure: str) -> str:
    """The unit in which a smallest effect is typed."""
    if measure in SHARES:
        return _("points")
    return _("days") if measure == "cycle" else _("per cent")


def guardrail_values(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The guardrails of a form, without the empty ones, each once."""
    told = [values.get(f"guardrail_{n}") or "" for n in (1, 2, 3)]
    return tuple(dict.fromkeys(value for value in told if value))
