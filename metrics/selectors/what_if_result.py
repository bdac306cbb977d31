"""What the changes of the simulator do: today beside what would be, lever by lever."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.calc.whatif import WhatIf, WhatIfEmpty
from metrics.calc.whatif_ranking import Lever
from metrics.selectors import wording
from metrics.selectors.what_if_fields import lever_title, value_text
from metrics.selectors.what_if_query import State
from metrics.selectors.wording import Delta, Reading

_KEYS = {"number": "number_of_deals", "deal_size": "average_deal_size", "cycle": "cycle_days"}


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One line of the result: a lever or velocity itself, today and after the changes.

    `part` is the lever's part of V' - V in money per day, None where there is none to tell.
    `inner` rows are stages: their parts add up to that of the win rate.
    """

    key: str  # as exports name it
    name: str
    today: float | None
    after: float | None
    today_text: str
    after_text: str
    part: float | None
    part_text: str
    better: bool
    changed: bool
    inner: bool = False
    total: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What the changes do. `reason` where it cannot be told; then there is nothing else."""

    reason: str
    velocity: float | None = None
    text: str = ""
    delta: Delta | None = None
    before: str = ""
    lines: tuple[str, ...] = ()
    money: float | None = None  # for the quarter
    capped: str = ""
    no_parts: str = ""
    rows: tuple[ResultRow, ...] = ()


def empty_text(why: WhatIfEmpty, now: SegmentFigures) -> str:
    """Why a what-if cannot be told, as sentences."""
    if why == "no_velocity":
        return _("Not computable: there is no velocity to start from. {reason}").format(
            reason=wording.empty_reason(now)
        )
    return _(
        "Not computable: a changed stage had no deal that got past it in the quarter, so there is"
        " nothing to be in proportion to. Leave that stage as it is."
    )


def gain_lines(found: WhatIf, now: SegmentFigures, style: Style) -> tuple[str, ...]:
    """The gain in money per day, and for the quarter at the pace of what was really won."""
    lines = []
    if now.velocity is not None:
        gain = formats.signed_money(found.velocity - now.velocity, style)
        lines.append(_("{money} a day").format(money=gain))
    if found.money is not None:
        lines.append(
            _("{money} for the quarter, of {won} won").format(
                money=formats.signed_money(found.money, style),
                won=formats.money(now.revenue_won, style),
            )
        )
    return tuple(lines)


def result_of(
    now: SegmentFigures,
    levers: Sequence[Lever],
    found: WhatIf | WhatIfEmpty,
    state: State,
    reading: Reading,
) -> Result:
    """The result of the changes; with its reason where it cannot be told."""
    style = reading.style
    if isinstance(found, str):
        return Result(empty_text(found, now))
    change = wording.delta(formats.change(now.velocity, found.velocity, style), found.change)
    no_parts = ""
    if found.parts is None:
        no_parts = _("Nothing would be won at all, so the parts cannot be told.")
    return Result(
        reason="",
        velocity=found.velocity,
        text=formats.money(found.velocity, style) or "",
        delta=change,
        before=wording.before_text(formats.money(now.velocity, style)),
        lines=gain_lines(found, now, style) if state.pairs else (),
        money=found.money,
        capped=_(
            "The win rate is capped: these conversions would win more deals than there are, so it"
            " is taken as {all}."
        ).format(all=formats.percent(1.0, style))
        if found.capped
        else "",
        no_parts=no_parts,
        rows=_rows(now, levers, found, state, reading),
    )


def _rows(
    now: SegmentFigures,
    levers: Sequence[Lever],
    found: WhatIf,
    state: State,
    reading: Reading,
) -> tuple[ResultRow, ...]:
    parts = found.parts
    by_name = {lever.name: lever for lever in levers if lever.name != "stage"}
    style = reading.style
    rows = []

    def factor(lever: Lever, after: float, part: float | None, changed: bool) -> ResultRow:
        return _row(
            _KEYS[lever.name],
            lever_title(lever, now, reading),
            (lever.today, after),
            (value_text(lever, lever.today, reading), value_text(lever, after, reading)),
            part if changed else None,
            changed,
            style,
        )

    changes = state.changes
    rows.append(
        factor(
            by_name["number"],
            found.number,
            parts.number if parts else None,
            changes.number is not None,
        )
    )
    rate = (now.win_rate, found.win_rate)
    rates = tuple(formats.percent(share, style, decimals=1) or "" for share in rate)
    moved = bool(changes.conversions)
    part = parts.win_rate if parts and moved else None
    rows.append(_row("win_rate", _("Win rate"), rate, (rates[0], rates[1]), part, moved, style))
    for lever in levers:
        if lever.name != "stage" or lever.position not in changes.conversions:
            continue
        after = changes.conversions[lever.position]
        own = found.stage_parts[lever.position] if found.stage_parts is not None else None
        rows.append(
            _row(
                f"conversion_{lever.position}",
                lever_title(lever, now, reading),
                (lever.today, after),
                (value_text(lever, lever.today, reading), value_text(lever, after, reading)),
                own,
                True,
                style,
                inner=True,
            )
        )
    rows.append(
        factor(
            by_name["deal_size"],
            found.deal_size,
            parts.amount if parts else None,
            changes.deal_size is not None,
        )
    )
    rows.append(
        factor(
            by_name["cycle"],
            found.cycle,
            parts.cycle if parts else None,
            changes.cycle is not None,
        )
    )
    before = now.velocity or 0.0
    texts = (formats.money(now.velocity, style) or "", formats.money(found.velocity, style) or "")
    rows.append(
        _row(
            "velocity_per_day",
            _("Velocity per day"),
            (now.velocity, found.velocity),
            texts,
            found.velocity - before if state.pairs else None,
            bool(state.pairs),
            style,
            total=True,
        )
    )
    return tuple(rows)


def _row(
    key: str,
    name: str,
    values: tuple[float | None, float],
    texts: tuple[str, str],
    part: float | None,
    changed: bool,
    style: Style,
    *,
    inner: bool = False,
    total: bool = False,
) -> ResultRow:
    return ResultRow(
        key=key,
        name=name,
        today=values[0],
        after=values[1],
        today_text=texts[0],
        after_text=texts[1],
        part=part,
        part_text=(formats.signed_money(part, style) or "") if part is not None else "",
        better=part is None or part >= 0,
        changed=changed,
        inner=inner,
        total=total,
    )
