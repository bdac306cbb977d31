"""A call, a meeting or an e-mail, told from anywhere: about which deal, when, and what was said."""

from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from pipeline.forms.deal_open import MeantField
from pipeline.forms.fields import KeyField, NoteField
from pipeline.forms.happened import HappenedForm
from pipeline.models import Activity
from pipeline.selectors.deals_typed import DealMatch


class QuickCaptureForm(HappenedForm):
    """`matches` are the deals to choose from, where the typed text did not name one."""

    kind = forms.ChoiceField(
        label=_("What was it?"),
        choices=Activity.Kind.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose call, meeting or e-mail.")},
    )
    deal = forms.CharField(
        label=_("Which deal?"),
        max_length=520,
        validators=[
            ProhibitNullCharactersValidator(
                message=_("This text holds a character that cannot be kept. Type it again.")
            )
        ],
        error_messages={"required": _("Say which deal it was about.")},
    )
    meant = MeantField()
    note = NoteField(label=_("Note"), rows=4)
    key = KeyField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.matches: tuple[DealMatch, ...] = ()
        self.fields["note"].widget.attrs["placeholder"] = _("What did you learn?")
