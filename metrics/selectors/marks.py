"""What happened and when, for the marks on charts: recorded changes and experiments."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import Quarter
from metrics.models import Experiment, RecordedChange
from metrics.selectors.filters import segment_text


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that happened: `kind` is change, started, adopted or stopped.

    `running`: an experiment of this very stage (where one was asked for) that is under way.
    """

    day: date
    text: str
    url: str
    kind: str
    running: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """What a chart says over one of its points; `short` where there is no room for `text`."""

    index: int
    text: str
    short: str


@dataclass(frozen=True, slots=True)
class MarkLine:
    """A mark as the list below a chart prints it."""

    day: str
    text: str
    url: str
    kind: str


def marks_of(
    *,
    company: Company,
    pipeline_id: int,
    segment: str,
    stage_id: int | None = None,
    retired: Collection[int] = (),
) -> tuple[Mark, ...]:
    """What may explain a change of figures, oldest first: two queries.

    Of a stage (`stage_id`, with those `retired` that count as it) what concerns it or no stage in
    particular; without one everything in the pipeline. Of a segment what concerns it or all
    deals; of `all` everything, each naming its segment. Experiments are marked at their start,
    and at their end: one that was stopped has moved the line too, while it ran.
    """
    changes = RecordedChange.objects.filter(withdrawn_at=None).filter(
        Q(pipeline_id=None) | Q(pipeline_id=pipeline_id)
    )
    experiments = Experiment.objects.filter(
        pipeline_id=pipeline_id,
        started_at__isnull=False,
        withdrawn_at=None,
    )
    if stage_id is not None:
        here = Q(stage_id=None) | Q(stage_id__in={stage_id, *retired})
        changes, experiments = changes.filter(here), experiments.filter(here)
    if segment != "all":
        theirs = Q(segment="all") | Q(segment=segment)
        changes, experiments = changes.filter(theirs), experiments.filter(theirs)
    found = [_of_change(company, change, segment) for change in changes]
    for experiment in experiments:
        found += _of_experiment(company, experiment, segment, stage_id)
    return tuple(sorted(found, key=lambda mark: (mark.day, mark.kind, mark.text)))


def _of_change(company: Company, change: RecordedChange, segment: str) -> Mark:
    text = _about(change.text, change.segment, segment)
    return Mark(change.happened_on, text, _url("change_list", company), "change")


def _of_experiment(
    company: Company, experiment: Experiment, segment: str, stage_id: int | None
) -> list[Mark]:
    url = _url("experiment", company, experiment_id=experiment.pk)
    title = _about(experiment.title, experiment.segment, segment)
    assert experiment.started_at is not None  # the query asked for those that were started
    start = experiment.starts_on or company.local_day(company.clock(experiment.started_at))
    running = experiment.state == Experiment.State.RUNNING
    running = running and (stage_id is None or experiment.stage_id is not None)
    found = [Mark(start, _("Started: {title}").format(title=title), url, "started", running)]
    if experiment.state not in (Experiment.State.STOPPED, Experiment.State.DECIDED):
        return found
    adopted = experiment.decision == Experiment.Decision.ADOPT
    ended = experiment.decided_at if adopted else experiment.stopped_at or experiment.decided_at
    if ended is not None:
        said = _("Adopted: {title}") if adopted else _("Stopped: {title}")
        day = company.local_day(company.clock(ended))
        found.append(Mark(day, said.format(title=title), url, "adopted" if adopted else "stopped"))
    return found


def _about(text: str, segment: str, asked: str) -> str:
    """The text, with its segment where that is not the one that was asked for."""
    return text if segment in ("all", asked) else f"{text} ({segment_text(segment)})"


def _url(name: str, company: Company, **more: Any) -> str:
    """A page's address; "" while it does not exist."""
    try:
        return reverse(f"metrics:{name}", kwargs={"company_slug": company.slug, **more})
    except NoReverseMatch:
        return ""


def flags(marks: Sequence[Mark], quarters: Sequence[Quarter], style: Style) -> tuple[Flag, ...]:
    """The marks of a chart with a point per quarter: one flag a quarter, several share it."""
    flagged = []
    for index, quarter in enumerate(quarters):
        inside = [mark for mark in marks if quarter.start <= mark.day < quarter.end]
        if not inside:
            continue
        n = formats.number(len(inside), style) or ""
        many = ngettext("{n} change", "{n} changes", len(inside)).format(n=n)
        flagged.append(Flag(index, inside[0].text if len(inside) == 1 else many, n))
    return tuple(flagged)


def mark_lines(
    marks: Sequence[Mark], quarters: Sequence[Quarter], style: Style
) -> tuple[MarkLine, ...]:
    """The marks that lie in these quarters, newest first, as text."""
    if not quarters:
        return ()
    first, last = quarters[0].start, quarters[-1].end
    return tuple(
        MarkLine(formats.day(mark.day, style), mark.text, mark.url, mark.kind)
        for mark in reversed(marks)
        if first <= mark.day < last
    )
