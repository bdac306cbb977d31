"""Correct a wrong move: another stage, another time, or that it never happened."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pipeline.forms.fields import KeyField, VersionField
from pipeline.forms.happened import DAY, HappenedForm

CHANGE, WITHDRAW = "change", "withdraw"


class TransitionCorrectForm(HappenedForm):
    """The day and time that are recorded stand in the form; unchanged, the instant stays."""

    what = forms.ChoiceField(
        label=gettext_lazy("What is wrong?"),
        choices=[
            (CHANGE, gettext_lazy("The stage or the time")),
            (WITHDRAW, gettext_lazy("It never happened")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Say what is wrong with this move.")},
    )
    stage = forms.TypedChoiceField(
        label=gettext_lazy("It really moved to"), coerce=int, required=False, empty_value=None
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        help_text=gettext_lazy("Shown in the history, beside the old entry."),
        error_messages={
            "required": gettext_lazy("Say why. The old entry stays in the history with it.")
        },
    )
    key = KeyField()
    version = VersionField()
    restate = forms.BooleanField(required=False)

    def __init__(
        self,
        *args: Any,
        stages: Sequence[tuple[int, str]],
        withdrawable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stage"].choices = stages  # type: ignore[attr-defined]
        self.fields["when"].widget = forms.HiddenInput()
        if not withdrawable:
            self.fields["what"].label = _("What is true?")
            self.fields["what"].choices = [(CHANGE, _("It did happen"))]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if (
            given.get("what") == CHANGE
            and given.get("stage") is None
            and "stage" not in self.errors
        ):
            self.add_error("stage", _("Choose the stage that the deal really moved to."))
        return given

    def _day(self, given: dict[str, Any]) -> Any:
        given["when"] = DAY
        if given.get("what") == WITHDRAW:
            given["at"] = None
            return None
        return super()._day(given)
