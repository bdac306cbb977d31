"""Two segments side by side, stage by stage: inbound against outbound first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from accounts import formats
from metrics.calc.experiments.estimates import newcombe
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.selectors import wording
from metrics.selectors.deal_links import DealLinks, Line, joined, line, plain
from metrics.selectors.filters import Question, segment_text
from metrics.selectors.funnel_columns import per_100
from metrics.selectors.stage_block import by_frequency, reason_text, same_stage


@dataclass(frozen=True, slots=True)
class Verdict:
    """A stage's verdict as a tag."""

    tone: str
    word: str
    icon: str


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One figure of both segments; `difference` is the first less the second, or why not."""

    term: str
    anchor: str
    first: Line
    second: Line
    difference: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class StagePair:
    """One stage of both segments."""

    name: str
    first: Verdict | None
    second: Verdict | None
    rows: tuple[MeasureRow, ...]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The comparison. `empty` says why there is none; then there are no stages."""

    first: str
    second: str
    title: str
    stages: tuple[StagePair, ...]
    empty: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A comparison that the page offers: what it says, and its query string."""

    text: str
    query: str


def suggestions(question: Question, segments: Sequence[str]) -> tuple[Suggestion, ...]:
    """What to set a segment beside: for all deals inbound against outbound, for a channel the
    other one, for any other segment all deals. Only what has figures in the quarter."""
    inbound, outbound = "channel=inbound", "channel=outbound"
    pairs = {
        "all": [(inbound, outbound)],
        inbound: [(inbound, outbound), (inbound, "all")],
        outbound: [(outbound, inbound), (outbound, "all")],
    }.get(question.segment, [(question.segment, "all")])
    return tuple(
        Suggestion(
            _("{first} against {second}").format(
                first=segment_text(first), second=segment_text(second)
            ),
            question.query(segment=first, versus=second, at=question.at),
        )
        for first, second in pairs
        if first in segments and second in segments
    )


def side_by_side(
    now: SegmentFigures, name: str, other: SegmentFigures | None, links: DealLinks
) -> SideBySide:
    """The asked segment (`now`) beside a second one of the same quarter, `name`."""
    first, second = segment_text(now.segment), segment_text(name)
    title = _("{first} against {second}").format(first=first, second=second)
    if other is None:
        empty = _("{segment} has no deal in {quarter}.").format(
            segment=second, quarter=formats.quarter(now.quarter)
        )
        return SideBySide(first, second, title, (), empty)
    ours, theirs = links, replace(links, segment=name)
    pairs = [(s, same_stage(other, s.name, s.position)) for s in now.stages]
    bases = tuple(f.stages[0].cohort_reached if f.stages else 0 for f in (now, other))
    return SideBySide(
        first,
        second,
        title,
        tuple(
            StagePair(
                one.name,
                _verdict(one),
                _verdict(two),
                _rows(one, two, (bases[0], bases[1]), ours, theirs),
            )
            for one, two in pairs
        ),
        "",
    )


def _verdict(stage: StageFigures | None) -> Verdict | None:
    if stage is None:
        return None
    return Verdict(stage.verdict, *wording.verdict_text(stage.verdict))


def _rows(
    one: StageFigures,
    two: StageFigures | None,
    bases: tuple[int, int],
    ours: DealLinks,
    theirs: DealLinks,
) -> tuple[MeasureRow, ...]:
    if two is None:
        return ()
    return (
        _reached(one, two, bases, ours, theirs),
        _conversion(one, two, ours, theirs),
        _time(one, two, ours, theirs),
        _worth(one, two, ours),
        MeasureRow(_("Lost because of"), "value-lost", _mix(one, ours), _mix(two, theirs), "", ""),
    )


def _too_few() -> str:
    return _("too few deals to tell")


def _reached(
    one: StageFigures,
    two: StageFigures,
    bases: tuple[int, int],
    ours: DealLinks,
    theirs: DealLinks,
) -> MeasureRow:
    def told(stage: StageFigures, base: int, links: DealLinks) -> Line:
        n = links.count(stage.cohort_reached, "cohort_reached", stage.position)
        of = links.count(base, "cohort_reached", 1)
        if base < wording.FEW:
            return line(_("{k} of {n}"), k=n, n=of)
        share = per_100(stage.cohort_reached / base, links.style)
        return line(_("{share} ({n} of {all})"), share=share, n=n, all=of)

    few = min(bases) < wording.FEW
    shares = [s.cohort_reached / b if b else 0.0 for s, b in zip((one, two), bases, strict=True)]
    return MeasureRow(
        _("Reached, of 100"),
        "funnel",
        told(one, bases[0], ours),
        told(two, bases[1], theirs),
        _too_few() if few else formats.pts(shares[0] - shares[1], ours.style) or "",
    )


def _conversion(
    one: StageFigures, two: StageFigures, ours: DealLinks, theirs: DealLinks
) -> MeasureRow:
    def told(stage: StageFigures, links: DealLinks) -> Line:
        n = stage.advanced + stage.lost_at
        if not n:
            return plain(_("no deal left this stage"))
        rate = links.rate_of((stage.advanced, "advanced"), (n, "exits"), stage.position)
        if n < wording.FEW:
            return rate
        within = formats.interval(stage.exit_interval, links.style)
        return line("{rate}, {within}", rate=rate, within=within)

    difference, note = _too_few(), ""
    n1, n2 = (s.advanced + s.lost_at for s in (one, two))
    if min(n1, n2) >= wording.FEW:
        change = one.advanced / n1 - two.advanced / n2
        low, high = newcombe(one.advanced, n1, two.advanced, n2)
        difference = formats.pts(change, ours.style) or ""
        note = _("95% {low} to {high}").format(
            low=formats.signed_number(100 * low, ours.style, decimals=1),
            high=formats.pts(high, ours.style),
        )
        if low <= 0 <= high:
            note += ", " + _("no clear difference")
    return MeasureRow(
        _("Went on"),
        "exit-conversion",
        told(one, ours),
        told(two, theirs),
        difference,
        note,
    )


def _time(one: StageFigures, two: StageFigures, ours: DealLinks, theirs: DealLinks) -> MeasureRow:
    def told(stage: StageFigures, links: DealLinks) -> Line:
        if stage.days_median is None:
            return plain(_("no deal left this stage"))
        n = links.count(stage.days_count, "days", stage.position)
        days = formats.days(stage.days_median, links.style)
        return line(_("median {days}, n = {n}"), days=days, n=n)

    if one.days_median is None or two.days_median is None:
        difference = ""
    elif min(one.days_count, two.days_count) < wording.FEW:
        difference = _too_few()
    else:
        difference = formats.signed_days(one.days_median - two.days_median, ours.style) or ""
    return MeasureRow(
        _("Time in stage"), "time-in-stage", told(one, ours), told(two, theirs), difference
    )


def _worth(one: StageFigures, two: StageFigures, links: DealLinks) -> MeasureRow:
    def told(stage: StageFigures) -> Line:
        if stage.worth_of_one_more is None:
            return plain(_("not computable: too little won"))
        worth = formats.money(stage.worth_of_one_more, links.style)
        return (
            line(_("{money}, thin: under 5 won deals"), money=worth)
            if stage.worth_is_thin
            else plain(worth)
        )

    difference = ""
    if one.worth_of_one_more is not None and two.worth_of_one_more is not None:
        thin = one.worth_is_thin or two.worth_is_thin
        change = one.worth_of_one_more - two.worth_of_one_more
        difference = _too_few() if thin else formats.signed_money(change, links.style) or ""
    return MeasureRow(_("Worth of one more"), "worth-of-one-more", told(one), told(two), difference)


def _mix(stage: StageFigures, links: DealLinks) -> Line:
    """Competitor 52%, No decision 30%: of those lost at the stage; counts where they are few."""
    if not stage.lost_at:
        return plain(_("no deal lost"))
    few = stage.lost_at < wording.FEW
    return joined(
        (
            line(
                "{reason} {n}",
                reason=reason_text(level),
                n=links.number(
                    formats.number(deals, links.style)
                    if few
                    else formats.rate(deals, stage.lost_at, links.style),
                    "lost_at",
                    stage.position,
                    level.replace("_", " "),
                ),
            )
            for level, deals, _amount in by_frequency(stage)
        ),
        ", ",
    )
