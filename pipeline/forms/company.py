"""The settings of a company."""

from typing import Any
from zoneinfo import available_timezones

from babel.dates import get_month_names
from babel.numbers import list_currencies
from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import Company

LOCALES = [
    ("en", _("English")),
    ("en-GB", _("English (United Kingdom)")),
    ("en-US", _("English (United States)")),
    ("en-IE", _("English (Ireland)")),
    ("fr", _("French")),
    ("fr-BE", _("French (Belgium)")),
    ("fr-CA", _("French (Canada)")),
    ("fr-CH", _("French (Switzerland)")),
]


def _zones() -> list[tuple[str, str]]:
    """The zones that people live in; the others are kept for old data."""
    old = ("Etc/", "SystemV/", "US/", "posix", "right")
    names = [n for n in available_timezones() if "/" in n and not n.startswith(old)]
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in sorted(names))]


def _months() -> list[tuple[int, str]]:
    names = get_month_names("wide", locale=(get_language() or "en").replace("-", "_"))
    return [(month, names[month].capitalize()) for month in range(1, 13)]


class CompanyForm(forms.Form):
    """What an owner may change. `agreed` says to which change the consequences were accepted,
    `seen` what the company was when the form was drawn: the settings as JSON."""

    name = forms.CharField(label=_("Name"), max_length=200)
    timezone = forms.ChoiceField(label=_("Time zone"))
    fiscal_year_start_month = forms.TypedChoiceField(
        label=_("The fiscal year starts in"), coerce=int
    )
    settle_days = forms.IntegerField(
        label=_("Days until a quarter closes"),
        min_value=0,
        max_value=60,
        help_text=_("For this many days after its end, late entries still count in it."),
    )
    velocity_number = forms.ChoiceField(
        label=_("Velocity counts"), choices=Company.VelocityNumber.choices
    )
    velocity_cycle = forms.ChoiceField(
        label=_("The sales cycle is that of"), choices=Company.VelocityCycle.choices
    )
    currency = forms.ChoiceField(label=_("Currency"))
    locale = forms.ChoiceField(
        label=_("Language and region"),
        help_text=_("Readers of this language see numbers and days as the region writes them."),
    )
    require_mfa = forms.BooleanField(
        label=_("Members need a second factor to sign in"), required=False
    )
    agreed = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    seen = forms.JSONField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, company: Company, has_deals: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.company = company
        self._offer("timezone", _zones(), company.timezone)
        self._offer("fiscal_year_start_month", _months(), company.fiscal_year_start_month)
        self._offer("locale", LOCALES, company.locale)
        currencies = [(code, code) for code in sorted(list_currencies()) if len(code) == 3]
        self._offer("currency", currencies, company.currency)
        if has_deals:
            self.fields["currency"].disabled = True
            self.fields["currency"].help_text = _("It stays as it is, since there are deals.")

    def _offer(self, name: str, choices: list[Any], present: Any) -> None:
        """The choices, and what the company has now even where it is none of them."""
        if present not in dict(choices):
            choices = [(present, present), *choices]
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
