"""What changed, when, and which deals it concerns."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from metrics.forms.danger_points import Choices
from pipeline.forms.fields import DayField, VersionField


class ChangeForm(forms.Form):
    """`version` is what the screen showed; not sent for a new one."""

    happened_on = DayField(label=_("Since when"), required=True)
    text = forms.CharField(
        label=_("What changed"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Such as: new price list."),
        error_messages={
            "required": _("Say what changed."),
            "max_length": _("It has at most 200 characters. Say it shorter."),
        },
    )
    stage = forms.TypedChoiceField(
        label=_("Stage"),
        required=False,
        coerce=int,
        empty_value=None,
        error_messages={"invalid_choice": _("There is no such stage. Choose another one.")},
    )
    segment = forms.ChoiceField(
        label=_("Deals"),
        error_messages={"invalid_choice": _("There are no such deals. Choose from the list.")},
    )
    version = VersionField(required=False)

    def __init__(self, *args: Any, stages: Choices, segments: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stage"].choices = [("", _("Every stage")), *stages]  # type: ignore[attr-defined]
        self.fields["segment"].choices = list(segments)  # type: ignore[attr-defined]


class ChangeVersionForm(forms.Form):
    """Which version of a change the screen showed."""

    version = forms.IntegerField(min_value=0)
