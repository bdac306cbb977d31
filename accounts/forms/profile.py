"""The person's own page."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ProfileForm(forms.Form):
    """Name, and whether one-letter keys work."""

    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        error_messages={"required": _("Say how others should see you.")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    shortcuts = forms.BooleanField(label=_("Keyboard shortcuts of one letter"), required=False)
