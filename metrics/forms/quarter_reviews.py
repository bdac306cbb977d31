"""The written part of a quarter's review."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ReviewForm(forms.Form):
    """`version` is what the screen showed; 0 while nothing was written."""

    summary = forms.CharField(
        label=_("Summary"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("What leadership should know before it reads the figures."),
        error_messages={"max_length": _("The summary has at most 4,000 characters.")},
    )
    bet_1 = forms.CharField(label=_("First bet"), required=False, max_length=300)
    bet_2 = forms.CharField(label=_("Second bet"), required=False, max_length=300)
    bet_3 = forms.CharField(label=_("Third bet"), required=False, max_length=300)
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    @property
    def bets(self) -> list[str]:
        return [self.cleaned_data[f"bet_{n}"] for n in (1, 2, 3)]
