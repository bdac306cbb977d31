"""Move a deal: to which stage, when it happened, with what note."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from pipeline.forms.fields import KeyField, NoteField, VersionField
from pipeline.forms.happened import HappenedForm
from pipeline.selectors.moves_allowed import StageChoice


class DealMoveForm(HappenedForm):
    """The move menu sends `stage`, `key` and `version` alone; the move page all of it."""

    stage = forms.TypedChoiceField(
        label=_("Move to"),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose the stage that the deal moved to."),
            "invalid_choice": _(
                "This is no open stage of the deal's pipeline. Winning and losing have their own"
                " form, since they ask for the reason."
            ),
        },
    )
    note = NoteField(label=_("Note"))
    key = KeyField()
    version = VersionField()
    restate = forms.BooleanField(required=False)

    def __init__(self, *args: Any, stages: Sequence[StageChoice], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stage"].choices = [(s.id, s.name) for s in stages]  # type: ignore[attr-defined]
