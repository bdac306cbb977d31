"""Change many deals at once."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from pipeline.forms.fields import DayField, KeyField

REP = "rep"
STEP = "step"


class BulkForm(forms.Form):
    """`action` says which of the two is meant: another rep, or the next step with its day.

    The deals are those whose numbers come as `deal`; with `every` all that match `query`, which
    were `count` when the page was drawn.
    """

    action = forms.ChoiceField(choices=[(REP, REP), (STEP, STEP)])
    rep = forms.ChoiceField(label=_("Rep"), required=False)
    next_step = forms.CharField(
        label=_("Next step"),
        max_length=200,
        required=False,
        error_messages={
            "max_length": _("A next step has at most 200 characters. Say it shorter."),
        },
    )
    next_step_on = DayField(label=_("Due on"))
    every = forms.BooleanField(required=False)
    count = forms.IntegerField(required=False, min_value=0)
    query = forms.CharField(required=False, max_length=4000, strip=False)
    key = KeyField()
    restate = forms.BooleanField(required=False)

    def __init__(self, *args: Any, reps: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rep"].choices = [("", ""), *reps]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("action") == REP and "rep" in given and not given["rep"]:
            self.add_error("rep", _("Choose the rep who takes these deals."))
        if given.get("action") == STEP and not (
            given.get("next_step") or given.get("next_step_on")
        ):
            self.add_error("next_step", _("Say what comes next, or when."))
        return given
