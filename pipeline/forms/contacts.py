"""A person at a customer."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

YES, NO, NOT_ASKED = "yes", "no", ""
_DECIDES = {YES: True, NO: False, NOT_ASKED: None}


class ContactForm(forms.Form):
    """Name, role in the company, how to reach them, and whether they decide.

    The `seen_` fields carry what the screen showed, so that nobody's change is overwritten.
    """

    name = forms.CharField(
        label=_("Name"), max_length=200, error_messages={"required": _("A contact needs a name.")}
    )
    title = forms.CharField(
        label=_("Role"),
        required=False,
        max_length=120,
        help_text=_("Their position, such as head of purchasing."),
    )
    decides = forms.ChoiceField(
        label=_("Do they decide?"),
        required=False,
        widget=forms.RadioSelect,
        choices=[(YES, _("Yes")), (NO, _("No")), (NOT_ASKED, _("Not asked yet"))],
    )
    email = forms.EmailField(label=_("E-mail"), required=False, max_length=254)
    phone = forms.CharField(label=_("Phone"), required=False, max_length=60)
    do_not_track = forms.BooleanField(
        label=_("Do not count what they open"),
        required=False,
        help_text=_("Links still lead them to the material; nothing is recorded."),
    )
    seen = forms.JSONField(required=False, widget=forms.HiddenInput)

    def person(self) -> dict[str, Any]:
        """The answers as services.contacts.Person takes them."""
        given = self.cleaned_data
        return {
            "name": given["name"],
            "title": given["title"],
            "email": given["email"],
            "phone": given["phone"],
            "decides": _DECIDES[given["decides"]],
            "do_not_track": given["do_not_track"],
        }


def answer_of(decides: bool | None) -> str:
    """The choice that stands for what is kept."""
    return {True: YES, False: NO, None: NOT_ASKED}[decides]
