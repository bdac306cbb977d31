"""Won or lost: the questions that matter, and when it was."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from pipeline.forms.fields import KeyField, NoteField, VersionField
from pipeline.forms.happened import HappenedForm
from pipeline.forms.why_lost import Choices, WhyLostForm


class ClosingForm(HappenedForm):
    """What winning and losing share. `stages` are the pipeline's for that end."""

    stage = forms.TypedChoiceField(label=_("Ends as"), coerce=int, required=False, empty_value=None)
    note = NoteField(label=_("Note"))
    key = KeyField()
    version = VersionField()
    restate = forms.BooleanField(required=False)

    def __init__(self, *args: Any, stages: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.several_stages = len(stages) > 1
        self.fields["stage"].choices = stages  # type: ignore[attr-defined]
        self.fields["stage"].required = self.several_stages


class DealWinForm(ClosingForm):
    """The amount is confirmed, and what made them buy is told."""

    amount = forms.DecimalField(
        label=_("Amount"),
        required=False,
        min_value=0,
        max_digits=16,
        decimal_places=2,
        widget=forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal"}),
        help_text=_("What was signed. Empty means not known: the deal then has no size."),
    )
    currency = forms.ChoiceField(label=_("Currency"))
    won_reason = forms.CharField(
        label=_("What made them buy?"),
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": 300}),
        help_text=_("One sentence in their words."),
    )

    def __init__(self, *args: Any, currencies: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = [(c, c) for c in currencies]  # type: ignore[attr-defined]


class DealLoseForm(WhyLostForm, ClosingForm):
    """Why it was lost, and when."""
