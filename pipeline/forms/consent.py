"""A form that asks before it restates closed quarters."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class ConsentForm(forms.Form):
    """A form that may ask first: `restates` says what it would do to closed quarters."""

    restates = ""
    restates_button: Any = _("Change it and restate")
    restate = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def agreed(self) -> bool:
        """Was the question about closed quarters answered?"""
        return bool(self.cleaned_data.get("restate"))
