"""The Velocity page: how much a day, and what moved it. Frozen rows, ready to print.

Source: `SegmentFigures` of the asked segment and of its inbound and outbound parts, as
`metrics.selectors.figures` gives them, oldest quarter first. Definitions: docs/metrics.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.selectors import wording
from metrics.selectors.channels import Channels, channels_of
from metrics.selectors.danger import DangerRow, danger_rows
from metrics.selectors.levers import LeverCell, lever_cells
from metrics.selectors.movement import LeverStep, lede_of, steps_of
from metrics.selectors.stock import bridge_of, facts_of
from metrics.selectors.wording import Delta, Fact, Reading

TREND_QUARTERS = 8
DANGER_ROWS = 3


@dataclass(frozen=True, slots=True)
class Hero:
    """The one big number."""

    title: str
    status: str
    status_tone: str
    status_note: str
    value: str  # empty without a velocity; then `reason` says why
    reason: str
    delta: Delta | None
    before: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrendRow:
    """One quarter of the trend; money per day, `low` and `high` its 95 % interval."""

    quarter: str
    label: str  # on the axis
    text: str  # the quarter for people
    status: str
    running: bool
    velocity: float | None
    low: float | None
    high: float | None
    velocity_text: str
    interval_text: str
    number: float | None
    win_rate: float | None
    amount: float | None
    cycle: float | None


@dataclass(frozen=True, slots=True)
class Movement:
    """From one quarter's velocity to the next, lever by lever; `reason` where it cannot be told."""

    before: float | None
    after: float | None
    before_label: str
    after_label: str
    before_text: str
    after_text: str
    steps: tuple[LeverStep, ...]
    reason: str
    mix: str  # mix of channels against rates, one sentence or empty


@dataclass(frozen=True, slots=True)
class VelocityPage:
    """Everything that the page prints."""

    lede: SafeString
    hero: Hero
    levers: tuple[LeverCell, ...]
    trend: tuple[TrendRow, ...]
    movement: Movement
    channels: Channels
    danger: tuple[DangerRow, ...]
    bridge: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    notices: tuple[str, ...]


def velocity_page(
    *,
    history: Sequence[SegmentFigures],
    channels: Mapping[str, Sequence[SegmentFigures]],
    quarters: Sequence[str],
    segment: str,
    reading: Reading,
) -> VelocityPage | None:
    """The page for the last quarter of `quarters` (labels, oldest first, up to the asked one).

    `history` are the segment's figures up to it; `channels` those of `channel_segments`. None
    where the segment has no figures in that quarter: the view then says so.
    """
    found = {f.quarter: f for f in history}
    now = found.get(quarters[-1]) if quarters else None
    if now is None:
        return None
    before = found.get(quarters[-2]) if len(quarters) > 1 else None
    was = wording.comparable(now, before)
    style = reading.style
    steps = steps_of(now.levers, reading)
    return VelocityPage(
        lede=lede_of(now, was, before, steps, style),
        hero=_hero(now, was, style),
        levers=lever_cells(now, was, reading),
        trend=_trend(found, quarters, style),
        movement=_movement(now, before, steps, style),
        channels=channels_of(channels, quarters, segment, reading),
        danger=danger_rows(now, style)[:DANGER_ROWS],
        bridge=bridge_of(now, before, style),
        facts=facts_of(now, style),
        notices=notices(now, style),
    )


def notices(now: SegmentFigures, style: Style) -> tuple[str, ...]:
    """What a reader must know before believing a figure."""
    out = []
    if now.rate_missing:
        out.append(
            ngettext(
                "{n} deal has an amount in a currency without a rate for its month. Add the rate:"
                " until then this deal counts without an amount.",
                "{n} deals have an amount in a currency without a rate for its month. Add the"
                " rate: until then these deals count without an amount.",
                now.rate_missing,
            ).format(n=formats.number(now.rate_missing, style))
        )
    if 0 < now.closed < wording.THIN:
        out.append(
            ngettext(
                "Thin: only {n} deal closed in this quarter, so every rate here may be chance.",
                "Thin: only {n} deals closed in this quarter, so every rate here may be chance.",
                now.closed,
            ).format(n=formats.number(now.closed, style))
        )
    return tuple(out)


