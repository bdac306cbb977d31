"""Fields that every form of the sales floor shares."""

import uuid

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

NOTE_LENGTH = 20_000


# What nobody types is refused in one sentence; a form's template prints it on top.
_UNRECOGNISED = dict.fromkeys(
    ("required", "invalid", "max_length", "min_value", "max_value", "null_characters_not_allowed"),
    _("This form cannot be recognised. Reload the page."),
)


def new_key() -> str:
    """An idempotency key, made with the form: sent twice, it has one effect."""
    return uuid.uuid4().hex


class KeyField(forms.CharField):
    """The hidden idempotency key."""

    def __init__(self) -> None:
        super().__init__(
            max_length=80,
            widget=forms.HiddenInput,
            initial=new_key,
            error_messages=_UNRECOGNISED,
        )


class VersionField(forms.IntegerField):
    """The hidden version of the deal that the screen showed."""

    def __init__(self, *, required: bool = True) -> None:
        super().__init__(
            min_value=0,
            max_value=2**31 - 1,
            required=required,
            widget=forms.HiddenInput,
            error_messages=_UNRECOGNISED,
        )


class DayField(forms.DateField):
    """A calendar day, typed or picked; written in ISO as browsers send it."""

    def __init__(self, *, label: object, required: bool = False, help_text: object = "") -> None:
        super().__init__(
            label=label,  # type: ignore[arg-type]
            required=required,
            help_text=help_text,  # type: ignore[arg-type]
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            input_formats=["%Y-%m-%d"],
        )


class NoteField(forms.CharField):
    """Free text of several lines."""

    def __init__(self, *, label: object, required: bool = False, rows: int = 3) -> None:
        super().__init__(
            label=label,  # type: ignore[arg-type]
            required=required,
            max_length=NOTE_LENGTH,
            widget=forms.Textarea(attrs={"rows": rows}),
            error_messages={
                "max_length": _("A note has at most 20,000 characters. Split it into two.")
            },
            validators=[
                ProhibitNullCharactersValidator(
                    message=_("This text holds a character that cannot be kept. Type it again.")
                )
            ],
        )
