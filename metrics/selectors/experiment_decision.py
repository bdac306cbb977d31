"""What was decided, on which figures, what they would be today, and whether it lasted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.experiments.kinds import Empty
from metrics.calc.experiments.result import METHOD, ExperimentFigures, Reading
from metrics.models import Experiment
from metrics.selectors.danger_log import person
from metrics.selectors.experiment_sentences import (
    empty_text,
    side_empty_text,
    side_words,
    unread_text,
)
from metrics.selectors.experiment_stored import figures_in, method_in
from metrics.selectors.experiment_story import Recheck
from metrics.selectors.experiment_units import Units
from metrics.selectors.experiment_words import Word, decision_text, verdict_text


@dataclass(frozen=True, slots=True)
class DecidedRow:
    """A figure as decided and as it would come out today; `differs` where those are two."""

    name: str
    then: str
    now: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Lasting:
    """The follow-up of an adopted change: its answer, or when it will be asked."""

    headline: str
    sentence: str
    tag: str
    tone: str
    icon: str
    day: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision as the page prints it."""

    word: Word
    reason: str
    who: str
    day: str
    note: str
    rows: tuple[DecidedRow, ...]
    differs: bool
    lasting: Lasting | None


def decision_of(
    experiment: Experiment,
    frozen: ExperimentFigures | None,
    recheck: Recheck | None,
    lasted: Mapping[str, Any] | None,
    *,
    company: Company,
    today: date,
    style: Style,
) -> Decision | None:
    """The decision of an experiment; None before there is one. `lasted`: as it is stored."""
    if not experiment.decision or experiment.decided_at is None:
        return None
    rows = _rows(frozen, recheck, style) if frozen is not None else ()
    return Decision(
        word=decision_text(experiment.decision),
        reason=experiment.decision_reason,
        who=person(experiment.decided_by),
        day=formats.day(company.local_day(experiment.decided_at), style, today=today),
        note=_note(experiment, frozen, recheck),
        rows=rows,
        differs=recheck is not None and recheck.differs,
        lasting=_lasting(experiment, lasted, today=today, style=style),
    )


def _note(experiment: Experiment, frozen: ExperimentFigures | None, recheck: Recheck | None) -> str:
    """What became of the figures that it was decided on, computed again: as far as that is true."""
    stored = experiment.decided_figures
    if not stored:
        return _("There were no figures yet when this was decided.")
    if frozen is None:
        return unread_text(method_in(stored))
    if experiment.decision == Experiment.Decision.EXTEND:
        return _("It runs on. What it showed when it was extended is kept here.")
    if frozen.method != METHOD:
        return _outdated(frozen.method, recheck)
    if recheck is None:
        return _(
            "From the coming night on the same figures are computed again every night, from what"
            " is known then about that time. What comes out is said here."
        )
    if not recheck.differs:
        return _(
            "Every night the same figures are computed again, from what is known then about that"
            " time. On {day} they came out as they were decided on, and no other answer was found"
            " since."
        ).format(day=recheck.day)
    return _(
        "Facts from before the decision were entered or corrected since: on {day} the figures came"
        " out differently. What was decided on stays as it was."
    ).format(day=recheck.day)


def _outdated(method: int, recheck: Recheck | None) -> str:
    """The method has changed since: what can be said of figures that it no longer computes."""
    said = _(
        "These figures are of version {then} of the method, which has changed since: today's is"
        " version {now}. They stay as they were decided on and are no longer computed again, for"
        " the difference would be one of methods."
    ).format(then=method, now=METHOD)
    if recheck is None:
        return said
    last = (
        _("Before that, on {day}, they came out differently.")
        if recheck.differs
        else _("Before that, on {day}, they came out as they were decided on.")
    )
    return f"{said} {last.format(day=recheck.day)}"


