"""Taking a danger point on, and the small changes of one."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from metrics.calc.danger_states import STATES
from pipeline.forms.fields import DayField, VersionField

Choices = Sequence[tuple[Any, Any]]


class RemarkField(forms.CharField):
    """What is said about it, in a few lines."""

    def __init__(self, *, label: object, required: bool = False, help_text: object = "") -> None:
        super().__init__(
            label=label,  # type: ignore[arg-type]
            required=required,
            help_text=help_text,  # type: ignore[arg-type]
            max_length=1000,
            widget=forms.Textarea(attrs={"rows": 2}),
            error_messages={
                "required": _("A remark needs words."),
                "max_length": _("A remark has at most 1,000 characters. Say it shorter."),
            },
            validators=[
                ProhibitNullCharactersValidator(
                    message=_("This text holds a character that cannot be kept. Type it again.")
                )
            ],
        )


def _owner_field(owners: Choices) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=_("Owner"),
        coerce=int,
        required=False,
        empty_value=None,
        choices=[("", _("Nobody yet")), *owners],
        error_messages={
            "invalid_choice": _(
                "The owner must be a member who may write. Choose one from the list."
            )
        },
    )


class DangerOpenForm(forms.Form):
    """Which stage, for which deals, whose, by when."""

    quarter = forms.CharField(required=False, max_length=12, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, stages: Choices, segments: Choices, owners: Choices, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stage"] = forms.TypedChoiceField(
            label=_("Stage"),
            coerce=int,
            choices=[("", _("Choose a stage")), *stages],
            error_messages={"required": _("Choose the stage where deals are lost.")},
        )
        self.fields["segment"] = forms.ChoiceField(label=_("For"), choices=list(segments))
        self.fields["owner"] = _owner_field(owners)
        self.fields["due_on"] = DayField(label=_("Due"))
        self.fields["remark"] = RemarkField(
            label=_("Remark"), help_text=_("What you suspect, or what to try first.")
        )


class StateForm(forms.Form):
    """One of the buttons, and why."""

    version = VersionField()
    to = forms.ChoiceField(
        choices=[(state, state) for state in STATES],
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("required", "invalid_choice"),
            _("There is no such state. Choose one of the buttons."),
        ),
    )
    reason = RemarkField(label=_("Why"), help_text=_("Needed to dismiss it, welcome otherwise."))


class OwnerForm(forms.Form):
    version = VersionField()

    def __init__(self, *args: Any, owners: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"] = _owner_field(owners)


class DueForm(forms.Form):
    version = VersionField()
    due_on = DayField(label=_("Due"))


class RemarkForm(forms.Form):
    remark = RemarkField(label=_("Add a remark"), required=True)
