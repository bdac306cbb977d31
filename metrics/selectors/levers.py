"""The four factors of velocity as the cells of an equation: N x W x A / C."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from metrics.calc.types import SegmentFigures
from metrics.selectors import wording
from metrics.selectors.wording import Delta, Reading


@dataclass(frozen=True, slots=True)
class LeverCell:
    """One factor of V = N x W x A / C."""

    name: str
    anchor: str
    operator: str
    operator_name: str
    value: str
    missing: bool
    delta: Delta | None
    before: str
    lines: tuple[str, ...]


def lever_cells(
    now: SegmentFigures, before: SegmentFigures | None, reading: Reading
) -> tuple[LeverCell, ...]:
    """The four factors in the order of the equation."""
    style = reading.style
    was = before
    number = wording.number_value(reading.number, now, style)
    win_delta, win_before = wording.rate_change(now, was, style)
    win_lines = []
    if now.closed >= wording.FEW:
        counts = formats.k_of_n(now.won, now.closed, style)
        span = formats.interval(now.win_rate_interval, style)
        win_lines.append(f"{counts}; {span}")
    elif now.closed:
        win_lines.append(_("closed; too few for a rate"))
    cycle_change = (
        None
        if was is None or was.cycle_mean is None or now.cycle_mean is None
        else round(now.cycle_mean) - round(was.cycle_mean)
    )
    cycle_of = now.won if reading.cycle == "won" else now.closed
    cycle_lines = []
    if now.cycle_median is not None:
        cycle_lines.append(_("median {days}").format(days=formats.days(now.cycle_median, style)))
        said = (
            ngettext("{n} won deal", "{n} won deals", cycle_of)
            if reading.cycle == "won"
            else ngettext("{n} closed deal", "{n} closed deals", cycle_of)
        )
        cycle_lines.append(said.format(n=formats.number(cycle_of, style)))
    amount_lines = []
    if now.won_with_amount:
        amount_lines.append(
            ngettext("mean of {n} won deal", "mean of {n} won deals", now.won_with_amount).format(
                n=formats.number(now.won_with_amount, style)
            )
        )
    if without := now.won - now.won_with_amount:
        amount_lines.append(
            ngettext("{n} won without an amount", "{n} won without an amount", without).format(
                n=formats.number(without, style)
            )
        )
    return (
        _cell(
            wording.number_name(reading.number),
            "number-of-deals",
            ("", ""),
            number,
            _("no day has passed"),
            wording.relative(was.number_of_deals if was else None, now.number_of_deals, style),
            wording.before_text(wording.number_value(reading.number, was, style) if was else None),
            (wording.number_note(reading.number),),
        ),
        _cell(
            _("Win rate"),
            "win-rate",
            ("×", _("times")),
            formats.rate(now.won, now.closed, style) if now.closed else None,
            _("no deal closed"),
            win_delta,
            win_before,
            tuple(win_lines),
        ),
        _cell(
            _("Average deal"),
            "average-deal-size",
            ("×", _("times")),
            formats.money(now.avg_deal_size, style),
            _("no won deal has an amount") if now.won else _("no deal won"),
            wording.relative(was.avg_deal_size if was else None, now.avg_deal_size, style),
            wording.before_text(formats.money(was.avg_deal_size, style) if was else None),
            tuple(amount_lines),
        ),
        _cell(
            _("Sales cycle"),
            "cycle",
            ("÷", _("divided by")),
            formats.days(now.cycle_mean, style),
            _("no deal won") if reading.cycle == "won" else _("no deal closed"),
            wording.delta(formats.signed_days(cycle_change, style), cycle_change, good=-1),
            wording.before_text(formats.days(was.cycle_mean, style) if was else None),
            tuple(cycle_lines),
        ),
    )


def _cell(
    name: str,
    anchor: str,
    operator: tuple[str, str],
    value: str | None,
    reason: str,
    change: Delta | None,
    before: str,
    lines: tuple[str, ...],
) -> LeverCell:
    return LeverCell(name, anchor, *operator, value or reason, value is None, change, before, lines)