def _hero(now: SegmentFigures, before: SegmentFigures | None, style: Style) -> Hero:
    word, tone, note = wording.status_text(now, style)
    quarter = formats.quarter(now.quarter)
    change, said = None, ""
    if before is not None and now.velocity is not None:
        change = wording.delta(
            formats.change(before.velocity, now.velocity, style),
            now.velocity - before.velocity if before.velocity is not None else None,
        )
        if before.velocity is not None:
            said = _("from {money} in {quarter}").format(
                money=formats.money(before.velocity, style), quarter=formats.quarter(before.quarter)
            )
    lines = []
    if span := formats.money_interval(now.velocity_interval, style):
        lines.append(span)
    elif now.velocity is not None:
        lines.append(_("Too few won deals for an interval"))
    if now.revenue_won is not None and now.revenue_days:
        lines.append(
            _("Really came in: {money}, {daily} a day").format(
                money=formats.money(now.revenue_won, style),
                daily=formats.money(now.revenue_won / now.revenue_days, style),
            )
        )
    lines.append(
        _("{opened} opened, {won} won, {lost} lost").format(
            opened=formats.number(now.opened, style),
            won=formats.number(now.won, style),
            lost=formats.number(now.lost, style),
        )
    )
    return Hero(
        title=_("Velocity, {quarter}").format(quarter=quarter),
        status=word,
        status_tone=tone,
        status_note=note,
        value=formats.money(now.velocity, style) or "",
        reason=wording.empty_reason(now),
        delta=change,
        before=said,
        lines=tuple(lines),
    )


def _trend(
    found: Mapping[str, SegmentFigures], quarters: Sequence[str], style: Style
) -> tuple[TrendRow, ...]:
    rows = []
    for label in quarters[-TREND_QUARTERS:]:
        f = found.get(label)
        low, high = f.velocity_interval if f and f.velocity_interval else (None, None)
        rows.append(
            TrendRow(
                quarter=label,
                label=formats.quarter_short(label),
                text=formats.quarter(label),
                status=wording.status_text(f, style)[0] if f else _("no deals"),
                running=f is not None and f.status != "final",
                velocity=f.velocity if f else None,
                low=low,
                high=high,
                velocity_text=(
                    (formats.money_per_day(f.velocity, style) or wording.empty_reason(f))
                    if f
                    else _("no deals")
                ),
                interval_text=formats.money_interval(f.velocity_interval, style) or "" if f else "",
                number=f.number_of_deals if f else None,
                win_rate=f.win_rate if f else None,
                amount=f.avg_deal_size if f else None,
                cycle=f.cycle_mean if f else None,
            )
        )
    return tuple(rows)


def _movement(
    now: SegmentFigures,
    before: SegmentFigures | None,
    steps: tuple[LeverStep, ...],
    style: Style,
) -> Movement:
    reason = ""
    if not steps:
        if now.first:
            reason = _("This is the first quarter on record: there is nothing to compare it with.")
        elif before is None:
            reason = _("The quarter before has no deals in this selection.")
        elif now.velocity is None:
            reason = _("Not computable: this quarter has no velocity. {reason}").format(
                reason=wording.empty_reason(now)
            )
        elif before.velocity is None:
            reason = _("Not computable: the quarter before has no velocity. {reason}").format(
                reason=wording.empty_reason(before)
            )
        elif before.first:
            reason = _("The quarter before is the first on record, so its history is incomplete.")
        else:
            reason = _("Not computable from the two quarters.")
    mix = ""
    if now.win_rate_mix is not None and now.win_rate_rate is not None:
        mix = _(
            "Win rate of all deals: {total}. Of it, {mix} because the mix of channels changed and"
            " {rate} because channels win more or less than before."
        ).format(
            total=formats.pts(now.win_rate_mix + now.win_rate_rate, style),
            mix=formats.pts(now.win_rate_mix, style),
            rate=formats.pts(now.win_rate_rate, style),
        )
    return Movement(
        before=before.velocity if before else None,
        after=now.velocity,
        before_label=formats.quarter(before.quarter) if before else "",
        after_label=formats.quarter(now.quarter),
        before_text=(formats.money(before.velocity, style) or "") if before else "",
        after_text=formats.money(now.velocity, style) or "",
        steps=steps,
        reason=reason,
        mix=mix,
    )
