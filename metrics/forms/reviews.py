"""Starting a review, writing on its sheet, and what the buyer says about a loss."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from metrics.models import ReviewKind
from metrics.selectors.review_page import AnswerRow
from metrics.selectors.review_talks import TalkRow
from metrics.selectors.review_words import INTERVIEWS, TALKS
from pipeline.forms.fields import DayField, KeyField, VersionField
from pipeline.forms.why_lost import WhyLostForm
from pipeline.models import LossLevel

Choices = Sequence[tuple[int, str]]
ANSWER_LENGTH = 20_000
WORDS_LENGTH = 4_000


class LongText(forms.CharField):
    """Free text of several lines, kept as it was typed."""

    def __init__(
        self, *, label: object, length: int, too_long: Any, rows: int = 4, hint: object = ""
    ) -> None:
        super().__init__(
            label=label,  # type: ignore[arg-type]
            required=False,
            help_text=hint,  # type: ignore[arg-type]
            max_length=length,
            widget=forms.Textarea(attrs={"rows": rows}),
            error_messages={"max_length": too_long},
            validators=[
                ProhibitNullCharactersValidator(
                    message=_("This text holds a character that cannot be kept. Type it again.")
                )
            ],
        )
        # A browser's own limit would cut a long paste in silence; the field refuses it in words.
        self.widget.attrs.pop("maxlength", None)

    def to_python(self, value: Any) -> str:
        # Browsers send each line break as two letters.
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\r", "\n")


def _contact_field(people: Choices) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=_("Talked to"),
        coerce=int,
        required=False,
        empty_value=None,
        choices=[("", _("Nobody named")), *people],
        error_messages={
            "invalid_choice": _("This person is not one of the customer's. Choose from the list.")
        },
    )


class ReviewStartForm(forms.Form):
    """Which call or e-mail is reviewed, or with whom and when the interview is held."""

    key = KeyField()

    def __init__(
        self,
        *args: Any,
        kind: str,
        talks: Iterable[TalkRow] = (),
        people: Choices = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if kind in TALKS:
            words = (
                _("Choose the e-mail that you review.")
                if kind == ReviewKind.EMAIL
                else _("Choose the call or meeting that you review.")
            )
            self.fields["activity"] = forms.TypedChoiceField(
                label=_("E-mail") if kind == ReviewKind.EMAIL else _("Call or meeting"),
                coerce=int,
                choices=[(talk.id, talk.title) for talk in talks],
                widget=forms.RadioSelect,
                error_messages=dict.fromkeys(("required", "invalid_choice"), words),
            )
        if kind in INTERVIEWS:
            self.fields["contact"] = _contact_field(people)
            self.fields["held_on"] = DayField(label=_("Day of the talk"), required=True)


class SheetForm(forms.Form):
    """The sheet: a field for each question of the version that the review was started with."""

    version = VersionField()

    def __init__(
        self,
        *args: Any,
        rows: Sequence[AnswerRow],
        interview: bool,
        people: Choices = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["held_on"] = DayField(
            label=_("Day of the talk") if interview else _("Day of the review"), required=True
        )
        if interview:
            self.fields["contact"] = _contact_field(people)
        self.rows = tuple(rows)
        for row in rows:
            self.fields[f"answer_{row.question_id}"] = LongText(
                label=row.text,
                length=ANSWER_LENGTH,
                too_long=_("An answer has at most 20,000 characters. Shorten it."),
                hint=row.hint,
            )

    @property
    def questions(self) -> list[tuple[AnswerRow, forms.BoundField]]:
        """Each question with its field."""
        return [(row, self[f"answer_{row.question_id}"]) for row in self.rows]

    def answers(self) -> dict[int, str]:
        """The answers that were sent, by question id. One that was not sent stays what it was."""
        names = {row.question_id: f"answer_{row.question_id}" for row in self.rows}
        return {pk: self.cleaned_data[name] for pk, name in names.items() if name in self.data}

    def typed(self, row: AnswerRow) -> str:
        """What stands in a question's field, as it would be kept."""
        text = str(self[f"answer_{row.question_id}"].value() or "")
        return text.replace("\r\n", "\n").replace("\r", "\n").strip()


class BuyerForm(WhyLostForm):
    """Why it was lost, as the buyer says it. Optional, until somebody has asked."""

    words = LongText(
        label=_("In the buyer's own words"),
        length=WORDS_LENGTH,
        too_long=_("The buyer's words have at most 4,000 characters. Say it shorter."),
        rows=3,
    )

    def __init__(
        self, *args: Any, reasons: Mapping[str, Choices], competitors: Choices, **kwargs: Any
    ) -> None:
        super().__init__(*args, reasons=reasons, competitors=competitors, may_add=False, **kwargs)
        self.fields["level"] = forms.ChoiceField(
            label=_("Why was it lost, as the buyer says it?"),
            required=False,
            choices=[
                ("", _("Did not say yet")),
                (LossLevel.COMPETITOR, _("They chose a competitor")),
                (LossLevel.NO_DECISION, _("They decided nothing")),
                (LossLevel.OTHER, _("Something else")),
                (LossLevel.UNKNOWN, _("They would not say")),
            ],
            widget=forms.RadioSelect,
        )
