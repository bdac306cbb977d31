"""All decided experiments side by side: what they showed, what was hoped for, whether it lasted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.experiments.kinds import Measure as Kind
from metrics.calc.uncertainty import wilson
from metrics.models import Measure
from metrics.selectors.experiment_question import BookQuestion, matching
from metrics.selectors.experiment_rows import ExperimentRow, experiments, rows_of
from metrics.selectors.experiment_words import KINDS, Word, effect_text, measure_text


@dataclass(frozen=True, slots=True)
class Compared:
    """Hoped for against measured: `share` of the hoped for effect, empty where not computable."""

    row: ExperimentRow
    expected: str
    measured: str
    share: str
    reached: Word
    lasted: str
    lasted_word: Word | None


@dataclass(frozen=True, slots=True)
class Group:
    """The decided experiments on one kind of measure, the largest effect first."""

    kind: Kind
    title: str
    unit: str
    rows: tuple[ExperimentRow, ...]
    without: tuple[ExperimentRow, ...]  # that have no effect to draw


@dataclass(frozen=True, slots=True)
class Comparison:
    """The page that compares: how often a try was clearly better, of all that were decided
    (`better`) and of those adopted (`hits`), groups to draw, and a line of each.
    """

    decided: int
    better: int
    better_rate: str
    better_note: str
    adopted: int
    hits: int
    hit_rate: str
    hit_note: str
    worse: int
    lasted: str
    groups: tuple[Group, ...]
    compared: tuple[Compared, ...]


def experiment_comparison(
    *, company: Company, asked: BookQuestion, user_id: int | None, today: date, style: Style
) -> Comparison:
    """Every decided experiment that a question means: one query."""
    found = matching(experiments().filter(state="decided"), asked, user_id=user_id)
    rows = rows_of(
        list(found.order_by("-decided_at", "-pk")), company=company, today=today, style=style
    )
    adopted = [row for row in rows if row.decision.value == "adopt"]
    hits = sum(_verdict(row) == "better" for row in adopted)
    better = sum(_verdict(row) == "better" for row in rows)
    return Comparison(
        decided=len(rows),
        better=better,
        better_rate=formats.rate_of(better, len(rows), style) if rows else "",
        better_note=_better_note(better, len(rows), style),
        adopted=len(adopted),
        hits=hits,
        hit_rate=formats.rate_of(hits, len(adopted), style) if adopted else "",
        hit_note=_hit_note(hits, len(adopted), style),
        worse=sum(_verdict(row) == "worse" for row in adopted),
        lasted=_lasted(adopted, style),
        groups=_groups(rows),
        compared=tuple(_compared(row, style) for row in rows),
    )


def _verdict(row: ExperimentRow) -> str:
    return row.reading.verdict if row.reading else "no_evidence_yet"


def _better_note(better: int, decided: int, style: Style) -> str:
    """What the share of all decided says, which does not depend on what was adopted."""
    said = _("Clearly better on the day of the decision, adopted or not.")
    pair = wilson(better, decided) if decided else None
    return f"{said} {formats.interval(pair, style)}." if pair else said


def _hit_note(hits: int, adopted: int, style: Style) -> str:
    if not adopted:
        return _("Nothing was adopted yet, so there is no hit rate.")
    said = _(
        "Adopted, and clearly better on the day of the decision. Who adopts nothing but clear"
        " winners has 100% here, however few they are."
    )
    pair = wilson(hits, adopted)
    return f"{said} {formats.interval(pair, style)}." if pair else said


def _lasted(adopted: Sequence[ExperimentRow], style: Style) -> str:
    """How many of those that could be asked still do what they did."""
    asked = [row for row in adopted if row.lasted_reading is not None]
    if not asked:
        return _("None could be asked yet") if adopted else ""
    kept = sum(row.lasted_reading.verdict == "better" for row in asked if row.lasted_reading)
    return formats.rate_of(kept, len(asked), style)


def _groups(rows: Sequence[ExperimentRow]) -> tuple[Group, ...]:
    units = {
        "number": _("Change in deals opened a week, per cent"),
        "win_rate": _("Change of the win rate, percentage points"),
        "conversion": _("Change of the conversion, percentage points"),
        "cycle": _("Change of the cycle, days"),
        "deal_size": _("Change of the deal size, per cent"),
    }
    groups = []
    for measure in Measure.values:
        its = [row for row in rows if row.measure == measure]
        drawn = [row for row in its if row.reading and row.reading.effect is not None]
        drawn.sort(key=lambda row: (-_gain(row), row.id))
        if its:
            groups.append(
                Group(
                    KINDS[measure],
                    measure_text(measure),
                    units[measure],
                    tuple(drawn),
                    tuple(row for row in its if row not in drawn),
                )
            )
    return tuple(groups)


def _gain(row: ExperimentRow) -> float:
    """The effect in the wanted direction."""
    reading = row.reading
    if reading is None or reading.effect is None:
        return 0.0
    change = reading.effect - reading.no_effect
    return change if reading.direction == "up" else -change


def _compared(row: ExperimentRow, style: Style) -> Compared:
    reading = row.reading
    share = None
    if reading is not None and reading.effect is not None and row.smallest is not None:
        hoped = row.smallest - reading.no_effect
        share = (reading.effect - reading.no_effect) / hoped if hoped else None
    if share is None:
        reached = Word("", _("Not computable"), "minus", "")
    elif share >= 1:
        reached = Word("reached", _("Reached"), "check", "healthy")
    elif share > 0:
        reached = Word("partly", _("Less than hoped for"), "equal", "watch")
    else:
        reached = Word("missed", _("The other way, or nothing"), "circle-alert", "danger")
    return Compared(
        row=row,
        expected=row.expected,
        measured=effect_text(reading.measure, reading.effect, style) if reading else "",
        share=(formats.percent(share, style) or "") if share is not None else "",
        reached=reached,
        lasted=row.lasted,
        lasted_word=row.lasted_word,
    )
