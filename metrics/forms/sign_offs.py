"""Signing a quarter, and countersigning it: a comment, and the version that was on the screen."""

from django import forms
from django.utils.translation import gettext_lazy as _

from metrics.forms.danger_points import RemarkField


class SignForm(forms.Form):
    """`seen` is the version that the signer looks at."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    comment = RemarkField(
        label=_("Comment"),
        help_text=_("What a reader should know about this quarter. It cannot be changed later."),
    )


class CountersignForm(forms.Form):
    """`sign_off` is the signature that a second person stands behind."""

    sign_off = forms.IntegerField(widget=forms.HiddenInput)
    comment = RemarkField(label=_("Comment"))
