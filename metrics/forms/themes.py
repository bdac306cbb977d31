"""A theme's name, and another theme to merge it into."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _


class ThemeForm(forms.Form):
    """The name; `seen` is the one that the screen showed."""

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        error_messages={"required": _("It needs a name.")},
        validators=[
            ProhibitNullCharactersValidator(
                message=_("This text holds a character that cannot be kept. Type it again.")
            )
        ],
    )
    seen = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)


class ThemeMergeForm(forms.Form):
    """Which theme it goes into."""

    into = forms.TypedChoiceField(
        label=_("Merge into"),
        coerce=int,
        error_messages={
            "required": _("Choose one."),
            "invalid_choice": _("Choose another one, which is in use, to merge it into."),
        },
    )

    def __init__(self, *args: Any, choices: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["into"].choices = [("", _("Choose")), *choices]  # type: ignore[attr-defined]
