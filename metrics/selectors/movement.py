"""What moved velocity, as steps and as the sentences at the top of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import Levers, SegmentFigures
from metrics.selectors import wording
from metrics.selectors.wording import Reading


@dataclass(frozen=True, slots=True)
class LeverStep:
    """What one lever added to velocity, in money per day."""

    name: str
    value: float
    text: str
    better: bool
    cause: str  # the lever's direction in words: "shorter cycles"


def steps_of(levers: Levers | None, reading: Reading) -> tuple[LeverStep, ...]:
    """The four levers as steps; none where the levers cannot be computed."""
    if levers is None:
        return ()
    named = (
        (
            wording.number_name(reading.number),
            levers.number,
            (_("more deals"), _("fewer deals")),
        ),
        (_("Win rate"), levers.win_rate, (_("a higher win rate"), _("a lower win rate"))),
        (_("Deal size"), levers.amount, (_("larger deals"), _("smaller deals"))),
        (_("Cycle"), levers.cycle, (_("shorter cycles"), _("longer cycles"))),
    )
    return tuple(
        LeverStep(
            name=name,
            value=value,
            text=formats.signed_money(value, reading.style) or "",
            better=value >= 0,
            cause=causes[0] if value >= 0 else causes[1],
        )
        for name, value, causes in named
    )


def lede_of(
    now: SegmentFigures,
    before: SegmentFigures | None,
    earlier: SegmentFigures | None,
    steps: Sequence[LeverStep],
    style: Style,
) -> SafeString:
    """The result in one to three sentences."""
    quarter = formats.quarter(now.quarter)
    if now.velocity is None:
        said = [
            wording.sentence(_("There is no velocity for {quarter}."), quarter=quarter),
            wording.empty_reason(now),
        ]
        return wording.joined(said)
    value = formats.money_per_day(now.velocity, style)
    running = now.status == "running"
    if now.first:
        template = _("Your pipeline turned into {value} in {quarter}.")
        said = [
            wording.sentence(template, value=value, quarter=quarter),
            _(
                "It is the first quarter on record, so its history is incomplete and nothing is"
                " compared with it."
            ),
        ]
        return wording.joined(said)
    if before is None or before.velocity is None:
        template = (
            _("Your pipeline turns into {value} so far in {quarter}.")
            if running
            else _("Your pipeline turned into {value} in {quarter}.")
        )
        said = [
            wording.sentence(template, value=value, quarter=quarter),
            _("The quarter before is the first on record and incomplete, so nothing is compared.")
            if earlier is not None and earlier.first
            else _("The quarter before has no velocity to compare with."),
        ]
        return wording.joined(said)
    change = now.velocity - before.velocity
    amount = formats.money(abs(change), style)
    if amount == formats.money(0, style):
        template = (
            _("Your pipeline turns into {value} so far in {quarter}, about as much as in {before}.")
            if running
            else _("Your pipeline turned into {value} in {quarter}, about as much as in {before}.")
        )
    elif change > 0:
        template = (
            _(
                "Your pipeline turns into {value} so far in {quarter}, {amount} more than in"
                " {before}."
            )
            if running
            else _(
                "Your pipeline turned into {value} in {quarter}, {amount} more than in {before}."
            )
        )
    else:
        template = (
            _(
                "Your pipeline turns into {value} so far in {quarter}, {amount} less than in"
                " {before}."
            )
            if running
            else _(
                "Your pipeline turned into {value} in {quarter}, {amount} less than in {before}."
            )
        )
    said = [
        wording.sentence(
            template,
            value=value,
            quarter=quarter,
            amount=amount,
            before=formats.quarter(before.quarter),
        )
    ]
    said += _causes(change, steps)
    return wording.joined(said)


def _causes(change: float, steps: Sequence[LeverStep]) -> list[SafeString]:
    """The lever that did most in the direction of the change, and the strongest against it."""
    along = [s for s in steps if s.value * change > 0]
    against = [s for s in steps if s.value * change < 0]
    said = []
    if along:
        most = max(along, key=lambda s: abs(s.value))
        said.append(
            wording.sentence(
                _("What moved it most: {lever}, {amount} a day."),
                lever=most.cause,
                amount=most.text,
            )
        )
    if against:
        most = max(against, key=lambda s: abs(s.value))
        if abs(most.value) >= 0.05 * abs(change):
            said.append(
                wording.sentence(
                    _("What held against it: {lever}, {amount} a day."),
                    lever=most.cause,
                    amount=most.text,
                )
            )
    return said
