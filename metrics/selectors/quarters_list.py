"""The page of all quarters: a row each, newest first, and the series of its small multiples.

Source: the newest snapshots, as `metrics.selectors.figures` gives them. What leadership asks of a
quarter stands beside its figures: whether it is final, imported, restated, signed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.calendar import Quarter
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.selectors import wording
from metrics.selectors.filters import segment_text
from metrics.selectors.quarters_definitions import stage_places
from metrics.selectors.quarters_versions import Signature, Version

Series = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Badge:
    """What a quarter's row says about its standing. `leads_to`: "restatements" or "quarter"."""

    text: str
    tone: str
    icon: str
    leads_to: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class QuarterLine:
    """One segment of one quarter, ready to print; cells in the order of the columns."""

    segment: str
    cells: tuple[str, ...]
    note: str  # why there is no velocity, or that nothing was in play


@dataclass(frozen=True, slots=True)
class QuarterRow:
    """One quarter with its badges; a line per segment that was asked for."""

    label: str
    text: str
    badges: tuple[Badge, ...]
    lines: tuple[QuarterLine, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table; `anchor` is its definition."""

    name: str
    anchor: str


@dataclass(frozen=True, slots=True)
class StageColumn:
    """A stage of the newest quarter. `places`: its position in a quarter's own list, by label;
    None where that quarter had no such stage."""

    position: int
    name: str
    places: Mapping[str, int | None]

    def of(self, figures: SegmentFigures) -> StageFigures | None:
        """The stage's figures in another quarter, if it was there."""
        place = self.places.get(figures.quarter)
        return next((s for s in figures.stages if s.position == place), None)


@dataclass(frozen=True, slots=True)
class Multiple:
    """One small multiple: a figure over all quarters, oldest first, of one or two segments."""

    name: str
    title: str
    anchor: str
    values: Series
    beside: Series
    texts: tuple[str, ...]
    beside_texts: tuple[str, ...]
    write: Callable[[float], str]  # a value on the axis
    newest: str


@dataclass(frozen=True, slots=True)
class QuarterList:
    """Everything that the page prints."""

    columns: tuple[Column, ...]
    rows: tuple[QuarterRow, ...]
    multiples: tuple[Multiple, ...]
    labels: tuple[str, ...]  # on the axes, oldest first
    texts: tuple[str, ...]
    running: tuple[bool, ...]
    segments: tuple[str, ...]  # in words
    spend_note: str


def quarter_list(
    *,
    quarters: Sequence[Quarter],
    figures: Mapping[str, Sequence[SegmentFigures]],
    segments: Sequence[str],
    versions: Mapping[date, Sequence[Version]],
    signed: Mapping[date, Signature],
    definitions: Mapping[date, Mapping[str, Any]],
    style: Style,
    today: date,
) -> QuarterList | None:
    """The page over `quarters` (oldest first) for one segment, or two side by side.

    None where there is no quarter at all.
    """
    if not quarters:
        return None
    found = {name: {f.quarter: f for f in figures.get(name, ())} for name in segments}
    stages = stage_columns(found, quarters, definitions)
    rows = [
        QuarterRow(
            label=quarter.label,
            text=formats.quarter(quarter.label),
            badges=badges(versions.get(quarter.start, ()), signed.get(quarter.start), style, today),
            lines=tuple(
                _line(name, found[name].get(quarter.label), stages, style) for name in segments
            ),
        )
        for quarter in reversed(quarters)
    ]
    return QuarterList(
        columns=_columns(stages),
        rows=tuple(rows),
        multiples=_multiples(found, quarters, segments, stages, style),
        labels=tuple(formats.quarter_short(q.label) for q in quarters),
        texts=tuple(formats.quarter(q.label) for q in quarters),
        running=tuple(_runs(versions.get(q.start, ())) for q in quarters),
        segments=tuple(segment_text(name) for name in segments),
        spend_note=_(
            "What was spent is not recorded yet, so there is no cost of acquisition here: deals"
            " won and revenue are the columns that it needs."
        ),
    )


def badges(
    versions: Sequence[Version], signature: Signature | None, style: Style, today: date
) -> tuple[Badge, ...]:
    """Status, imported, restated, signed: in this order, what applies."""
    if not versions:
        return ()
    newest = versions[-1]
    words = {
        "final": Badge(_("Final"), "", "lock"),
        "settling": Badge(_("Settling"), "watch", "hourglass"),
        "running": Badge(_("Running"), "accent", "activity"),
    }
    out = [words[newest.status]]
    if any(version.imported for version in versions):
        out.append(
            Badge(
                _("Imported"),
                "",
                "upload",
                title=_("Closed when its history was imported, not while it ran."),
            )
        )
    if newest.restated:
        out.append(_restated(newest, style, today))
    if signature is not None:
        out.append(_signed(signature, style))
    return tuple(out)


def _restated(newest: Version, style: Style, today: date) -> Badge:
    day = formats.day(newest.at, style, today=today)
    if newest.fields:
        text = ngettext(
            "Restated {day}: {n} figure", "Restated {day}: {n} figures", newest.fields
        ).format(day=day, n=formats.number(newest.fields, style))
    else:
        # The last restatement left this selection as it was; an earlier one may not have.
        text = _("Restated {day}: not these deals").format(day=day)
    return Badge(text, "watch", "history", "restatements")


def _signed(signature: Signature, style: Style) -> Badge:
    if signature.stale:
        text = _("Signed by {name}, restated since").format(name=signature.by)
        return Badge(text, "watch", "circle-alert", "quarter")
    if signature.countersigned_by:
        text = _("Signed by {name} and {second}").format(
            name=signature.by, second=signature.countersigned_by
        )
        return Badge(text, "healthy", "shield-check", "quarter")
    text = _("Signed by {name}").format(name=signature.by)
    return Badge(text, "healthy", "check", "quarter", title=formats.day(signature.at, style))


def _runs(versions: Sequence[Version]) -> bool:
    return bool(versions) and versions[-1].status != "final"


def stage_columns(
    found: Mapping[str, Mapping[str, SegmentFigures]],
    quarters: Sequence[Quarter],
    definitions: Mapping[date, Mapping[str, Any]],
) -> tuple[StageColumn, ...]:
    """The stages of the newest quarter that has figures, and where they stood in the others."""
    for quarter in reversed(quarters):
        for by_label in found.values():
            if quarter.label in by_label:
                newest = definitions.get(quarter.start, {})
                places = {
                    q.label: stage_places(newest, definitions.get(q.start, {})) for q in quarters
                }
                return tuple(
                    StageColumn(
                        stage.position,
                        stage.name,
                        {label: there.get(stage.position) for label, there in places.items()},
                    )
                    for stage in by_label[quarter.label].stages
                )
    return ()


def _columns(stages: Sequence[StageColumn]) -> tuple[Column, ...]:
    return (
        Column(_("Velocity a day"), "velocity"),
        Column(_("Number of deals"), "number-of-deals"),
        Column(_("Win rate"), "win-rate"),
        Column(_("Average deal"), "average-deal-size"),
        Column(_("Cycle"), "cycle"),
        *(Column(stage.name, "exit-conversion") for stage in stages),
        Column(_("Revenue won"), "revenue-won"),
        Column(_("Won"), "counts"),
        Column(_("Lost"), "counts"),
        Column(_("Closed"), "counts"),
    )


def _line(
    segment: str, f: SegmentFigures | None, stages: Sequence[StageColumn], style: Style
) -> QuarterLine:
    if f is None:
        return QuarterLine(segment_text(segment), (), _("No deal was in play."))
    return QuarterLine(segment_text(segment), _cells(f, stages, style), wording.empty_reason(f))


def _cells(f: SegmentFigures, stages: Sequence[StageColumn], style: Style) -> tuple[str, ...]:
    none = _("none")
    return (
        formats.money(f.velocity, style) or none,
        wording.number_value(f.number_of, f, style) or none,
        formats.rate(f.won, f.closed, style) if f.closed else none,
        formats.money(f.avg_deal_size, style) or none,
        formats.days(f.cycle_mean, style) or none,
        *(_conversion(s.of(f), style) for s in stages),
        formats.money(f.revenue_won, style) or none,
        formats.number(f.won, style) or "",
        formats.number(f.lost, style) or "",
        formats.number(f.closed, style) or "",
    )


def _conversion(stage: StageFigures | None, style: Style) -> str:
    """The share that went on, of the deals that left the stage in the quarter."""
    if stage is None:
        return _("no such stage")
    exits = stage.advanced + stage.lost_at
    return formats.rate(stage.advanced, exits, style) if exits else _("none")


def _multiples(
    found: Mapping[str, Mapping[str, SegmentFigures]],
    quarters: Sequence[Quarter],
    segments: Sequence[str],
    stages: Sequence[StageColumn],
    style: Style,
) -> tuple[Multiple, ...]:
    def money(value: float) -> str:
        return formats.money_short(value, style)

    def plain(value: float) -> str:
        return formats.average(value, style) or ""

    def share(value: float) -> str:
        return formats.percent(value, style) or ""

    def a_day(value: float | None, _f: SegmentFigures) -> str | None:
        return formats.money_per_day(value, style)

    def number(_value: float | None, f: SegmentFigures) -> str | None:
        return wording.number_value(f.number_of, f, style)

    def rate(_value: float | None, f: SegmentFigures) -> str | None:
        return formats.rate_of(f.won, f.closed, style) if f.closed else None

    def whole(value: float | None, _f: SegmentFigures) -> str | None:
        return formats.money(value, style)

    def days(value: float | None, _f: SegmentFigures) -> str | None:
        return formats.days(value, style)

    plans: list[tuple[str, str, str, Any, Any, Callable[[float], str]]] = [
        ("velocity", _("Velocity a day"), "velocity", lambda f: f.velocity, a_day, money),
        (
            "number",
            _("Number of deals"),
            "number-of-deals",
            lambda f: f.number_of_deals,
            number,
            plain,
        ),
        ("winrate", _("Win rate"), "win-rate", lambda f: f.win_rate, rate, share),
        (
            "amount",
            _("Average deal"),
            "average-deal-size",
            lambda f: f.avg_deal_size,
            whole,
            money,
        ),
        ("cycle", _("Cycle in days"), "cycle", lambda f: f.cycle_mean, days, plain),
    ]
    for stage in stages:
        plans.append(
            (
                f"stage{stage.position}",
                _("Went on from {stage}").format(stage=stage.name),
                "exit-conversion",
                _of_stage(stage),
                _told_of_stage(stage, style),
                share,
            )
        )
    return tuple(_multiple(plan, found, quarters, segments) for plan in plans)


def _of_stage(wanted: StageColumn) -> Callable[[SegmentFigures], float | None]:
    def value(f: SegmentFigures) -> float | None:
        stage = wanted.of(f)
        return stage.exit_conversion if stage else None

    return value


def _told_of_stage(
    wanted: StageColumn, style: Style
) -> Callable[[float | None, SegmentFigures], str | None]:
    def told(_value: float | None, f: SegmentFigures) -> str | None:
        stage = wanted.of(f)
        exits = stage.advanced + stage.lost_at if stage else 0
        return formats.rate_of(stage.advanced, exits, style) if stage and exits else None

    return told


def _multiple(
    plan: tuple[str, str, str, Any, Any, Callable[[float], str]],
    found: Mapping[str, Mapping[str, SegmentFigures]],
    quarters: Sequence[Quarter],
    segments: Sequence[str],
) -> Multiple:
    name, title, anchor, value, told, write = plan

    def of(segment: str) -> tuple[Series, tuple[str, ...]]:
        by_label = found[segment]
        here = [by_label.get(q.label) for q in quarters]
        values = tuple(value(f) if f else None for f in here)
        texts = tuple((told(value(f), f) or _("none")) if f else _("no deals") for f in here)
        return values, texts

    values, texts = of(segments[0])
    other: tuple[Series, tuple[str, ...]] = of(segments[1]) if len(segments) > 1 else ((), ())
    newest = next((t for v, t in zip(values[::-1], texts[::-1], strict=True) if v is not None), "")
    return Multiple(name, title, anchor, values, other[0], texts, other[1], write, newest)
