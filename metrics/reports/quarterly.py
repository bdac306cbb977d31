"""The review of a quarter: one page for a meeting, whichever way it is read.

Figures are those of the quarter's newest snapshots, and what leans on other quarters (usual,
levers) is computed from theirs, as on every page. Nothing is recomputed from the facts but the
readiness of the data, which tells of the facts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import Quarter
from metrics.calc.segments import ALL
from metrics.calc.types import SegmentFigures
from metrics.reports.document import Cell, Column, Item, Report, Section, Table
from metrics.reports.plain import average, days, money, plain, share
from metrics.reports.quarterly_parts import danger, experiments_of, funnel, readiness
from metrics.selectors import wording
from metrics.selectors.data_readiness import data_readiness
from metrics.selectors.figures import figures_by_segment
from metrics.selectors.filters import segment_text
from metrics.selectors.funnel_page import FunnelPage, funnel_page
from metrics.selectors.movement import lede_of, steps_of
from metrics.selectors.quarter_reviews import Written
from metrics.selectors.quarters_causes import moment_text
from metrics.selectors.quarters_versions import Version
from metrics.selectors.sign_off_words import SignatureText
from metrics.selectors.stage_places import stage_list
from metrics.selectors.velocity_page import VelocityPage, velocity_page
from metrics.selectors.wording import Reading

SEGMENTS = (ALL, "channel=inbound", "channel=outbound")
_UNKNOWN = "channel=unknown"


@dataclass(frozen=True, slots=True)
class Review:
    """The report, and the pages that its pictures are drawn from."""

    report: Report
    velocity: VelocityPage | None
    funnel: FunnelPage | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which quarter: `quarters` are all that have figures up to it, oldest first.

    `pipeline` is a name where one has to be named.
    """

    company: Company
    pipeline_id: int
    pipeline: str
    quarter: Quarter
    quarters: Sequence[Quarter]
    versions: Sequence[Version]
    signatures: Sequence[SignatureText]
    written: Written
    today: datetime
    style: Style
    language: str


def quarterly_review(asked: Asked) -> Review:
    """The whole review. Sections without anything to say say that, and stay."""
    company, style, label = asked.company, asked.style, asked.quarter.label
    found = figures_by_segment(
        company=company,
        segments=[*SEGMENTS, _UNKNOWN],
        upto=asked.quarter.start,
        pipeline_id=asked.pipeline_id,
    )
    now = _of(found, ALL, label)
    sections = [_nothing()]
    velocity = None
    whole = None
    if now is not None:
        before = asked.quarters[-2].label if len(asked.quarters) > 1 else ""
        reading = Reading(style, now.number_of, now.cycle_of)
        velocity = velocity_page(
            history=found[ALL],
            channels={name: found[name] for name in (*SEGMENTS[1:], _UNKNOWN)},
            quarters=[q.label for q in asked.quarters],
            segment=ALL,
            reading=reading,
        )
        whole = funnel_page(
            history=found[ALL],
            quarters=[q.label for q in asked.quarters],
            unit="deals",
            at=None,
            reading=reading,
        )
        stages = stage_list(
            company=company, pipeline_id=asked.pipeline_id, start=asked.quarter.start
        )
        checks = data_readiness(
            company=company,
            pipeline_id=asked.pipeline_id,
            quarter=asked.quarter,
            stages=stages,
            now=now,
            unknown_channel=_of(found, _UNKNOWN, label),
            at=asked.today,
            style=style,
        )
        sections = [
            _velocity(found, label, before, reading),
            _levers(velocity, found, label, reading),
            funnel(now, [_of(found, name, label) for name in SEGMENTS[1:]], style),
            danger(company, asked.pipeline_id, asked.quarter, now, stages, style),
            experiments_of(company, asked.pipeline_id, asked.quarter, asked.today, style),
            readiness(checks),
        ]
    report = Report(
        title=_("Review of {quarter}").format(quarter=formats.quarter(label, asked.pipeline)),
        company=company.name,
        quarter=formats.quarter(label, asked.pipeline),
        label=label,
        printed=moment_text(asked.today, style),
        currency=style.currency,
        language=asked.language,
        direction="ltr",
        lines=_lines(asked),
        warnings=_warnings(asked, now),
        summary=_said(asked.written.summary),
        sections=(*sections, _bets(asked.written)),
        signature=_signed(asked.signatures),
    )
    return Review(report, velocity, whole)


def _of(
    found: Mapping[str, Sequence[SegmentFigures]], segment: str, label: str
) -> SegmentFigures | None:
    return next((f for f in found.get(segment, ()) if f.quarter == label), None)


def _nothing() -> Section:
    """What a quarter without any deal has to say."""
    return Section(
        key="velocity",
        title=_("Velocity"),
        anchor="velocity",
        sentences=(_("No deal was in play in this quarter."),),
    )


