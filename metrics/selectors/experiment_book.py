"""The book of experiments: by state, what runs as a bet, and what was learned per lever."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.models import Experiment, Measure
from metrics.selectors.experiment_question import BookQuestion, matching
from metrics.selectors.experiment_rows import ExperimentRow, experiments, rows_of
from metrics.selectors.experiment_words import measure_text
from metrics.selectors.filters import segment_text


@dataclass(frozen=True, slots=True)
class Learned:
    """What the team knows about one lever: a sentence, and the decided experiments behind it."""

    lever: str
    text: str
    rows: tuple[ExperimentRow, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """The experiments that a question means, by state; `total` counts all there are.

    `running` and `stopped` are open bets, the one that waits longest for a decision first.
    """

    total: int
    lede: str
    running: tuple[ExperimentRow, ...]
    stopped: tuple[ExperimentRow, ...]
    drafts: tuple[ExperimentRow, ...]
    decided: tuple[ExperimentRow, ...]
    learned: tuple[Learned, ...]
    owners: tuple[tuple[int, str], ...]
    segments: tuple[tuple[str, str], ...]
    levers: tuple[tuple[str, str], ...]

    @property
    def rows(self) -> tuple[ExperimentRow, ...]:
        """All of them, in the order of the page."""
        return (*self.running, *self.stopped, *self.drafts, *self.decided)


def experiment_book(
    *, company: Company, asked: BookQuestion, user_id: int | None, today: date, style: Style
) -> Book:
    """The page of the book for a question: two queries, however many experiments there are."""
    everything = list(
        Experiment.objects.filter(withdrawn_at=None)
        .select_related("owner")
        .only("state", "measure", "segment", "owner__name", "owner__email")
        .order_by("pk")
    )
    found = matching(experiments(), asked, user_id=user_id).order_by("ends_on", "pk")
    rows = rows_of(list(found), company=company, today=today, style=style)
    by_state: dict[str, list[ExperimentRow]] = {state: [] for state in Experiment.State.values}
    for row in rows:
        by_state[row.state.value].append(row)
    decided = sorted(
        by_state["decided"], key=lambda row: (row.decided_on or date.min, row.id), reverse=True
    )
    return Book(
        total=len(everything),
        lede=_lede([one.state for one in everything], rows, style),
        running=tuple(by_state["running"]),
        stopped=tuple(by_state["stopped"]),
        drafts=tuple(sorted(by_state["draft"], key=lambda row: -row.id)),
        decided=tuple(decided),
        learned=_learned(decided, style),
        owners=_owners(everything),
        segments=tuple(
            (name, segment_text(name))
            for name in sorted({one.segment for one in everything}, key=lambda s: (s != "all", s))
        ),
        levers=tuple(
            (value, measure_text(value))
            for value in Measure.values
            if any(one.measure == value for one in everything)
        ),
    )


def _owners(found: Iterable[Experiment]) -> tuple[tuple[int, str], ...]:
    named = {one.owner.pk: str(one.owner.name or one.owner.email) for one in found if one.owner}
    return tuple(sorted(named.items(), key=lambda pair: (pair[1].casefold(), pair[0])))


def _lede(states: list[str], rows: tuple[ExperimentRow, ...], style: Style) -> str:
    """How many bets run, and how many of those in sight wait for a decision."""
    running = states.count("running")
    said = [
        ngettext("{n} bet runs now.", "{n} bets run now.", running).format(
            n=formats.number(running, style)
        )
        if running
        else _("No bet runs now.")
    ]
    due = sum(row.overdue for row in rows)
    if due:
        said.append(
            ngettext("{n} waits for a decision.", "{n} wait for a decision.", due).format(
                n=formats.number(due, style)
            )
        )
    return " ".join(said)


def _learned(decided: Iterable[ExperimentRow], style: Style) -> tuple[Learned, ...]:
    """By lever, in the order of the measures: how many attempts were clearly better or worse."""
    by_lever: dict[tuple[int, str], list[ExperimentRow]] = {}
    for row in decided:
        by_lever.setdefault((Measure.values.index(row.measure), row.lever), []).append(row)
    return tuple(
        Learned(lever, _sentence(rows, style), tuple(rows))
        for (_place, lever), rows in sorted(by_lever.items())
    )


def _sentence(rows: list[ExperimentRow], style: Style) -> str:
    verdicts = [row.reading.verdict if row.reading else "no_evidence_yet" for row in rows]
    n = {word: verdicts.count(word) for word in ("better", "worse", "no_evidence_yet")}
    adopted = sum(row.decision.value == "adopt" for row in rows)
    tried = ngettext("{n} experiment decided", "{n} experiments decided", len(rows)).format(
        n=formats.number(len(rows), style)
    )
    return _(
        "{tried}: {better} clearly better, {worse} clearly worse, {none} without evidence."
        " Adopted: {adopted}."
    ).format(
        tried=tried,
        better=formats.number(n["better"], style),
        worse=formats.number(n["worse"], style),
        none=formats.number(n["no_evidence_yet"], style),
        adopted=formats.number(adopted, style),
    )
