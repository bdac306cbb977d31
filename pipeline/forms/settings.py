"""Forms of the settings: they check the shape, the services check the sense."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from pipeline.forms.consent import ConsentForm
from pipeline.models import Channel, LossLevel

Choices = Sequence[tuple[Any, Any]]
_NAME_MISSING = {"required": _("It needs a name.")}


def _row_field(label: Any, none: Any, choices: Choices) -> forms.Field:
    return forms.TypedChoiceField(
        label=label, coerce=int, required=False, empty_value=None, choices=[("", none), *choices]
    )


class EntryForm(ConsentForm):
    """A row of a catalogue: its name, and whatever else the catalogue keeps.

    `choices` are those of the attributes that name another row. `seen` carries what the screen
    showed, so that nobody's change is overwritten.
    """

    def __init__(
        self,
        *args: Any,
        naming: str,
        length: int,
        extras: Sequence[str],
        choices: Mapping[str, Choices],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields[naming] = forms.CharField(
            label=_("Name"), max_length=length, error_messages=_NAME_MISSING
        )
        for extra in extras:
            self.fields[extra] = self._extra(extra, choices.get(extra, ()))
        self.fields["seen"] = forms.JSONField(required=False, widget=forms.HiddenInput)
        self.attributes = (naming, *extras)

    def _extra(self, name: str, choices: Choices) -> forms.Field:
        if name == "channel":
            return forms.ChoiceField(
                label=_("Channel"),
                required=False,
                choices=[
                    (Channel.INBOUND.value, _("Inbound: the buyer came to you")),
                    (Channel.OUTBOUND.value, _("Outbound: you went to the buyer")),
                    (Channel.UNKNOWN.value, _("Not known")),
                ],
            )
        if name == "level":
            return forms.ChoiceField(
                label=_("First level"),
                choices=[
                    (LossLevel.COMPETITOR.value, _("Competitor")),
                    (LossLevel.NO_DECISION.value, _("No decision")),
                    (LossLevel.OTHER.value, _("Other")),
                    (LossLevel.UNKNOWN.value, _("Unknown")),
                ],
            )
        if name == "team_id":
            return _row_field(_("Team"), _("No team"), choices)
        if name == "membership_id":
            return _row_field(_("Signs in as"), _("Does not sign in"), choices)
        return forms.EmailField(label=_("E-mail"), required=False, max_length=254)

    def values(self) -> dict[str, Any]:
        """The answers as services.catalog takes them."""
        return {name: self.cleaned_data[name] for name in self.attributes}

    def seen_values(self) -> dict[str, Any] | None:
        """What the screen showed; None where the form does not say."""
        told = self.cleaned_data.get("seen")
        return told if isinstance(told, dict) and told.keys() >= set(self.attributes) else None


class ChooseForm(ConsentForm):
    """One other row: to merge into, to hand over to, to move deals to."""

    def __init__(self, *args: Any, label: Any, choices: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["into"] = forms.TypedChoiceField(
            label=label,
            coerce=int,
            choices=[("", _("Choose")), *choices],
            error_messages={"required": _("Choose one.")},
        )


class StageForm(forms.Form):
    """A stage: its name, and what has to be true before a deal leaves it."""

    name = forms.CharField(label=_("Name"), max_length=120, error_messages=_NAME_MISSING)
    exit_criterion = forms.CharField(
        label=_("Exit criterion"),
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": 300}),
        help_text=_("What has to be true before a deal leaves this stage. It stands on the deal."),
    )
    seen = forms.JSONField(required=False, widget=forms.HiddenInput)

    def seen_values(self) -> dict[str, Any] | None:
        told = self.cleaned_data.get("seen")
        wanted = {"name", "exit_criterion"}
        return told if isinstance(told, dict) and set(told) == wanted else None


class NewStageForm(StageForm):
    """A new stage, and where it stands."""

    def __init__(self, *args: Any, choices: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["before"] = _row_field(_("Stands before"), _("At the end"), choices)


class PipelineForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120, error_messages=_NAME_MISSING)


class NewPipelineForm(PipelineForm):
    """A new pipeline with its stages."""

    stages = forms.CharField(
        label=_("Open stages, in their order"),
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("One a line. They can be renamed and ordered later."),
        error_messages={"required": _("A pipeline needs at least one open stage.")},
    )
    won = forms.CharField(label=_("Won deals end in"), max_length=120)
    lost = forms.CharField(label=_("Lost deals end in"), max_length=120)

    def stage_names(self) -> list[str]:
        """The names that were typed, without empty lines."""
        return [line.strip() for line in self.cleaned_data["stages"].splitlines() if line.strip()]


class DirectionForm(forms.Form):
    """Which way in the order."""

    direction = forms.ChoiceField(choices=[("up", "up"), ("down", "down")])


class PasteForm(ConsentForm):
    """Rates of several lines."""

    lines = forms.CharField(
        label=_("Rates, one a line"),
        max_length=100_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "placeholder": "2026-03 USD 0.92"}),
        help_text=_(
            "A month, a currency and the rate; or a table whose first line names the currencies."
        ),
        error_messages={"required": _("Paste at least one line.")},
    )


class RatesForm(ConsentForm):
    """The grid of rates: its cells are read one by one, this asks the question."""
