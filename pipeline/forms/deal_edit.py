"""One fact of a deal, edited in its place."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from pipeline.forms.consent import ConsentForm
from pipeline.forms.fields import DayField, VersionField

Choices = Sequence[tuple[Any, Any]]


class EditForm(ConsentForm):
    """The version that the screen showed goes with every edit."""

    version = VersionField()

    def changes(self) -> dict[str, Any]:
        """What services.deals.change_deal is to change."""
        return {k: v for k, v in self.cleaned_data.items() if k not in {"version", "restate"}}


class NameForm(EditForm):
    name = forms.CharField(
        label=_("Name of the deal"),
        max_length=250,
        error_messages={"required": _("A deal needs a name.")},
    )


class AmountForm(EditForm):
    amount = forms.DecimalField(
        label=_("Amount"),
        required=False,
        min_value=0,
        max_digits=16,
        decimal_places=2,
        widget=forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal"}),
        help_text=_("Leave it empty while it is not known."),
        error_messages={
            "min_value": _("An amount is never negative. Leave it empty while it is not known.")
        },
    )
    currency = forms.ChoiceField(label=_("Currency"))

    def __init__(self, *args: Any, currencies: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = [(c, c) for c in currencies]  # type: ignore[attr-defined]


class CustomerForm(EditForm):
    """The customer by name; a new one only when it is meant."""

    customer = forms.CharField(label=_("Customer"), required=False, max_length=250)
    add = forms.BooleanField(label=_("Add as a new customer"), required=False)

    def __init__(self, *args: Any, suggestions: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.suggestions = suggestions
        self.offers_new = False  # shows the box that adds the customer
        widget = self.fields["customer"].widget
        widget.attrs.update({"autocomplete": "off"})
        if suggestions:
            widget.attrs["list"] = "customers"


class ChoiceForm(EditForm):
    """One row of the company, or none. `name` is the deal's attribute, such as rep_id."""

    def __init__(
        self, *args: Any, name: str, label: Any, none: Any, choices: Choices, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields[name] = forms.TypedChoiceField(
            label=label,
            coerce=int,
            required=False,
            empty_value=None,
            choices=[("", none), *choices],
        )


class NextStepForm(EditForm):
    next_step = forms.CharField(
        label=_("Next step"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": _("Call the finance director")}),
    )
    next_step_on = DayField(label=_("Due"))


class WonReasonForm(EditForm):
    won_reason = forms.CharField(
        label=_("What made them buy?"),
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": 300}),
    )


class LossForm(EditForm):
    """The reason, by its first level, and who won instead."""

    def __init__(self, *args: Any, reasons: Choices, competitors: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label, choices in (
            ("lost_reason_id", _("Why it was lost"), reasons),
            ("competitor_id", _("Competitor"), competitors),
        ):
            self.fields[name] = forms.TypedChoiceField(
                label=label,
                coerce=int,
                required=False,
                empty_value=None,
                choices=[("", _("Not known")), *choices],
            )
