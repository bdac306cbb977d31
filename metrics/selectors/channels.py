"""Inbound beside outbound, since one skews the other. The parts do not add up to the whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.selectors import wording
from metrics.selectors.filters import segment_name, segment_parts, segment_text
from metrics.selectors.wording import Delta, Reading


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One lever of the inbound and outbound table: (value, delta) per side."""

    name: str
    anchor: str
    total: bool
    cells: tuple[tuple[str, Delta | None], ...]


@dataclass(frozen=True, slots=True)
class Channels:
    """Inbound beside outbound. Without a row, `reason` says why."""

    scope: str  # the rest of the filter, which both columns share; empty for all deals
    heads: tuple[str, ...]
    compared: str
    rows: tuple[ChannelRow, ...]
    reason: str
    note: str


def channel_segments(segment: str) -> tuple[str, ...]:
    """The inbound and outbound parts of a segment; none where a third filter would be needed."""
    parts = segment_parts(segment)
    rest = {d: v for d, v in parts.items() if d != "channel"}
    if len(rest) > 1:
        return ()
    return tuple(segment_name({**rest, "channel": c}) for c in ("inbound", "outbound"))


def channels_of(
    channels: Mapping[str, Sequence[SegmentFigures]],
    quarters: Sequence[str],
    segment: str,
    reading: Reading,
) -> Channels:
    wanted = channel_segments(segment)
    rest = {d: v for d, v in segment_parts(segment).items() if d != "channel"}
    scope = segment_text(segment_name(rest)) if rest else ""
    compared = (
        _("vs {quarter}").format(quarter=formats.quarter(quarters[-2])) if len(quarters) > 1 else ""
    )
    if not wanted:
        reason = _("Two filters are chosen already; a third by channel is not computed.")
        return Channels(scope, (), compared, (), reason, "")
    sides = []
    for name in wanted:
        found = {f.quarter: f for f in channels.get(name, ())}
        now = found.get(quarters[-1])
        before = found.get(quarters[-2]) if len(quarters) > 1 else None
        sides.append((now, None if now is None else wording.comparable(now, before)))
    if not any(was for _now, was in sides):
        compared = ""
    if not any(now for now, _was in sides):
        reason = _(
            "No deal of this quarter has a channel. Set the channel of your sources to see both."
        )
        return Channels(scope, (), compared, (), reason, "")
    style = reading.style
    lines = (
        (_("Velocity per day"), "velocity", True),
        (wording.number_name(reading.number), "number-of-deals", False),
        (_("Win rate"), "win-rate", False),
        (_("Average deal"), "average-deal-size", False),
        (_("Sales cycle"), "cycle", False),
    )
    cells = [_side(now, before, reading) for now, before in sides]
    rows = tuple(
        ChannelRow(name, anchor, total, tuple(side[i] for side in cells))
        for i, (name, anchor, total) in enumerate(lines)
    )
    unknown = _unknown_note(channels, quarters, style)
    return Channels(scope, (_("Inbound"), _("Outbound")), compared, rows, "", unknown)


def _unknown_note(
    channels: Mapping[str, Sequence[SegmentFigures]], quarters: Sequence[str], style: Style
) -> str:
    for f in channels.get("channel=unknown", ()):
        if f.quarter == quarters[-1] and f.in_play:
            return ngettext(
                "{n} deal in play has no channel and is in neither column.",
                "{n} deals in play have no channel and are in neither column.",
                f.in_play,
            ).format(n=formats.number(f.in_play, style))
    return ""


def _side(
    now: SegmentFigures | None, before: SegmentFigures | None, reading: Reading
) -> tuple[tuple[str, Delta | None], ...]:
    """The five cells of one channel."""
    if now is None:
        return ((_("no deals"), None),) * 5
    style = reading.style
    none = "\N{EN DASH}"
    win, _was = wording.rate_change(now, before, style)
    days = (
        None
        if before is None or before.cycle_mean is None or now.cycle_mean is None
        else round(now.cycle_mean) - round(before.cycle_mean)
    )
    return (
        (
            formats.money(now.velocity, style) or none,
            wording.relative(before.velocity if before else None, now.velocity, style),
        ),
        (
            wording.number_value(reading.number, now, style) or none,
            wording.relative(
                before.number_of_deals if before else None, now.number_of_deals, style
            ),
        ),
        (formats.rate(now.won, now.closed, style) if now.closed else none, win),
        (
            formats.money(now.avg_deal_size, style) or none,
            wording.relative(before.avg_deal_size if before else None, now.avg_deal_size, style),
        ),
        (
            formats.days(now.cycle_mean, style) or none,
            wording.delta(formats.signed_days(days, style), days, good=-1),
        ),
    )
