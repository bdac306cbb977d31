"""Correct a wrong move: another stage, another time, or that it never happened."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pipeline.forms.fields import KeyField, VersionField
from pipeline.forms.happened import DAY, HappenedForm
from pipeline.forms.why_lost import WhyLostForm

CHANGE, WITHDRAW = "change", "withdraw"


class StageSelect(forms.Select):
    """A choice of stages whose options say which of them are a loss, for the style sheet."""

    lost: frozenset[int] = frozenset()

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        if option["value"] in self.lost:
            option["attrs"]["data-ends"] = "lost"
        return option


class TransitionCorrectForm(WhyLostForm, HappenedForm):
    """The day and time that are recorded stand in the form; unchanged, the instant stays.

    `lost` are the stages that are a loss; `was_lost` says that the move was one already, so that
    its reason may stay as it is.
    """

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
        label=gettext_lazy("It really moved to"),
        coerce=int,
        required=False,
        empty_value=None,
        widget=StageSelect,
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
        lost: frozenset[int] = frozenset(),
        was_lost: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stage"].choices = stages  # type: ignore[attr-defined]
        self.fields["stage"].widget.lost = lost
        self.fields["level"].required = False
        self.lost, self.was_lost = lost, was_lost
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
        answered = self.was_lost or given.get("level") or "level" in self.errors
        if self._to_a_loss(given) and not answered:
            self.add_error("level", self.fields["level"].error_messages["required"])
        return given

    def _to_a_loss(self, given: dict[str, Any]) -> bool:
        return given.get("what") == CHANGE and given.get("stage") in self.lost

    def loss_or_none(self) -> dict[str, Any] | None:
        """The answers about the loss that it really was; None where it was none, or where they
        stay as they are."""
        given = self.cleaned_data
        return self.loss() if self._to_a_loss(given) and given.get("level") else None

    def _day(self, given: dict[str, Any]) -> Any:
        given["when"] = DAY
        if given.get("what") == WITHDRAW:
            given["at"] = None
            return None
        return super()._day(given)
