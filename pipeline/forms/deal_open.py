"""A new deal: the customer, what it is about, and how much, if that is known."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from pipeline.forms.fields import KeyField
from pipeline.forms.happened import HappenedForm
from pipeline.selectors.customers_typed import CustomerMatch
from pipeline.selectors.duplicates import Duplicates
from pipeline.selectors.folded import plain

Choices = Sequence[tuple[int, str]]
NEW = "new"
_NUL = ProhibitNullCharactersValidator(
    message=_("This text holds a character that cannot be kept. Type it again.")
)


class MeantField(forms.CharField):
    """Which row the typed text means: "12:Acme". It counts as long as the text is that one."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=600, widget=forms.HiddenInput)


def meant(value: str, *, typed: str) -> str:
    """The id (or "new") that was chosen for the typed text; empty when the text changed since."""
    chosen, colon, text = value.partition(":")
    return chosen if colon and plain(text) == plain(typed) else ""


class DealOpenForm(HappenedForm):
    """Only the customer must be said. `matches` and `duplicates` are questions to be shown."""

    customer = forms.CharField(
        label=_("Customer"),
        max_length=250,
        validators=[_NUL],
        error_messages={"required": _("Say who the customer is.")},
    )
    meant = MeantField()
    name = forms.CharField(
        label=_("What it is about"), required=False, max_length=250, validators=[_NUL]
    )
    amount = forms.DecimalField(
        label=_("Amount"),
        required=False,
        min_value=0,
        max_digits=16,
        decimal_places=2,
        widget=forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal"}),
        error_messages={
            "min_value": _("An amount is never negative. Leave it empty while it is not known.")
        },
    )
    currency = forms.ChoiceField(label=_("Currency"))
    pipeline = forms.TypedChoiceField(label=_("Pipeline"), coerce=int)
    source = forms.TypedChoiceField(label=_("Source"), coerce=int, required=False, empty_value=None)
    rep = forms.TypedChoiceField(label=_("Rep"), coerce=int, required=False, empty_value=None)
    anyway = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput
    )
    key = KeyField()
    restate = forms.BooleanField(required=False)

    def __init__(
        self,
        *args: Any,
        currencies: Sequence[str],
        pipelines: Choices,
        sources: Choices,
        reps: Choices,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.matches: tuple[CustomerMatch, ...] = ()
        self.duplicates: Duplicates | None = None
        self.several_pipelines = len(pipelines) > 1
        for field, choices in (
            ("currency", [(c, c) for c in currencies]),
            ("pipeline", pipelines),
            ("source", [("", _("Not known")), *sources]),
            ("rep", [("", _("Nobody")), *reps]),
        ):
            self.fields[field].choices = choices  # type: ignore[attr-defined]
        for field in ("name", "customer"):
            self.fields[field].widget.attrs["autocomplete"] = "off"

    @property
    def more_open(self) -> bool:
        """Do the folded fields hold something to look at?"""
        folded = ("pipeline", "source", "rep", "when", "day", "at", "fold", "currency")
        return any(name in self.errors for name in folded)
