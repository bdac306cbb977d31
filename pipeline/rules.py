"""Which moves are allowed, and why not: pure, with a sentence for each refusal."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

CLOCKS_DIFFER = timedelta(minutes=5)


def gettext_noop(sentence: str) -> str:
    """Marks a sentence for translation, which is the services' work: the rules are pure."""
    return sentence


@dataclass(frozen=True, slots=True)
class Refused:
    """Not allowed, because: a sentence with named holes, and what stands in them."""

    template: str
    values: tuple[tuple[str, str | datetime], ...] = ()

    @property
    def sentence(self) -> str:
        """The sentence in English."""
        written = {
            name: f"{value:%-d %B %Y}" if isinstance(value, datetime) else value
            for name, value in self.values
        }
        return self.template.format(**written)


@dataclass(frozen=True, slots=True)
class Entry:
    """A move, correction or withdrawal that somebody wants to record.

    `from_name` and `to_name` are the stages' names (None where there is none), `opened_at` the
    instant of the deal's first transition, `final_before` the day before which quarters are
    final (None when none is).
    """

    from_name: str | None
    to_name: str | None
    same_pipeline: bool
    occurred_at: datetime
    occurred_on: date
    now: datetime
    opened_at: datetime | None
    manages: bool
    final_before: date | None
    retired: bool = False  # the stage, or its pipeline, takes no deals any more


def future(entry: Entry) -> Refused | None:
    """Nothing happens in the future; clocks may differ by five minutes."""
    if entry.occurred_at > entry.now + CLOCKS_DIFFER:
        return Refused(gettext_noop("This lies in the future. Choose a time that has passed."))
    return None


def foreign_stage(entry: Entry) -> Refused | None:
    if not entry.same_pipeline:
        return Refused(
            gettext_noop("{stage} is a stage of another pipeline. Choose one of this deal's."),
            (("stage", str(entry.to_name)),),
        )
    return None


def retired_stage(entry: Entry) -> Refused | None:
    if entry.retired:
        return Refused(
            gettext_noop("{stage} is retired: it takes no deals any more. Choose another."),
            (("stage", str(entry.to_name)),),
        )
    return None


def same_stage(entry: Entry) -> Refused | None:
    if entry.from_name is not None and entry.from_name == entry.to_name:
        return Refused(
            gettext_noop("The deal is in {stage} already."), (("stage", str(entry.to_name)),)
        )
    return None


def before_opening(entry: Entry) -> Refused | None:
    if entry.opened_at is not None and entry.occurred_at < entry.opened_at:
        return Refused(
            gettext_noop(
                "The deal was opened on {day}, after this move."
                " To open it earlier, correct its first move."
            ),
            (("day", entry.opened_at),),
        )
    return None


def final_quarter(entry: Entry) -> Refused | None:
    closed = entry.final_before is not None and entry.occurred_on < entry.final_before
    if closed and not entry.manages:
        return Refused(
            gettext_noop(
                "This falls into a quarter that is closed. Ask a manager to record it:"
                " it will restate that quarter."
            )
        )
    return None


def unkeepable(*texts: str) -> Refused | None:
    """Text that no database keeps: NUL characters and halves of characters."""
    for text in texts:
        if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            return Refused(
                gettext_noop("This text holds a character that cannot be kept. Type it again.")
            )
    return None


OPENING = (future, retired_stage, final_quarter)
MOVE = (future, foreign_stage, retired_stage, same_stage, before_opening, final_quarter)
CORRECTION = (future, foreign_stage, final_quarter)
# What another system recorded is taken as it is: only what cannot be true is refused.
IMPORT = (future, foreign_stage)


def check(entry: Entry, rules: tuple) -> Refused | None:  # type: ignore[type-arg]
    """The first rule that refuses the entry, or None."""
    for rule in rules:
        refused: Refused | None = rule(entry)
        if refused is not None:
            return refused
    return None
