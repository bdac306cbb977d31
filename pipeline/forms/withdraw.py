"""Take a recorded move back."""

from django import forms
from django.utils.translation import gettext_lazy as _

from pipeline.forms.fields import KeyField, VersionField


class WithdrawForm(forms.Form):
    """Why it never happened. Without a version the deal may have changed meanwhile."""

    reason = forms.CharField(label=_("Reason"), max_length=300)
    version = VersionField(required=False)
    key = KeyField()
