"""Any two quarters: what moved velocity between them, and which stages changed.

The figures are the newest snapshots of both. What is counted otherwise in the two is said first,
and velocity is not compared where one of its factors means something else (docs/metrics.md,
"Snapshots"). What happened in between is in `quarters_between`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.experiments.estimates import newcombe
from metrics.calc.levers import Closings, levers, mix_and_rate
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.calc.velocity import Factors
from metrics.selectors import wording
from metrics.selectors.movement import LeverStep, steps_of
from metrics.selectors.quarters_definitions import (
    Difference,
    differences,
    same_stages,
    stage_places,
    velocity_differs,
)
from metrics.selectors.velocity_page import Movement
from metrics.selectors.wording import Delta, Reading


@dataclass(frozen=True, slots=True)
class LeverRow:
    """Velocity or one of its factors in both quarters; `change` where the two are comparable."""

    name: str
    anchor: str
    first: str
    second: str
    change: Delta | None


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage in both quarters. `verdict` says in words whether the change is clear."""

    name: str
    first: str
    second: str
    difference: str
    interval: str
    verdict: str
    tone: str
    icon: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that compares figures; `movement.reason` says why velocity is not compared."""

    lede: str
    rows: tuple[LeverRow, ...]
    movement: Movement
    stages: tuple[StageRow, ...]
    stages_note: str


def comparison(
    *,
    first: SegmentFigures | None,
    second: SegmentFigures | None,
    channels: tuple[Mapping[str, SegmentFigures], Mapping[str, SegmentFigures]],
    definitions: tuple[Mapping[str, Any], Mapping[str, Any]],
    style: Style,
) -> Comparison | None:
    """From the `first` quarter to the `second`, of one segment.

    `channels` are the channels' figures in both, used for `all` only. None where the segment had
    no deal in play in one of the two.
    """
    if first is None or second is None:
        return None
    found = differences(*definitions, style)
    reason = _reason(first, second, found)
    steps: tuple[LeverStep, ...] = ()
    if not reason:
        reading = Reading(style, second.number_of, second.cycle_of)
        steps = steps_of(levers(_factors(first), _factors(second)), reading)
    comparable = not velocity_differs(found)
    stages, note = _stages(first, second, definitions, style)
    movement = Movement(
        before=first.velocity,
        after=second.velocity,
        before_label=formats.quarter(first.quarter),
        after_label=formats.quarter(second.quarter),
        before_text=formats.money(first.velocity, style) or "",
        after_text=formats.money(second.velocity, style) or "",
        steps=steps,
        reason=reason,
        mix=_mix(second.segment, channels, style) if not reason else "",
    )
    return Comparison(
        lede=_lede(first, second, steps, reason, style),
        rows=_rows(first, second, style, comparable=comparable),
        movement=movement,
        stages=stages,
        stages_note=note,
    )


def _factors(f: SegmentFigures) -> Factors:
    return Factors(
        f.number_of_deals, f.avg_deal_size, f.win_rate, f.cycle_mean, f.velocity, f.velocity_empty
    )


def _reason(first: SegmentFigures, second: SegmentFigures, found: Sequence[Difference]) -> str:
    """Why what moved velocity cannot be told, or "" where it can."""
    if velocity_differs(found):
        return _(
            "Not compared: velocity was counted in different ways in the two quarters, so a"
            " difference would mix the change of the figures with the change of the counting."
        )
    for one in (first, second):
        if one.first:
            return _(
                "Not compared: {quarter} is the first quarter on record, so its history is"
                " incomplete."
            ).format(quarter=formats.quarter(one.quarter))
    for one in (first, second):
        if one.velocity is None:
            return _("Not computable: {quarter} has no velocity. {reason}").format(
                quarter=formats.quarter(one.quarter), reason=wording.empty_reason(one)
            )
    return ""


def _lede(
    first: SegmentFigures,
    second: SegmentFigures,
    steps: Sequence[LeverStep],
    reason: str,
    style: Style,
) -> str:
    if reason or not steps or first.velocity is None or second.velocity is None:
        return ""
    change = second.velocity - first.velocity
    one = formats.money_per_day(first.velocity, style)
    two = formats.money_per_day(second.velocity, style)
    between = {"a": formats.quarter(first.quarter), "b": formats.quarter(second.quarter)}
    if one == two:
        # No lever moved what did not move; the picture shows what they did to each other.
        told = _("From {a} to {b} velocity stayed at {one}.")
        return wording.joined([wording.sentence(told, one=one, **between)])
    said = [
        wording.sentence(
            _("From {a} to {b} velocity went from {one} to {two}, {change} a day."),
            one=one,
            two=two,
            change=formats.signed_money(change, style),
            **between,
        )
    ]
    along = [step for step in steps if step.value * change > 0]
    if along:
        most = max(along, key=lambda step: abs(step.value))
        told = _("What moved it most: {lever}, {amount} a day.")
        said.append(wording.sentence(told, lever=most.cause, amount=most.text))
    return wording.joined(said)


def _mix(
    segment: str,
    channels: tuple[Mapping[str, SegmentFigures], Mapping[str, SegmentFigures]],
    style: Style,
) -> str:
    if segment != "all":
        return ""
    one, two = (
        {name: Closings(f.won, f.closed) for name, f in found.items()} for found in channels
    )
    split = mix_and_rate(one, two)
    if split is None:
        return ""
    mix, rate = split
    return _(
        "Win rate of all deals: {total}. Of it, {mix} because the mix of channels changed and"
        " {rate} because channels win more or less than before."
    ).format(
        total=formats.pts(mix + rate, style),
        mix=formats.pts(mix, style),
        rate=formats.pts(rate, style),
    )


def _rows(
    first: SegmentFigures, second: SegmentFigures, style: Style, *, comparable: bool
) -> tuple[LeverRow, ...]:
    none = _("none")

    def row(
        name: str,
        anchor: str,
        texts: tuple[str | None, str | None],
        change: Delta | None,
        *,
        depends: bool = True,
    ) -> LeverRow:
        one, two = (text or none for text in texts)
        return LeverRow(name, anchor, one, two, change if comparable or not depends else None)

    rate, _was = wording.rate_change(second, first, style)
    cycle = (
        round(second.cycle_mean) - round(first.cycle_mean)
        if first.cycle_mean is not None and second.cycle_mean is not None
        else None
    )
    both = (first, second)
    return (
        row(
            _("Velocity a day"),
            "velocity",
            (formats.money(first.velocity, style), formats.money(second.velocity, style)),
            wording.relative(first.velocity, second.velocity, style),
        ),
        row(
            _("Number of deals"),
            "number-of-deals",
            (_number(first, style), _number(second, style)),
            wording.relative(first.number_of_deals, second.number_of_deals, style),
        ),
        row(
            _("Win rate"),
            "win-rate",
            (_win_rate(first, style), _win_rate(second, style)),
            rate,
            depends=False,
        ),
        row(
            _("Average deal"),
            "average-deal-size",
            (formats.money(first.avg_deal_size, style), formats.money(second.avg_deal_size, style)),
            wording.relative(first.avg_deal_size, second.avg_deal_size, style),
        ),
        row(
            _("Cycle"),
            "cycle",
            (formats.days(first.cycle_mean, style), formats.days(second.cycle_mean, style)),
            wording.delta(formats.signed_days(cycle, style), cycle, good=-1),
        ),
        row(
            _("Revenue won"),
            "revenue-won",
            (formats.money(first.revenue_won, style), formats.money(second.revenue_won, style)),
            wording.relative(first.revenue_won, second.revenue_won, style),
        ),
        *(
            row(
                name,
                "counts",
                (formats.number(values[0], style), formats.number(values[1], style)),
                wording.relative(float(values[0]), float(values[1]), style, good=good),
                depends=False,
            )
            for name, values, good in (
                (_("Deals opened"), [f.opened for f in both], 0),
                (_("Deals won"), [f.won for f in both], 1),
                (_("Deals lost"), [f.lost for f in both], 0),
            )
        ),
    )


def _number(f: SegmentFigures, style: Style) -> str | None:
    value = wording.number_value(f.number_of, f, style)
    return None if value is None else f"{value} ({wording.number_note(f.number_of)})"


def _win_rate(f: SegmentFigures, style: Style) -> str | None:
    return formats.rate_of(f.won, f.closed, style) if f.closed else None


def _stages(
    first: SegmentFigures,
    second: SegmentFigures,
    definitions: tuple[Mapping[str, Any], Mapping[str, Any]],
    style: Style,
) -> tuple[tuple[StageRow, ...], str]:
    """The second quarter's stages beside the first's; clear changes are counted in the note."""
    compared = same_stages(*definitions)
    places = stage_places(definitions[1], definitions[0])
    by_position = {stage.position: stage for stage in first.stages}
    rows = [
        _stage(by_position.get(places.get(stage.position, 0)), stage, style, compared=compared)
        for stage in second.stages
    ]
    if not compared:
        return tuple(rows), _(
            "The two quarters have different stages, so a share of deals that went on does not"
            " mean the same in both: they stand side by side, not compared."
        )
    clear = sum(1 for row in rows if row.tone)
    note = (
        ngettext("{n} stage changed clearly.", "{n} stages changed clearly.", clear).format(
            n=formats.number(clear, style)
        )
        if clear
        else _("No stage changed clearly.")
    )
    return tuple(rows), note


def _stage(
    one: StageFigures | None, two: StageFigures, style: Style, *, compared: bool
) -> StageRow:
    k0, n0 = (one.advanced, one.advanced + one.lost_at) if one else (0, 0)
    k1, n1 = two.advanced, two.advanced + two.lost_at
    name = two.name
    if one is not None and one.name != two.name:
        name = _("{name} (was {before})").format(name=two.name, before=one.name)
    nothing = _("no deal left this stage")
    first = formats.rate_of(k0, n0, style) if n0 else nothing
    if one is None:
        first = _("no such stage")
    second = formats.rate_of(k1, n1, style) if n1 else nothing
    plain = StageRow(name, first, second, "", "", "", "", "")
    if not compared or one is None:
        return plain
    if min(n0, n1) < wording.FEW:
        return StageRow(name, first, second, "", "", _("too few deals to tell"), "", "hourglass")
    low, high = newcombe(k1, n1, k0, n0)
    change = k1 / n1 - k0 / n0
    within = _("95% {low} to {high}").format(
        low=formats.signed_number(low * 100, style, decimals=1),
        high=formats.pts(high, style),
    )
    verdict, tone, icon = _("no clear change"), "", "minus"
    if low > 0:
        verdict, tone, icon = _("clearly better"), "healthy", "arrow-up-right"
    elif high < 0:
        verdict, tone, icon = _("clearly worse"), "danger", "arrow-down-right"
    return StageRow(
        name, first, second, formats.pts(change, style) or "", within, verdict, tone, icon
    )
