"""A finding, as it is added and changed: the form checks the shape, the service the sense."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from metrics.selectors.finding_deals import MOST_DEALS
from metrics.selectors.finding_rows import (
    QUOTE_LENGTH,
    SEVERITIES,
    STATEMENT_LENGTH,
    severity_text,
)
from metrics.selectors.finding_sources import SOURCES, source_of
from metrics.selectors.finding_stages import StageBook
from pipeline.forms.fields import DayField, KeyField, VersionField
from pipeline.models import Stage

_NUL = ProhibitNullCharactersValidator(
    message=_("This text holds a character that cannot be kept. Type it again.")
)
_LARGEST = 2**63 - 1
EVIDENCE = ("review", "answer", "activity", "note", "material")


class DealsField(forms.Field):
    """Ids of deals, sent as boxes that are ticked."""

    widget = forms.SelectMultiple

    def clean(self, value: Any) -> tuple[int, ...]:
        told = [v for v in (value or []) if v]
        if len(told) > MOST_DEALS or not all(v.isascii() and v.isdecimal() for v in told):
            raise forms.ValidationError(_("This deal does not exist. Choose another."))
        ids = {int(v) for v in told}
        if any(pk > _LARGEST for pk in ids):
            raise forms.ValidationError(_("This deal does not exist. Choose another."))
        return tuple(sorted(ids))


class FindingForm(forms.Form):
    """What was learned, how, where, in whose words, and which deals show it."""

    source = forms.ChoiceField(
        label=_("How was it learned?"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose how it was learned."),
            "invalid_choice": _("Choose how it was learned."),
        },
    )
    stage = forms.TypedChoiceField(
        label=_("Stage"),
        coerce=int,
        error_messages={
            "required": _("Choose the stage that this is about."),
            "invalid_choice": _("This stage cannot have findings. Choose another."),
        },
    )
    towards = forms.TypedChoiceField(
        label=_("On the way to"),
        coerce=int,
        required=False,
        empty_value=None,
        help_text=_("Leave it empty where it is about the stage itself."),
    )
    statement = forms.CharField(
        label=_("What was learned"),
        max_length=STATEMENT_LENGTH,
        validators=[_NUL],
        help_text=_("One sentence that somebody else can act on."),
        error_messages={"required": _("Say in one sentence what was learned.")},
    )
    quote = forms.CharField(
        label=_("Quote or fact"),
        required=False,
        max_length=QUOTE_LENGTH,
        validators=[_NUL],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The buyer's own words, or what was counted."),
    )
    theme = forms.CharField(
        label=_("Theme"),
        required=False,
        max_length=120,
        validators=[_NUL],
        help_text=_("What is it about, in a word or two? A new one is added to your list."),
    )
    severity = forms.ChoiceField(
        label=_("Severity"),
        widget=forms.RadioSelect,
        initial="medium",
        error_messages={"invalid_choice": _("Choose low, medium or high.")},
    )
    learned_on = DayField(label=_("Day it was learned"), required=True)
    deals = DealsField(label=_("Deals that show it"), required=False)
    find = forms.CharField(label=_("Find a deal"), required=False, max_length=400)

    def __init__(
        self,
        *args: Any,
        stages: StageBook,
        themes: Sequence[str],
        kept_stage: int | None = None,
        kept_towards: int | None = None,
        kept_source: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.themes = tuple(themes)
        sources = [*SOURCES, *([kept_source] if kept_source not in ("", *SOURCES) else [])]
        self.sources = tuple(source_of(key) for key in sources)
        choose = self.fields
        choose["source"].choices = [(s.key, s.word) for s in self.sources]  # type: ignore[attr-defined]
        choose["severity"].choices = [(s, severity_text(s)) for s in SEVERITIES]  # type: ignore[attr-defined]
        choose["stage"].choices = _open(stages, kept_stage, _("Choose"))  # type: ignore[attr-defined]
        choose["towards"].choices = _onward(stages, kept_towards)  # type: ignore[attr-defined]
        for field in ("statement", "theme", "find"):
            self.fields[field].widget.attrs["autocomplete"] = "off"


def _grouped(stages: StageBook, kept: int | None, kinds: frozenset[str], none: Any) -> list[Any]:
    """Choices of stages, by pipeline where there are several."""
    groups = []
    for pipeline_id, name in stages.pipelines:
        its = [
            s
            for s in stages.stages.values()
            if s.pipeline_id == pipeline_id and s.kind in kinds and not s.retired
        ]
        its.sort(key=lambda s: (s.kind != Stage.Kind.OPEN, s.position or 0, s.id))
        groups.append((name, [(s.id, s.name) for s in its]))
    shown = {pk for _name, choices in groups for pk, _text in choices}
    if kept is not None and kept not in shown and kept in stages.stages:
        groups.insert(0, (_("As it was"), [(kept, stages.place(kept))]))
    if len(groups) == 1:
        return [("", none), *groups[0][1]]
    return [("", none), *groups]


def _open(stages: StageBook, kept: int | None, none: Any) -> list[Any]:
    return _grouped(stages, kept, frozenset({Stage.Kind.OPEN.value}), none)


def _onward(stages: StageBook, kept: int | None) -> list[Any]:
    kinds = frozenset({Stage.Kind.OPEN.value, Stage.Kind.WON.value})
    return _grouped(stages, kept, kinds, _("The stage itself"))


def _hidden_id() -> forms.IntegerField:
    return forms.IntegerField(
        required=False, min_value=1, max_value=_LARGEST, widget=forms.HiddenInput
    )


class FindingAddForm(FindingForm):
    """A new finding, with the ids of what it was learned from."""

    key = KeyField()
    review = _hidden_id()
    answer = _hidden_id()
    activity = _hidden_id()
    note = _hidden_id()
    material = _hidden_id()


class FindingEditForm(FindingForm):
    """A change of a finding, with the version that the screen showed."""

    version = VersionField()
