"""What happened to an experiment: its log, with every amendment, its reason and what was before."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.models import Experiment, ExperimentEntry
from metrics.selectors.danger_log import person
from metrics.selectors.experiment_words import EntryLine, decision_text, entry_lines, state_text

Kind = ExperimentEntry.Kind


@dataclass(frozen=True, slots=True)
class StoryRow:
    """An entry of the log, or reminders in a row. `lines` are fields that an amendment changed."""

    at: str
    who: str
    what: str
    icon: str
    said: str
    lines: tuple[EntryLine, ...]
    event: bool  # a turning point: drawn full
    amendment: bool


@dataclass(frozen=True, slots=True)
class Recheck:
    """What a decision's figures came out as when that was last another answer: figure -> value.

    Without any figure they came out as decided.
    """

    day: str
    then: dict[str, Any]
    now: dict[str, Any]

    @property
    def differs(self) -> bool:
        """Whether anything came out different."""
        return bool(self.now)


@dataclass(frozen=True, slots=True)
class Story:
    """The log, newest first; its amendments alone; what the decision came out as, once more."""

    rows: tuple[StoryRow, ...]
    amendments: tuple[StoryRow, ...]
    recheck: Recheck | None


def story_of(experiment: Experiment, *, company: Company, today: date, style: Style) -> Story:
    """Everything that was written down about an experiment. One query."""
    entries = list(
        ExperimentEntry.objects.filter(experiment=experiment)
        .select_related("by")
        .order_by("-at", "-pk")
    )
    rows = tuple(_row(run, experiment, company, today, style) for run in _runs(entries))
    return Story(
        rows=rows,
        amendments=tuple(row for row in rows if row.amendment),
        recheck=_recheck(entries, company, today, style),
    )


def _runs(entries: Iterable[ExperimentEntry]) -> list[list[ExperimentEntry]]:
    """The entries one by one, but for reminders in a row: a run of the same is one line."""
    runs: list[list[ExperimentEntry]] = []
    for entry in entries:
        if runs and _reminder(entry) and _reminder(runs[-1][0]) and runs[-1][0].text == entry.text:
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return runs


def _reminder(entry: ExperimentEntry) -> bool:
    return entry.kind == Kind.AUTOMATIC and entry.after.get("event") == "check_in"


def _row(
    run: list[ExperimentEntry], experiment: Experiment, company: Company, today: date, style: Style
) -> StoryRow:
    entry = run[0]
    amends = entry.kind == Kind.AMENDMENT
    what, said, icon = _words(entry)
    at = formats.day(company.local_day(entry.at), style, today=today)
    if len(run) > 1:
        at = _("{n} times, {first} to {last}").format(
            n=formats.number(len(run), style),
            first=formats.day(company.local_day(run[-1].at), style, today=today),
            last=at,
        )
    return StoryRow(
        at=at,
        who=person(entry.by) or _("By itself"),
        what=what,
        icon=icon,
        said=said,
        lines=_lines(entry, experiment.measure, style),
        event=entry.kind == Kind.STATE,
        amendment=amends,
    )


def _lines(entry: ExperimentEntry, measure: str, style: Style) -> tuple[EntryLine, ...]:
    """What an amendment changed, and the new end of an extension."""
    if entry.kind == Kind.AMENDMENT:
        return entry_lines(entry.before, entry.after, measure=measure, style=style)
    if entry.kind == Kind.STATE and "ends_on" in entry.after:
        end = {"ends_on": entry.after["ends_on"]}
        return entry_lines(entry.before, end, measure=measure, style=style)
    return ()


def _words(entry: ExperimentEntry) -> tuple[str, str, str]:
    """What an entry says, what was said with it, and its icon."""
    match entry.kind:
        case Kind.NOTE:
            return _("Note"), entry.text, "message-circle"
        case Kind.CHECK_IN:
            return _("Check-in"), entry.text, "calendar-check"
        case Kind.AMENDMENT:
            return _("Amended"), entry.text, "pencil"
        case Kind.STATE:
            return _state(entry), entry.text, "flag"
    return entry.text or _("Note"), "", "info"


def _state(entry: ExperimentEntry) -> str:
    """A turning point in words."""
    told = entry.after.get("decision")
    if told:
        return _("Decided: {decision}").format(decision=decision_text(str(told)).word)
    before, after = entry.before.get("state"), entry.after.get("state")
    match (before, after):
        case (None | "", "draft"):
            return _("Drafted")
        case ("draft", "running"):
            reps = entry.after.get("reps")
            if not reps:
                return _("Started")
            return ngettext("Started with {n} rep", "Started with {n} reps", reps).format(n=reps)
        case ("stopped", "running"):
            return _("Resumed")
        case (_, "stopped"):
            return _("Stopped")
    return state_text(str(after)).word if after else _("Changed")


def _recheck(
    entries: list[ExperimentEntry], company: Company, today: date, style: Style
) -> Recheck | None:
    for entry in entries:
        if entry.kind == Kind.AUTOMATIC and entry.after.get("event") == "recheck":
            return Recheck(
                day=formats.day(company.local_day(entry.at), style, today=today),
                then=dict(entry.before.get("figures", {})),
                now=dict(entry.after.get("figures", {})),
            )
    return None
