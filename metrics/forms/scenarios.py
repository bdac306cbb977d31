"""A name for a what-if, and why it was kept."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ScenarioForm(forms.Form):
    """`version` is what the screen showed; not sent for a new one."""

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
        error_messages={
            "required": _("Give the scenario a name."),
            "max_length": _("A name has at most 120 characters. Say it shorter."),
        },
    )
    remark = forms.CharField(
        label=_("Remark"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Such as what would have to be done for it."),
        error_messages={"max_length": _("A remark has at most 500 characters. Say it shorter.")},
    )
    version = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)


class VersionForm(forms.Form):
    """Which version of a scenario the screen showed."""

    version = forms.IntegerField(min_value=0)