def _rows(
    frozen: ExperimentFigures, recheck: Recheck | None, style: Style
) -> tuple[DecidedRow, ...]:
    primary = frozen.primary
    units = Units(primary.measure, style)
    before, after = side_words(frozen.design)
    told = _told(primary)
    now = {**told, **(recheck.now if recheck else {})}
    changed = set(recheck.now) if recheck else set()
    named = (
        (("baseline_value",), before, lambda v: units.value(v["baseline_value"])
            or side_empty_text(primary.baseline.reason)),
        (("baseline_n",), _("{side}, n").format(side=before), lambda v: _n(v["baseline_n"], style)),
        (("test_value",), after, lambda v: units.value(v["test_value"])
            or side_empty_text(primary.test.reason)),
        (("test_n",), _("{side}, n").format(side=after), lambda v: _n(v["test_n"], style)),
        (("effect",), _("Change"), lambda v: units.effect(v["effect"])
            or _reason(v["reason"], frozen)),
        (("always_valid_low", "always_valid_high"), _("Always valid"), lambda v: _span(v, units)),
        (("verdict",), _("Verdict"), lambda v: _verdict(v["verdict"])),
    )  # fmt: skip
    return tuple(
        DecidedRow(name, written(told), written(now), bool(changed & set(keys)))
        for keys, name, written in named
    )


def _told(reading: Reading) -> dict[str, Any]:
    """The figures that are compared, by the names under which a recomputation notes them."""
    low, high = reading.always_valid or (None, None)
    return {
        "baseline_value": reading.baseline.value,
        "baseline_n": reading.baseline.n,
        "test_value": reading.test.value,
        "test_n": reading.test.n,
        "effect": reading.effect,
        "always_valid_low": low,
        "always_valid_high": high,
        "verdict": reading.verdict,
        "reason": reading.reason,
    }


def _n(value: int | None, style: Style) -> str:
    return formats.number(value, style) or ""


def _reason(reason: Empty | None, frozen: ExperimentFigures) -> str:
    return empty_text(reason, frozen.design) if reason else ""


def _span(values: Mapping[str, Any], units: Units) -> str:
    low, high = values["always_valid_low"], values["always_valid_high"]
    return "" if low is None or high is None else units.span((float(low), float(high)))


def _verdict(verdict: str) -> str:
    return {
        "better": _("Better"),
        "worse": _("Worse"),
        "no_evidence_yet": _("No evidence yet"),
    }.get(verdict, verdict)


def _lasting(
    experiment: Experiment, stored: Mapping[str, Any] | None, *, today: date, style: Style
) -> Lasting | None:
    """Did it last? Asked of adopted changes only."""
    if experiment.decision != Experiment.Decision.ADOPT:
        return None
    lasted = figures_in(stored)
    if stored and lasted is None:
        said = unread_text(method_in(stored))
        return Lasting(_("It was asked"), said, _("Not shown"), "", "info", "")
    if lasted is None:
        due = experiment.follow_up_on
        told = _("Two quarters after the decision the same measure is computed again by itself.")
        if due is not None:
            told = _("On {day} the same measure is computed again by itself.").format(
                day=formats.day(due, style, today=today)
            )
        return Lasting(_("Not asked yet"), told, _("Later"), "", "hourglass", "")
    primary = lasted.primary
    units = Units(primary.measure, style)
    word = verdict_text(primary.words)
    headline = {
        "better": _("Yes, it lasted"),
        "worse": _("No, it is worse than before"),
        "no_evidence_yet": _("It cannot be told"),
    }[primary.verdict]
    if primary.reason is not None:
        sentence = empty_text(primary.reason, lasted.design)
    else:
        sentence = _(
            "Before the change {before} ({before_n}), since it was adopted {after} ({after_n});"
            " change {effect}, always valid {span}."
        ).format(
            before=units.side(primary.baseline),
            before_n=units.n(primary.baseline),
            after=units.side(primary.test),
            after_n=units.n(primary.test),
            effect=units.effect(primary.effect),
            span=units.span(primary.always_valid),
        )
    day = formats.day(lasted.last_day, style, today=today)
    return Lasting(headline, sentence, word.word, word.tone, word.icon, day)
