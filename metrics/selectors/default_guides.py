"""The questions that a company starts with. Its own take their place as soon as it has some."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from metrics.models import ReviewKind


@dataclass(frozen=True, slots=True)
class DefaultQuestion:
    """A question, with what helps to answer it. `key` is what stays the same over versions."""

    key: str
    text: Any
    hint: Any = ""


_Q = DefaultQuestion

DEFAULT_GUIDES: Mapping[str, tuple[DefaultQuestion, ...]] = {
    ReviewKind.CALL.value: (
        _Q(
            "questions_asked",
            _("Which questions did the buyer ask?"),
            _("In their words, one a line. A question that comes back is one to answer earlier."),
        ),
        _Q(
            "worries",
            _("Which worries did you hear?"),
            _("What they seemed to fear, said or only hinted at: price, time, risk, their boss."),
        ),
        _Q(
            "objections",
            _("Which objections did they raise?"),
            _("What they held against buying, or against buying now."),
        ),
        _Q(
            "how_answered",
            _("How were they answered?"),
            _("What our side said to each, and how the buyer took it."),
        ),
        _Q(
            "better_answer",
            _("What would have been a better answer?"),
            _("Write it so that a colleague could say it on the next call."),
        ),
        _Q(
            "lost_here",
            _("At which moment did the call turn?"),
            _("The minute or sentence after which interest rose or fell."),
        ),
    ),
    ReviewKind.EMAIL.value: (
        _Q("next_step", _("Does it ask for a next step?"), _("Which one, and is it one step?")),
        _Q(
            "date",
            _("Does it name a date?"),
            _("A day and an hour that the buyer can say yes or no to."),
        ),
        _Q(
            "buyers_reason",
            _("Does it speak of the buyer's reason to buy?"),
            _("In the buyer's words, from what they said before; or only of us?"),
        ),
        _Q(
            "answers_questions",
            _("Does it answer what was asked?"),
            _("Every question of the buyer's last message, before anything else."),
        ),
        _Q(
            "worries",
            _("Which worry does it leave open?"),
            _("What a careful buyer would still ask after reading it."),
        ),
        _Q(
            "better_answer",
            _("How would you write it instead?"),
            _("A version that a colleague could send as it stands."),
        ),
    ),
    ReviewKind.CUSTOMER.value: (
        _Q(
            "before",
            _("What was happening when you started to look?"),
            _("Ask for the day and the event. Let them tell it, and do not sell."),
        ),
        _Q(
            "moved_forward",
            _("What moved you forward?"),
            _("What we said, sent or did that made the next step easy."),
        ),
        _Q(
            "nearly_stopped",
            _("What nearly stopped you?"),
            _("The moment at which they thought of leaving it. Ask what got them over it."),
        ),
        _Q(
            "who_else",
            _("Who else decided, and what did they want to know?"),
            _("Names of roles are enough."),
        ),
        _Q(
            "material",
            _("Which material helped, and which was missing?"),
            _("What they showed to others, and what they had to write themselves."),
        ),
        _Q(
            "alternatives",
            _("What else did you consider?"),
            _("Other suppliers, doing it themselves, or doing nothing."),
        ),
    ),
    ReviewKind.LOST.value: (
        _Q(
            "what_instead",
            _("What did you decide in the end: another supplier, or to leave it?"),
            _("Competitor or no decision. Both are fine answers; do not argue."),
        ),
        _Q("which", _("Which one, or what did you do instead?"), _("Only if they like to say.")),
        _Q(
            "why",
            _("Why?"),
            _("Ask once more after the first answer: the first is often the price."),
        ),
        _Q(
            "changed_it",
            _("What would have changed it?"),
            _("Something that we could have said, shown or done, and when."),
        ),
        _Q(
            "when_decided",
            _("When did you know?"),
            _("The moment, and what had just happened. It tells at which stage we lost."),
        ),
        _Q(
            "who_else",
            _("Who else decided, and what did they want to know?"),
            _("Names of roles are enough."),
        ),
    ),
}
