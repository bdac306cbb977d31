"""One quarter as it was: the figures that a version stored, what they rest on, and who made it.

Only what the quarter's own deals say stands here. Verdicts, levers and the rest that leans on
other quarters change with those, and are on the pages of today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.selectors import wording
from metrics.selectors.levers import LeverCell, lever_cells
from metrics.selectors.quarters_causes import CauseText, moment_text
from metrics.selectors.quarters_definitions import Term, terms_of
from metrics.selectors.quarters_versions import Signature, Version
from metrics.selectors.stock import bridge_of, facts_of
from metrics.selectors.wording import Fact, Reading


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of the quarter, as the list of versions prints it."""

    number: int
    name: str
    when: str
    why: str
    who: str
    shown: bool


@dataclass(frozen=True, slots=True)
class StageLine:
    """One stage as the version stored it; `anchor` of a figure is in the template."""

    name: str
    reached: str
    went_on: str
    interval: str
    lost: str
    value_lost: str
    pending: str
    days: str


@dataclass(frozen=True, slots=True)
class SignedText:
    """Who stands behind the figures, in words."""

    lines: tuple[str, ...]
    comment: str
    stale: bool


@dataclass(frozen=True, slots=True)
class QuarterPage:
    """Everything that the page prints. `figures` parts are empty where the segment has none."""

    velocity: str
    reason: str
    interval: str
    levers: tuple[LeverCell, ...]
    bridge: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    stages: tuple[StageLine, ...]
    cohort: str
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the quarter rests on, whichever segment is shown."""

    as_of: str
    computed: str
    older: str  # that an older version is shown, or ""
    versions: tuple[VersionRow, ...]
    terms: tuple[Term, ...]
    signed: SignedText | None


def quarter_page(now: SegmentFigures | None, style: Style) -> QuarterPage | None:
    """The stored figures of one segment; None where it had no deal in play in that version."""
    if now is None:
        return None
    own = replace(now, came_back=None, weighted_pipeline=None)
    reading = Reading(style, own.number_of, own.cycle_of)
    notices = []
    if own.path_unknown:
        notices.append(
            ngettext(
                "{n} deal came without its path through the stages and is left out of them.",
                "{n} deals came without their path through the stages and are left out of them.",
                own.path_unknown,
            ).format(n=formats.number(own.path_unknown, style))
        )
    if own.rate_missing:
        notices.append(
            ngettext(
                "{n} deal had an amount in a currency without a rate, and counts without one.",
                "{n} deals had an amount in a currency without a rate, and count without one.",
                own.rate_missing,
            ).format(n=formats.number(own.rate_missing, style))
        )
    return QuarterPage(
        velocity=formats.money(own.velocity, style) or "",
        reason=wording.empty_reason(own),
        interval=formats.money_interval(own.velocity_interval, style) or "",
        levers=lever_cells(own, None, reading),
        bridge=bridge_of(own, None, style),
        facts=facts_of(own, style),
        stages=tuple(_stage(stage, style) for stage in own.stages),
        cohort=_cohort(own, style),
        notices=tuple(notices),
    )


def _stage(stage: StageFigures, style: Style) -> StageLine:
    exits = stage.advanced + stage.lost_at
    few = exits < wording.FEW
    return StageLine(
        name=stage.name,
        reached=formats.number(stage.cohort_reached, style) or "",
        went_on=formats.rate_of(stage.advanced, exits, style) if exits else _("none left"),
        interval="" if few else formats.interval(stage.exit_interval, style) or "",
        lost=formats.number(stage.lost_at, style) or "",
        value_lost=formats.money(stage.value_lost, style) or _("no amounts"),
        pending=formats.number(stage.cohort_pending, style) or "",
        days=formats.days(stage.days_median, style) or _("none"),
    )


def _cohort(now: SegmentFigures, style: Style) -> str:
    opened = now.stages[0].cohort_reached if now.stages else now.opened
    return ngettext(
        "Of {n} deal opened in the quarter {won} was won by then.",
        "Of {n} deals opened in the quarter {won} were won by then.",
        opened,
    ).format(n=formats.number(opened, style), won=formats.number(now.cohort_won, style))


def standing(
    *,
    versions: Sequence[Version],
    shown: Version,
    causes: Mapping[int, CauseText],
    definitions: Mapping[str, Any],
    signature: Signature | None,
    style: Style,
) -> Standing:
    """What stands beside the figures: which version, as of when, with which settings."""
    newest = versions[-1]
    older = ""
    if shown.number != newest.number:
        older = _(
            "This is the quarter as it stood on {day}. It was restated since: the newest version"
            " is of {newest}."
        ).format(day=formats.day(shown.at, style), newest=formats.day(newest.at, style))
    return Standing(
        as_of=moment_text(shown.as_of, style),
        computed=moment_text(shown.at, style),
        older=older,
        versions=tuple(
            _version(version, causes.get(version.number), shown, style)
            for version in reversed(versions)
        ),
        terms=terms_of(definitions, style),
        signed=_signed(signature, style) if signature else None,
    )


def _version(version: Version, cause: CauseText | None, shown: Version, style: Style) -> VersionRow:
    who = cause.who if cause else ""
    if version.number == 0:
        name, why = _("So far"), _("The quarter is not final: its figures are replaced in place.")
    elif version.number == 1:
        name = _("As first reported")
        why = (
            _("Closed when its history was imported.")
            if version.imported
            else _("Closed by the calendar, when its days to settle had passed.")
        )
    else:
        name = _("Restatement {n}").format(n=formats.number(version.number - 1, style))
        why = _why(cause)
    return VersionRow(
        version.number, name, moment_text(version.at, style), why, who, version is shown
    )


def _why(cause: CauseText | None) -> str:
    if cause is None or not cause.facts:
        return _("No fact was recorded in between: it was recomputed.")
    first = cause.facts[0]
    said = f"{first.deal}: {first.what}" if first.deal else first.what
    others = len(cause.facts) - 1
    if not others and not cause.more:
        return said
    if cause.more:
        return _("{first}, and more").format(first=said)
    return ngettext("{first}, and {n} more", "{first}, and {n} more", others).format(
        first=said, n=others
    )


def _signed(signature: Signature, style: Style) -> SignedText:
    lines = [
        _("Signed by {name} on {day}").format(
            name=signature.by, day=formats.day(signature.at, style)
        )
    ]
    if signature.countersigned_at is not None:
        lines.append(
            _("Countersigned by {name} on {day}").format(
                name=signature.countersigned_by,
                day=formats.day(signature.countersigned_at, style),
            )
        )
    return SignedText(tuple(lines), signature.comment, signature.stale)
