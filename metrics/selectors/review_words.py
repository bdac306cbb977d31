"""Kinds and states of reviews for people, and what each kind can be of."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from metrics.models import Review, ReviewKind
from metrics.selectors.finding_sources import source_of
from pipeline.models import Activity
from pipeline.selectors.settings_catalogues import level_text

INTERVIEWS = frozenset({ReviewKind.CUSTOMER.value, ReviewKind.LOST.value})
# What is reviewed; interviews review nothing that was recorded.
TALKS: Mapping[str, frozenset[str]] = {
    ReviewKind.CALL.value: frozenset({Activity.Kind.CALL.value, Activity.Kind.MEETING.value}),
    ReviewKind.EMAIL.value: frozenset({Activity.Kind.EMAIL.value}),
}
KINDS: tuple[str, ...] = tuple(ReviewKind.values)


@dataclass(frozen=True, slots=True)
class Word:
    """Something for people: its word, icon and the tone of its tag."""

    value: str
    word: str
    icon: str
    tone: str = ""


def kind_word(kind: str) -> Word:
    """A kind of review; its words are those of the source of findings of the same name."""
    source = source_of(kind)
    return Word(kind, str(source.word), source.icon)


def kind_how(kind: str) -> str:
    """How it is done, in one sentence."""
    return str(source_of(kind).how)


def state_word(state: str) -> Word:
    """A state of a review."""
    known = {
        Review.State.DRAFT.value: Word(state, _("Draft"), "pencil", "watch"),
        Review.State.DONE.value: Word(state, pgettext("review", "Done"), "check", "better"),
        Review.State.WITHDRAWN.value: Word(state, _("Withdrawn"), "undo-2"),
    }
    return known.get(state, Word(state, state, "circle-help"))


def reason_text(level: str, detail: str = "", competitor: str = "") -> str:
    """A reason for a loss in one line: "Competitor: cheaper (Acme)"; empty while nobody said."""
    if not level:
        return ""
    said = level_text(level)
    if detail and detail.casefold() != said.casefold():
        said = f"{said}: {detail}"
    return f"{said} ({competitor})" if competitor else said
