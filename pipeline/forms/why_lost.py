"""Why a deal was lost: asked when it is lost, and when a move is corrected to a loss."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from pipeline.models import LossLevel

Choices = Sequence[tuple[int, str]]
_KEEP = {"required": False, "max_length": 200}


class WhyLostForm(forms.Form):
    """First the level, then the company's own detail of that level, and who won instead.

    Each level has a choice of its own, so that the page works without scripts; only the one of
    the chosen level counts. `reasons` are (id, text) by level.
    """

    level = forms.ChoiceField(
        label=_("Why was it lost?"),
        choices=[
            (LossLevel.COMPETITOR, _("A competitor won")),
            (LossLevel.NO_DECISION, _("They decided nothing")),
            (LossLevel.OTHER, _("Something else")),
            (LossLevel.UNKNOWN, _("We do not know")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Say why it was lost. That you do not know is an answer.")},
    )
    competitor = forms.TypedChoiceField(
        label=_("Which competitor?"), coerce=int, required=False, empty_value=None
    )
    new_competitor = forms.CharField(label=_("Or add a competitor"), **_KEEP)  # type: ignore[arg-type]
    new_reason = forms.CharField(label=_("Or add a reason"), **_KEEP)  # type: ignore[arg-type]

    def __init__(
        self,
        *args: Any,
        reasons: Mapping[str, Choices],
        competitors: Choices,
        may_add: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        for level in LossLevel.values:
            self.fields[f"reason_{level}"] = forms.TypedChoiceField(
                label=_("More exactly"),
                coerce=int,
                required=False,
                empty_value=None,
                choices=[("", _("No detail")), *reasons.get(level, ())],
            )
        self.fields["competitor"].choices = [("", _("Not known")), *competitors]  # type: ignore[attr-defined]
        if not may_add:
            del self.fields["new_competitor"], self.fields["new_reason"]

    @property
    def details(self) -> list[tuple[str, forms.BoundField]]:
        """Each level that has details, with its choice; also one with an error to show."""
        bound = [(level, self[f"reason_{level}"]) for level in LossLevel.values]
        return [(level, b) for level, b in bound if b.errors or len(b.field.choices) > 1]  # type: ignore[attr-defined]

    def loss(self) -> dict[str, Any]:
        """The answers as services.closing.lose_deal takes them: those of the chosen level."""
        given = self.cleaned_data
        level = given["level"]
        added = given.get("new_reason", "").strip()
        of_competitor = level == LossLevel.COMPETITOR
        new_competitor = given.get("new_competitor", "").strip() if of_competitor else ""
        return {
            "level": level,
            "reason_id": None if added else given.get(f"reason_{level}"),
            "new_reason": added,
            "competitor_id": given.get("competitor")
            if of_competitor and not new_competitor
            else None,
            "new_competitor": new_competitor,
        }
