"""What to bear in mind before believing an experiment: its design, its deals, and what else was.

Before and after cannot tell the change from whatever else happened then; arms can be uneven or
mixed up; deals may be of another kind. Each caution is a sentence, with its place where it has one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.experiments.mix import Shift
from metrics.calc.experiments.reps import LEVEL
from metrics.calc.experiments.result import ArmsFigures, ExperimentFigures, Reading
from metrics.models import Experiment, RecordedChange
from metrics.selectors.filters import UNKNOWN, segment_parts, segment_text, value_text

_BESIDE = 5  # other changes or experiments that are named one by one
_UNEVEN = 0.05  # the p under which arm and stratum hang together more than chance would do
_SPREAD = 1.5  # how much more than chance weeks may vary before it is said


@dataclass(frozen=True, slots=True)
class Beside:
    """Something else that happened in the same time, for deals that may be the same."""

    text: str
    day: str
    url: str


@dataclass(frozen=True, slots=True)
class MixRow:
    """One value of an attribute: its share on both sides."""

    attribute: str
    value: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Cautions:
    """Sentences in the order of their weight; `mix` in full for who opens it."""

    sentences: tuple[str, ...]
    beside: tuple[Beside, ...]
    beside_more: int
    mix: tuple[MixRow, ...]


def overlap(one: str, other: str) -> bool:
    """Can a deal be in both segments? Not where a dimension has two different values."""
    first, second = segment_parts(one), segment_parts(other)
    return all(second.get(name, value) == value for name, value in first.items())


def cautions(
    experiment: Experiment,
    figures: ExperimentFigures | None,
    *,
    company: Company,
    today: date,
    style: Style,
) -> Cautions:
    """All that a reader should know beside the verdict: two queries."""
    beside = _beside(experiment, company=company, today=today, style=style)
    said = [_design(experiment)]
    if figures is not None:
        said += [_reps(figures.primary, style), _entries(figures.primary, style)]
        said += [_young(figures, style), _mix(figures, style), _overlapping(figures, style)]
        said += _left_out(figures, style)
        said.append(_spread(figures))
        if figures.arms is not None:
            said += _arms(figures.arms, experiment.design, style)
    said.append(_others(len(beside)))
    return Cautions(
        sentences=tuple(sentence for sentence in said if sentence),
        beside=beside[:_BESIDE],
        beside_more=max(0, len(beside) - _BESIDE),
        mix=_mix_rows(figures.mix, style) if figures is not None else (),
    )


def _design(experiment: Experiment) -> str:
    if experiment.design == Experiment.Design.BEFORE_AFTER:
        return _(
            "Before and after, no control group: it cannot tell the change from whatever else"
            " happened then."
        )
    if experiment.design == Experiment.Design.ARMS_BY_REP:
        return _(
            "Two arms at the same time, by rep. Deals of one rep are alike, so the truth is wider"
            " than these intervals, and a verdict asks for the reps' own values too."
        )
    return _("Two arms at the same time, drawn deal by deal: what else happens touches both alike.")


def _reps(primary: Reading, style: Style) -> str:
    """Why a verdict on arms by rep waits, or whom it rests on."""
    reps = primary.reps
    if reps is None:
        return ""
    parts = {
        "test": formats.number(reps.test, style),
        "control": formats.number(reps.baseline, style),
    }
    if reps.p_value is None:
        told = _(
            "Reps with a value: {test} test, {control} control. That is too few to tell the change"
            " from the reps themselves, so there is no verdict."
        )
        return told.format(**parts)
    if not reps.sign:
        parts["p"] = formats.number(reps.p_value, style, decimals=3)
        parts["most"] = formats.number(1 - LEVEL, style, decimals=3)
        told = _(
            "Taking each rep as one value, {test} test and {control} control reps are not clearly"
            " apart (p = {p}; a verdict asks for less than {most}), so it may be the reps and"
            " not the change."
        )
        return told.format(**parts)
    return _("Taking each rep as one value, test and control reps are clearly apart ({p}).").format(
        p=formats.p_value(reps.p_value, style)
    )


def _entries(primary: Reading, style: Style) -> str:
    """Whether quick deals come first in the test of a later stage."""
    entries = primary.entries
    if entries is None or not (entries.early or primary.held == "quick_first"):
        return ""
    days = formats.days(entries.days, style) or ""
    told = ngettext(
        "Quick deals come first: {n} deal of the test counts already though it opened less than"
        " {days} ago, when slow ones cannot count yet.",
        "Quick deals come first: {n} deals of the test count already though they opened less than"
        " {days} ago, when slow ones cannot count yet.",
        entries.early,
    ).format(n=formats.number(entries.early, style), days=days)
    if primary.held == "quick_first":
        told += " " + _("The verdict waits until deals of equal age say the same.")
    return told


def _young(figures: ExperimentFigures, style: Style) -> str:
    before, after = figures.primary.baseline.young, figures.primary.test.young
    if not before + after:
        return ""
    n = formats.number(before + after, style)
    days = formats.days(figures.follow_up, style) or ""
    return ngettext(
        "{n} deal is too young to count: its {days} of follow-up are not over.",
        "{n} deals are too young to count: their {days} of follow-up are not over.",
        before + after,
    ).format(n=n, days=days)


def attribute_text(attribute: str) -> str:
    """An attribute of deals, as the mix names it."""
    return {
        "channel": _("Channel"),
        "source": _("Source"),
        "size": _("Size"),
        "rep": _("Rep"),
    }.get(attribute, attribute)


def _label(attribute: str, label: str) -> str:
    if attribute != "size":
        return value_text(attribute, label or UNKNOWN)
    return {
        "small": _("Small"),
        "middle": _("Middle"),
        "large": _("Large"),
        UNKNOWN: _("No amount"),
    }.get(label, label)


def _mix(figures: ExperimentFigures, style: Style) -> str:
    # Arms by rep differ by their reps because that is what they are.
    by_rep = figures.design == "arms_by_rep"
    moved = sorted(
        (row for row in figures.mix if row.moved and not (by_rep and row.attribute == "rep")),
        key=lambda row: -(row.distance or 0.0),
    )
    if not any(row.distance is not None for row in figures.mix):
        return ""
    if not moved:
        return _("The mix of deals moved no more than by chance.")
    row = moved[0]
    share = max(row.shares, key=lambda s: abs((s.test_share or 0.0) - (s.baseline_share or 0.0)))
    before, after = (
        formats.percent(part, style) or "" for part in (share.baseline_share, share.test_share)
    )
    told = _("The mix of deals moved: {value} was {before} and is {after}.")
    if figures.design != "before_after":
        told = _("The mix of deals differs: {value} is {before} in control, {after} in test.")
    text = told.format(value=_label(row.attribute, share.label), before=before, after=after)
    if len(moved) > 1:
        names = ", ".join(attribute_text(other.attribute) for other in moved[1:])
        text += " " + _("Also moved: {attributes}.").format(attributes=names)
    return text


def _mix_rows(shifts: Iterable[Shift], style: Style) -> tuple[MixRow, ...]:
    return tuple(
        MixRow(
            attribute=attribute_text(row.attribute),
            value=_label(row.attribute, share.label),
            before=_share(share.baseline, share.baseline_share, style),
            after=_share(share.test, share.test_share, style),
        )
        for row in shifts
        for share in row.shares
    )


def _share(count: int, share: float | None, style: Style) -> str:
    n = formats.number(count, style) or ""
    return n if share is None else f"{formats.percent(share, style)} ({n})"


def _overlapping(figures: ExperimentFigures, style: Style) -> str:
    count = figures.primary.baseline.overlapping
    if not count:
        return ""
    return ngettext(
        "{n} deal from before was still followed after the start: the change may have touched it.",
        "{n} deals from before were still followed after the start: the change may have touched"
        " them.",
        count,
    ).format(n=formats.number(count, style))


def _left_out(figures: ExperimentFigures, style: Style) -> list[str]:
    primary = figures.primary
    said = []
    unknown = primary.baseline.path_unknown + primary.test.path_unknown
    if unknown:
        said.append(
            ngettext(
                "{n} deal was imported without its path and is left out.",
                "{n} deals were imported without their path and are left out.",
                unknown,
            ).format(n=formats.number(unknown, style))
        )
    unpriced = primary.baseline.without_amount + primary.test.without_amount
    if unpriced:
        said.append(
            ngettext(
                "{n} won deal has no amount that can be compared.",
                "{n} won deals have no amount that can be compared.",
                unpriced,
            ).format(n=formats.number(unpriced, style))
        )
    return said


def _spread(figures: ExperimentFigures) -> str:
    known = [index for index in figures.spread if index is not None]
    if not known or max(known) < _SPREAD:
        return ""
    return _(
        "Weeks differ by more than chance alone does, so the truth is wider than these intervals."
    )


def _arms(arms: ArmsFigures, design: str, style: Style) -> list[str]:
    by_rep = design == Experiment.Design.ARMS_BY_REP
    balance = arms.balance
    said = [
        (
            _("Reps in the arms: {test} test, {control} control.")
            if by_rep
            else _("Deals in the arms: {test} test, {control} control.")
        ).format(
            test=formats.number(balance.test, style),
            control=formats.number(balance.baseline, style),
        )
    ]
    if balance.p_value is not None and balance.p_value < _UNEVEN:
        said.append(
            _("The arms are uneven: they differ by {gap} in one of the strata ({p}).").format(
                gap=formats.number(balance.largest_gap, style),
                p=formats.p_value(balance.p_value, style),
            )
        )
    mixed = len(arms.contamination.deals)
    if mixed:
        told = ngettext(
            "{n} deal of {all} changed hands since; it counts in the arm that it began in.",
            "{n} deals of {all} changed hands since; they count in the arms that they began in.",
            mixed,
        )
        if by_rep:
            told = ngettext(
                "{n} deal of {all} went to a rep of the other arm; it counts where it began.",
                "{n} deals of {all} went to a rep of the other arm; they count where they began.",
                mixed,
            )
        said.append(
            told.format(
                n=formats.number(mixed, style),
                all=formats.number(arms.contamination.checked, style),
            )
        )
    if arms.unassigned:
        said.append(
            ngettext(
                "{n} deal of the segment is in no arm and does not count.",
                "{n} deals of the segment are in no arm and do not count.",
                arms.unassigned,
            ).format(n=formats.number(arms.unassigned, style))
        )
    return said


def _others(count: int) -> str:
    if not count:
        return ""
    return ngettext(
        "One other change or experiment touches the same deals in this time.",
        "{n} other changes or experiments touch the same deals in this time.",
        count,
    ).format(n=count)


def _beside(
    experiment: Experiment, *, company: Company, today: date, style: Style
) -> tuple[Beside, ...]:
    """Recorded changes and other experiments between the first and the last day looked at."""
    if experiment.starts_on is None:
        return ()
    first = experiment.baseline_start or experiment.starts_on
    last = min(today, experiment.ends_on - timedelta(days=1)) if experiment.ends_on else today
    found = [
        (
            row.happened_on,
            Beside(
                row.text,
                formats.day(row.happened_on, style, today=today),
                _at(company, "change_list"),
            ),
        )
        for row in _changes(experiment, first, last)
        if overlap(row.segment, experiment.segment)
    ]
    for row in _experiments(experiment, first, last):
        if not overlap(row.segment, experiment.segment) or row.starts_on is None:
            continue
        text = _("Experiment: {title}").format(title=row.title)
        if row.segment not in ("all", experiment.segment):
            text += f" ({segment_text(row.segment)})"
        day = formats.day(row.starts_on, style, today=today)
        url = _at(company, "experiment", experiment_id=row.pk)
        found.append((row.starts_on, Beside(text, day, url)))
    return tuple(row for _day, row in sorted(found, key=lambda pair: pair[0], reverse=True))


def _changes(experiment: Experiment, first: date, last: date) -> Any:
    here = Q(pipeline_id=None) | Q(pipeline_id=experiment.pipeline_id)
    return RecordedChange.objects.filter(
        here, withdrawn_at=None, happened_on__gte=first, happened_on__lte=last
    ).order_by("happened_on", "pk")


def _experiments(experiment: Experiment, first: date, last: date) -> Any:
    """Others of the pipeline that ran on one of these days."""
    return (
        Experiment.objects.filter(
            Q(ends_on=None) | Q(ends_on__gt=first),
            pipeline_id=experiment.pipeline_id,
            started_at__isnull=False,
            withdrawn_at=None,
            starts_on__lte=last,
        )
        .exclude(pk=experiment.pk)
        .order_by("starts_on", "pk")
    )


def _at(company: Company, name: str, **more: Any) -> str:
    return reverse(f"metrics:{name}", kwargs={"company_slug": company.slug, **more})
