"""What was said: a note, or a call or meeting with its note."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from pipeline.forms.fields import KeyField, NoteField
from pipeline.forms.happened import HappenedForm
from pipeline.models import Activity


class NoteForm(forms.Form):
    """A note about the deal, or about one of its activities."""

    body = NoteField(label=_("Note"), required=True)
    activity = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput
    )
    key = KeyField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["body"].error_messages["required"] = _("Write something first.")


class ActivityForm(HappenedForm):
    """A call, a meeting or an e-mail, and what came of it."""

    kind = forms.ChoiceField(
        label=_("What was it?"),
        choices=Activity.Kind.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose call, meeting or e-mail.")},
    )
    subject = forms.CharField(label=_("About"), required=False, max_length=250)
    note = NoteField(label=_("Note"), rows=4)
    key = KeyField()