def _said(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _lines(asked: Asked) -> tuple[str, ...]:
    style, newest = asked.style, asked.versions[-1]
    first = formats.day(asked.quarter.start, style)
    last = formats.day(asked.quarter.end.fromordinal(asked.quarter.end.toordinal() - 1), style)
    status = {
        "final": _("Final"),
        "settling": _("Settling: late entries still count"),
        "running": _("Running"),
    }[newest.status]
    return (
        _("{first} to {last}. {status}.").format(first=first, last=last, status=status),
        _("Counts what happened before {at}, as far as it was known on {stored}.").format(
            at=moment_text(newest.as_of, style), stored=moment_text(newest.at, style)
        ),
    )


def _warnings(asked: Asked, now: SegmentFigures | None) -> tuple[str, ...]:
    said = []
    newest = asked.versions[-1]
    if newest.status != "final":
        said.append(_("This quarter is not final: its figures will still change."))
    restated = sum(version.number > 1 for version in asked.versions)
    if restated:
        said.append(
            ngettext(
                "Restated {n} time since it was first reported. These are the newest figures.",
                "Restated {n} times since it was first reported. These are the newest figures.",
                restated,
            ).format(n=formats.number(restated, asked.style))
        )
    if now is not None and now.first:
        said.append(_("It is the first quarter on record: its history is incomplete."))
    return tuple(said)


def _velocity(
    found: Mapping[str, Sequence[SegmentFigures]], label: str, before: str, reading: Reading
) -> Section:
    style = reading.style
    now = _of(found, ALL, label)
    assert now is not None  # a quarter without deals has no section of them
    was = _of(found, ALL, before)
    rows = []
    for segment in SEGMENTS:
        figures = _of(found, segment, label)
        if figures is not None:
            rows.append(_velocity_row(segment, figures, _of(found, segment, before), reading))
    lede = lede_of(now, wording.comparable(now, was), was, steps_of(now.levers, reading), style)
    return Section(
        key="velocity",
        title=_("Velocity"),
        anchor="velocity",
        sentences=(plain(lede),),
        pictures=("trend",),
        table=Table(
            title=_("Velocity and its four levers"),
            columns=(
                Column(_("Deals"), numeric=False),
                Column(_("Velocity a day"), "velocity"),
                # xgettext:no-python-format
                Column(_("95% from"), "velocity", where="file"),
                Column(_("95% to"), "velocity", where="file"),
                Column(wording.number_name(now.number_of), "number-of-deals"),
                Column(_("Average deal"), "average-deal-size"),
                Column(_("Win rate"), "win-rate"),
                Column(_("Days to close"), "cycle"),
                Column(_("Quarter before"), "velocity"),
            ),
            rows=tuple(rows),
            note=_("Inbound and outbound are never mixed: one skews the other."),
        ),
    )


def _velocity_row(
    segment: str, now: SegmentFigures, was: SegmentFigures | None, reading: Reading
) -> tuple[Cell, ...]:
    style = reading.style
    low, high = now.velocity_interval or (None, None)
    return (
        Cell(segment_text(segment)),
        money(now.velocity, style, none=wording.empty_reason(now)),
        Cell("", low, "money"),
        Cell("", high, "money"),
        average(now.number_of_deals, style),
        money(now.avg_deal_size, style),
        share(
            now.win_rate,
            style,
            text=formats.rate_of(now.won, now.closed, style) if now.closed else _("none closed"),
        ),
        days(now.cycle_mean, style),
        money(was.velocity if was else None, style, none=_("none")),
    )


def _levers(
    page: VelocityPage | None,
    found: Mapping[str, Sequence[SegmentFigures]],
    label: str,
    reading: Reading,
) -> Section:
    movement = page.movement if page else None
    steps = movement.steps if movement else ()
    if movement is None or not steps:
        sentences: tuple[str, ...] = (movement.reason if movement else _("Nothing to compare."),)
        table = None
    else:
        sentences = (
            _("From {before} in {first} to {after} in {second} per day.").format(
                before=movement.before_text,
                first=movement.before_label,
                after=movement.after_text,
                second=movement.after_label,
            ),
        )
        table = Table(
            title=_("Effect of each lever"),
            columns=(
                Column(_("Effect on velocity a day"), "levers", numeric=False),
                *(Column(segment_text(name), "levers") for name in SEGMENTS),
            ),
            rows=tuple(
                (
                    Cell(step.name),
                    *(_effect(found, name, label, place, reading) for name in SEGMENTS),
                )
                for place, step in enumerate(steps)
            ),
            note=_("In each column the effects add up exactly to the difference."),
        )
    if movement is not None and movement.mix:
        sentences = (*sentences, plain(movement.mix))
    return Section(
        key="levers",
        title=_("What moved velocity"),
        anchor="levers",
        sentences=sentences,
        pictures=("levers",) if steps else (),
        table=table,
    )


def _effect(
    found: Mapping[str, Sequence[SegmentFigures]],
    segment: str,
    label: str,
    place: int,
    reading: Reading,
) -> Cell:
    """What the lever at `place` did in a segment, in money a day."""
    figures = _of(found, segment, label)
    steps = steps_of(figures.levers if figures else None, reading)
    if not steps:
        return Cell(_("not computable"), None, "money")
    step = steps[place]
    return Cell(step.text, step.value, "money", "better" if step.better else "worse")


def _bets(written: Written) -> Section:
    bets = tuple(
        Item(title=f"{number}. {bet}") for number, bet in enumerate(written.bets, start=1) if bet
    )
    return Section(
        key="bets",
        title=_("Next quarter's bets"),
        anchor="",
        sentences=() if bets else (_("No bet has been written down yet."),),
        items=bets,
    )


def _signed(signatures: Sequence[SignatureText]) -> tuple[str, ...]:
    if not signatures:
        return (_("Nobody has signed this quarter."),)
    newest = signatures[0]
    return tuple(
        line
        for line in (
            newest.line,
            newest.comment,
            newest.second,
            newest.second_comment,
            newest.since,
            _("Fingerprint of the signed figures: {digest}").format(digest=newest.digest),
        )
        if line
    )
