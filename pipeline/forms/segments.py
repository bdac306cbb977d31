"""A name for a filter."""

from django import forms
from django.utils.translation import gettext_lazy as _


class SegmentForm(forms.Form):
    """`query` is the address's query string; not sent when a saved one is renamed."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        error_messages={
            "required": _("Give the filter a name."),
            "max_length": _("A name has at most 80 characters. Say it shorter."),
        },
    )
    shared = forms.BooleanField(label=_("Everybody here may use it"), required=False)
    query = forms.CharField(required=False, max_length=4000, strip=False)
