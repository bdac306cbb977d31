"""Experiments as rows: what is tried where, what it shows so far, how certain, whose, since when.

Nothing is computed here: the newest stored result is read, or what a decision froze.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.experiments.result import Reading, Worth
from metrics.models import Experiment, ExperimentResult
from metrics.selectors.experiment_sentences import unread_text
from metrics.selectors.experiment_stored import part_in
from metrics.selectors.experiment_words import (
    Word,
    decision_text,
    design_text,
    effect_interval_text,
    effect_text,
    measure_text,
    smallest_effect,
    smallest_text,
    state_text,
    verdict_text,
)
from metrics.selectors.filters import segment_text


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """One experiment, ready to print, with its plain values for sorting, counting and files.

    `reading` is the primary measure of the newest stored result, or as it was decided on; None
    while nothing was computed. `lasted` is the same two quarters after adopting.
    """

    id: int
    title: str
    lever: str
    measure: str
    segment: str
    segment_name: str
    design: str
    state: Word
    decision: Word
    reason: str
    owner_id: int | None
    owner: str
    days: str
    overdue: bool
    expected: str
    effect: str
    interval: str
    certainty: str
    word: Word | None
    worth: str
    cases: str
    missing: str  # why there are no figures, as a sentence
    harmed: int
    lasted: str
    lasted_word: Word | None
    reading: Reading | None
    lasted_reading: Reading | None
    smallest: float | None  # on the scale of effects, with its direction
    starts_on: date | None
    ends_on: date | None  # the first day after
    decided_on: date | None
    follow_up_on: date | None
    stage_id: int | None
    pipeline_id: int

    @property
    def settled(self) -> bool:
        """Is what it shows conclusive?"""
        return self.reading is not None and self.reading.verdict != "no_evidence_yet"


def _newest(kind: str, key: str) -> Subquery:
    """A part of the newest stored figures of one kind."""
    rows = ExperimentResult.objects.filter(experiment=OuterRef("pk"), kind=kind).order_by("-day")
    return Subquery(rows.values(part=KeyTransform(key, "figures"))[:1])


def experiments() -> QuerySet[Experiment]:
    """Every experiment that was not thrown away, with the parts of its figures that rows show."""
    running, later = ExperimentResult.Kind.RUNNING, ExperimentResult.Kind.FOLLOW_UP
    found: QuerySet[Experiment] = (
        Experiment.objects.filter(withdrawn_at=None)
        .select_related("stage", "owner")
        .defer("decided_figures")
        .annotate(
            now_method=_newest(running, "method"),
            now_primary=_newest(running, "primary"),
            now_worth=_newest(running, "worth"),
            now_guardrails=_newest(running, "guardrails"),
            then_method=KeyTransform("method", "decided_figures"),
            then_primary=KeyTransform("primary", "decided_figures"),
            then_worth=KeyTransform("worth", "decided_figures"),
            then_guardrails=KeyTransform("guardrails", "decided_figures"),
            later_primary=_newest(later, "primary"),
        )
    )
    return found


def rows_of(
    found: Sequence[Experiment], *, company: Company, today: date, style: Style
) -> tuple[ExperimentRow, ...]:
    """The experiments as rows, in their order."""
    return tuple(_row(one, company, today, style) for one in found)


def _row(one: Any, company: Company, today: date, style: Style) -> ExperimentRow:
    decided = one.state == Experiment.State.DECIDED
    primary = one.then_primary if decided else one.now_primary
    worth = one.then_worth if decided else one.now_worth
    method = one.then_method if decided else one.now_method
    guards = one.then_guardrails if decided else one.now_guardrails
    reading: Reading | None = part_in(Reading, primary)
    lasted: Reading | None = part_in(Reading, one.later_primary)
    rails: tuple[Reading, ...] = part_in(tuple[Reading, ...], guards) or ()
    text, overdue = _days(one, company, today, style)
    known = reading is not None and reading.effect is not None
    expected = None
    if one.smallest_effect is not None:
        expected = smallest_effect(one.measure, one.smallest_effect, one.rising)
    return ExperimentRow(
        id=one.pk,
        title=one.title,
        lever=measure_text(one.measure, one.stage.name if one.stage else ""),
        measure=one.measure,
        segment=segment_text(one.segment),
        segment_name=one.segment,
        design=design_text(one.design),
        state=state_text(one.state),
        decision=decision_text(one.decision if decided else ""),
        reason=one.decision_reason if decided else "",
        owner_id=one.owner_id,
        owner=str(one.owner.name or one.owner.email) if one.owner else "",
        days=text,
        overdue=overdue,
        expected=smallest_text(one.measure, one.smallest_effect, one.rising, style),
        effect=effect_text(reading.measure, reading.effect, style) if reading else "",
        interval=(
            effect_interval_text(reading.measure, reading.always_valid, style) if reading else ""
        ),
        certainty=(
            (formats.chance(reading.chance_better, style) or "") if reading and known else ""
        ),
        word=verdict_text(reading.words) if reading else None,
        worth=_worth(part_in(Worth, worth), style),
        cases=_cases(reading, style),
        missing=_missing(one, method, reading),
        harmed=sum(row.verdict == "worse" for row in rails),
        lasted=effect_text(lasted.measure, lasted.effect, style) if lasted else "",
        lasted_word=verdict_text(lasted.words) if lasted else None,
        reading=reading,
        lasted_reading=lasted,
        smallest=expected,
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        decided_on=_day(company, one.decided_at) if decided else None,
        follow_up_on=one.follow_up_on,
        stage_id=one.stage_id,
        pipeline_id=one.pipeline_id,
    )


def _days(one: Experiment, company: Company, today: date, style: Style) -> tuple[str, bool]:
    """Where it stands in time, and whether a decision is overdue."""
    if one.state == Experiment.State.DECIDED and one.decided_at is not None:
        decided = _day(company, one.decided_at)
        return _("Decided {day}").format(day=formats.day(decided, style, today=today)), False
    if one.state == Experiment.State.STOPPED and one.stopped_at is not None:
        stopped = _day(company, one.stopped_at)
        said = _("Stopped {day}, to be decided")
        return said.format(day=formats.day(stopped, style, today=today)), True
    starts, ends = one.starts_on, one.ends_on
    if starts is None or ends is None:
        return _("No days yet"), False
    if one.state == Experiment.State.DRAFT or today < starts:
        said = _("From {day}").format(day=formats.day(starts, style, today=today))
        return said, False
    if today >= ends:
        last = date.fromordinal(ends.toordinal() - 1)
        said = _("Ended {day}, to be decided")
        return said.format(day=formats.day(last, style, today=today)), True
    said = _("Day {n} of {all}").format(
        n=formats.number((today - starts).days + 1, style),
        all=formats.number((ends - starts).days, style),
    )
    return said, False


def _day(company: Company, instant: Any) -> date:
    return company.local_day(company.clock(instant))


def _worth(worth: Worth | None, style: Style) -> str:
    if worth is None:
        return ""
    return _("{money} if it holds").format(money=formats.money_per_day(worth.per_day, style))


def _missing(one: Experiment, method: Any, reading: Reading | None) -> str:
    """Why there is nothing to show: not computed yet, or by a method that is not read here."""
    if reading is not None or one.state == Experiment.State.DRAFT:
        return ""
    if method is not None:
        return unread_text(method)
    if one.state == Experiment.State.DECIDED:
        return _("Nothing was computed before the decision")
    return _("Nothing computed yet")


def _cases(reading: Reading | None, style: Style) -> str:
    """How many cases each side rests on: 86 before, 71 since."""
    if reading is None:
        return ""
    before = formats.number(reading.baseline.n, style)
    since = formats.number(reading.test.n, style)
    return _("{before} against {since} cases").format(before=before, since=since)
