"""Where a message belongs: a deal that was suggested, or one that is typed."""

from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from pipeline.forms.deal_open import MeantField
from pipeline.selectors.deals_typed import DealMatch


class MailAssignForm(forms.Form):
    """`deal_id` from a suggestion's button; else `deal` is typed and `meant` chosen from a list.

    `matches` are the deals to choose from, where the typed text did not name one.
    """

    deal_id = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    deal = forms.CharField(
        label=_("Another deal"),
        required=False,
        max_length=520,
        validators=[
            ProhibitNullCharactersValidator(
                message=_("This text holds a character that cannot be kept. Type it again.")
            )
        ],
    )
    meant = MeantField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.matches: tuple[DealMatch, ...] = ()

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if "deal_id" in self.errors:
            self.add_error("deal", _("This deal does not exist. Choose another."))
        elif not (given.get("deal_id") or given.get("deal") or self.errors):
            self.add_error("deal", _("Say which deal it belongs to."))
        return given
