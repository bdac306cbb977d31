"""The questions of a guide as a form: reword, move by number, remove, add."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from metrics.selectors.guides import QuestionRow
from pipeline.forms.fields import VersionField

SPARE = 3  # empty lines to add questions in
MOST = 60  # lines that a form may send


class QuestionForm(forms.Form):
    """One line: its place, the question, a hint, and whether it goes."""

    key = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    place = forms.IntegerField(
        label=_("Place"),
        min_value=1,
        max_value=999,
        required=False,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), _("A place is a number from 1.")
        ),
    )
    text = forms.CharField(
        label=_("Question"),
        required=False,
        max_length=300,
        error_messages={"max_length": _("At most 300 characters. Say it shorter.")},
    )
    hint = forms.CharField(
        label=_("What helps to answer it"),
        required=False,
        max_length=300,
        error_messages={"max_length": _("At most 300 characters. Say it shorter.")},
    )
    removed = forms.BooleanField(label=_("Remove this question"), required=False)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        known, text = given.get("key"), given.get("text", "").strip()
        if not given.get("removed") and not text and "text" not in self.errors:
            if known:
                self.add_error(
                    "text", _("A question needs words. To drop it, tick that it is removed.")
                )
            elif given.get("hint"):
                self.add_error("text", _("Write the question that this hint is for."))
        return given


class GuideForm(forms.Form):
    """The version that the screen showed, and how many lines it had."""

    number = VersionField()
    lines = forms.IntegerField(min_value=1, max_value=MOST, widget=forms.HiddenInput)


def fresh_lines(questions: Sequence[QuestionRow]) -> list[QuestionForm]:
    """The lines of a guide, and a few empty ones."""
    told: list[dict[str, Any]] = [
        {"key": row.key, "place": n, "text": row.text, "hint": row.hint}
        for n, row in enumerate(questions, start=1)
    ]
    empty: list[dict[str, Any]] = [{"place": len(told) + n} for n in range(1, SPARE + 1)]
    return [QuestionForm(initial=row, prefix=f"q{n}") for n, row in enumerate([*told, *empty])]


def sent_lines(data: Mapping[str, Any], count: int) -> list[QuestionForm]:
    """The lines as they were sent."""
    return [QuestionForm(data, prefix=f"q{n}") for n in range(count)]


def in_order(lines: Sequence[QuestionForm]) -> list[dict[str, Any]]:
    """The lines that stay, by their place; equal ones, and those without one, as they stood."""
    kept = [
        (form.cleaned_data.get("place") or 1_000, n, form.cleaned_data)
        for n, form in enumerate(lines)
        if form.cleaned_data.get("text") and not form.cleaned_data.get("removed")
    ]
    return [given for _place, _n, given in sorted(kept, key=lambda row: row[:2])]
