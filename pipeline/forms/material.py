"""Material: what it says about itself, and sending it in a deal."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pipeline.forms.fields import DayField, KeyField, VersionField
from pipeline.models import Material
from pipeline.selectors.material_filters import kind_text

TITLE_LENGTH, EDITION_LENGTH, ABOUT_LENGTH, ADDRESS_LENGTH, THEME_LENGTH = 200, 60, 500, 1000, 120
_NUL = ProhibitNullCharactersValidator(
    message=gettext_lazy("This text holds a character that cannot be kept. Type it again.")
)


class MaterialForm(forms.Form):
    """An article, a video, a deck or a template, with the stage and the worry it helps with."""

    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=TITLE_LENGTH,
        validators=[_NUL],
        error_messages={"required": gettext_lazy("Material needs a title.")},
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        error_messages={
            "required": gettext_lazy("Choose what kind of material it is."),
            "invalid_choice": gettext_lazy("Choose what kind of material it is."),
        },
    )
    address = forms.CharField(
        label=gettext_lazy("Address"),
        required=False,
        max_length=ADDRESS_LENGTH,
        validators=[_NUL],
        help_text=gettext_lazy(
            "Where buyers find it, beginning with https://. Tracked links lead there. Leave it"
            " empty for what you send as a file."
        ),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )
    stage = forms.TypedChoiceField(
        label=gettext_lazy("Stage"),
        coerce=int,
        required=False,
        empty_value=None,
        help_text=gettext_lazy("Where it should help a deal along."),
        error_messages={
            "invalid_choice": gettext_lazy("Choose a stage that is in use, and not won or lost.")
        },
    )
    theme = forms.CharField(
        label=gettext_lazy("Worry"),
        required=False,
        max_length=THEME_LENGTH,
        validators=[_NUL],
        help_text=gettext_lazy("One of your themes; a new one is added to the list."),
        widget=forms.TextInput(attrs={"list": "material-themes", "autocomplete": "off"}),
    )
    owner = forms.TypedChoiceField(
        label=gettext_lazy("Owner"),
        coerce=int,
        required=False,
        empty_value=None,
        help_text=gettext_lazy("Who keeps it true."),
        error_messages={"invalid_choice": gettext_lazy("Choose a member of this workspace.")},
    )
    edition = forms.CharField(
        label=gettext_lazy("Edition"),
        required=False,
        max_length=EDITION_LENGTH,
        validators=[_NUL],
        help_text=gettext_lazy("Such as v3, or spring 2026. Kept with every use."),
    )
    review_by = DayField(label=gettext_lazy("Review by"))
    about = forms.CharField(
        label=gettext_lazy("What it is about"),
        required=False,
        max_length=ABOUT_LENGTH,
        validators=[_NUL],
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    version = VersionField(required=False)

    def __init__(
        self,
        *args: Any,
        stages: Sequence[Any],
        themes: Sequence[str],
        owners: Sequence[tuple[int, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.themes = tuple(themes)
        choose: dict[str, Any] = self.fields
        choose["kind"].choices = [(key, kind_text(key)) for key in Material.Kind.values]
        choose["stage"].choices = list(stages)
        choose["owner"].choices = [("", _("Nobody")), *owners]


class SendForm(forms.Form):
    """Which material goes to whom in a deal, on which day, and with a tracked link or without."""

    material = forms.TypedChoiceField(
        label=gettext_lazy("Material"),
        coerce=int,
        error_messages={
            "required": gettext_lazy("Choose what you send."),
            "invalid_choice": gettext_lazy("Choose material that is in use."),
        },
    )
    contact = forms.TypedChoiceField(
        label=gettext_lazy("To"),
        coerce=int,
        required=False,
        empty_value=None,
        error_messages={"invalid_choice": gettext_lazy("Choose a contact of this customer.")},
    )
    how = forms.ChoiceField(
        label=gettext_lazy("How does it go?"),
        widget=forms.RadioSelect,
        choices=[
            ("link", gettext_lazy("With a tracked link, which you copy into your message")),
            ("hand", gettext_lazy("As a file or in person")),
        ],
        initial="link",
        error_messages={"required": gettext_lazy("Choose how it goes.")},
    )
    sent_on = DayField(label=gettext_lazy("Sent on"), required=True)
    key = KeyField()

    def __init__(
        self,
        *args: Any,
        materials: Sequence[tuple[int, str]],
        here: int,
        contacts: Sequence[tuple[int, str]],
        today: date,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        choose: dict[str, Any] = self.fields
        offered: list[Any] = list(materials)
        if 0 < here < len(offered):
            offered = [
                (_("For the stage of this deal"), offered[:here]),
                (_("Other"), offered[here:]),
            ]
        choose["material"].choices = [("", _("Choose")), *offered]
        choose["contact"].choices = [("", _("Nobody in particular")), *contacts]
        choose["sent_on"].initial = today
        choose["sent_on"].widget.attrs["max"] = today.isoformat()
