"""An experiment as it is written down, and what is said while it runs.

The form speaks of last days and of points; the service of first days after and of fractions.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from metrics.calc.segments import ALL
from metrics.models import Experiment
from metrics.selectors.experiment_choices import Choices, guardrail_values, stored_size
from pipeline.forms.fields import DayField, KeyField, VersionField

_NUL = ProhibitNullCharactersValidator(
    message=_("This text holds a character that cannot be kept. Type it again.")
)
# What the start has fixed; an amendment has none of these fields.
FIXED_FIELDS = (
    "target", "pipeline", "segment", "direction", "design", "baseline_start", "baseline_last",
    "starts_on", "follow_up_days", "decision_rule", "findings", "danger_points",
)  # fmt: skip

# What planning help looks at.
QUESTION_FIELDS = (
    "target", "pipeline", "segment", "direction", "smallest", "design", "starts_on", "last_day",
    "baseline_start", "baseline_last", "follow_up_days",
)  # fmt: skip


class Words(forms.CharField):
    """One line, or a few (`rows`), that can be kept."""

    def __init__(self, *, most: int, rows: int = 0, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows}) if rows else forms.TextInput()
        super().__init__(max_length=most, validators=[_NUL], widget=widget, **kwargs)


class ManyField(forms.TypedMultipleChoiceField):
    """Boxes to tick, by id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            coerce=int,
            required=False,
            empty_value=[],
            widget=forms.CheckboxSelectMultiple,
            error_messages={"invalid_choice": _("One of these does not exist. Choose again.")},
            **kwargs,
        )


class ExperimentForm(forms.Form):
    """If we ... then ... because ..., and how it will be told."""

    title = Words(
        label=_("Name"),
        most=120,
        help_text=_("What everybody will call it, in a few words."),
        error_messages={"required": _("Give the experiment a name.")},
    )
    if_we = Words(
        label=_("If we"), most=300, required=False, help_text=_("What is done differently.")
    )
    then = Words(label=_("Then"), most=300, required=False, help_text=_("What you expect to see."))
    because = Words(
        label=_("Because"), most=300, required=False, help_text=_("Why you believe it.")
    )
    target = forms.ChoiceField(
        label=_("Measured by"),
        help_text=_(
            "One measure decides. A stage's conversion has more events than the win rate, so it"
            " tells sooner."
        ),
        error_messages={"required": _("Choose what it is measured by.")},
    )
    direction = forms.ChoiceField(
        label=_("Better is"),
        required=False,
        choices=[
            ("", _("As usual: a shorter cycle, more of the rest")),
            ("up", _("More")),
            ("down", _("Less")),
        ],
    )
    segment = forms.ChoiceField(
        label=_("For"), help_text=_("The larger the segment, the sooner it can be told.")
    )
    smallest = forms.FloatField(
        label=_("Smallest effect worth having"),
        required=False,
        min_value=0,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text=_(
            "Points for a rate (5 is from 20% to 25%), days for the cycle, per cent for the"
            " number of deals and the deal size."
        ),
    )
    design = forms.ChoiceField(
        label=_("Compared with"),
        choices=Experiment.Design.choices,
        help_text=_(
            "Two arms at the same time can tell the change from whatever else happened. Before"
            " and after cannot, and needs no split of the team."
        ),
    )
    starts_on = DayField(label=_("First day"))
    last_day = DayField(label=_("Last day"))
    baseline_start = DayField(label=_("Window before: first day"))
    baseline_last = DayField(
        label=_("Window before: last day"),
        help_text=_("For before and after only. As long as the test, and just before it."),
    )
    follow_up_days = forms.IntegerField(
        label=_("Days of follow-up"),
        required=False,
        min_value=1,
        max_value=3660,
        help_text=_(
            "Every deal gets the same time. Empty: what nine of ten deals won before have taken."
        ),
    )
    decision_rule = Words(
        label=_("How it will be decided"),
        most=500,
        rows=3,
        required=False,
        help_text=_("Fixed at the start, before anybody sees a result."),
    )
    guardrail_1 = forms.ChoiceField(
        label=_("Guardrail"),
        required=False,
        help_text=_(
            "What must not get worse: a win rate that is bought with discounts shows in the deal"
            " size."
        ),
    )
    guardrail_2 = forms.ChoiceField(label=_("Second guardrail"), required=False)
    guardrail_3 = forms.ChoiceField(label=_("Third guardrail"), required=False)
    owner = forms.TypedChoiceField(
        label=_("Owner"),
        coerce=int,
        required=False,
        empty_value=None,
        help_text=_("Gets a reminder to check in, once a week."),
    )
    findings = ManyField(label=_("Findings that led to it"))
    danger_points = ManyField(label=_("Danger points that led to it"))

    def __init__(self, *args: Any, found: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(found.pipelines) > 1:
            self.fields["pipeline"] = forms.TypedChoiceField(
                label=_("Pipeline"),
                coerce=int,
                choices=found.pipelines,
                help_text=_("A stage's conversion is of the stage's own pipeline."),
            )
        self._pipelines = found.pipelines
        none = ("", _("None"))
        offer: dict[str, Sequence[Any]] = {
            "target": found.measures,
            "segment": found.segments,
            "owner": [("", _("Nobody yet")), *found.owners],
            "findings": found.findings,
            "danger_points": found.danger_points,
            **{f"guardrail_{n}": [none, *found.measures] for n in (1, 2, 3)},
        }
        for name, options in offer.items():
            self.fields[name].choices = options  # type: ignore[attr-defined]
        for name in ("title", "if_we", "then", "because"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def plan_values(self) -> dict[str, Any]:
        """What was sent, as `experiment_checks.Plan` names it. Only of a valid form."""
        given = self.cleaned_data
        return {
            **self._question(),
            **{name: given[name] for name in ("title", "if_we", "then", "because")},
            "decision_rule": given["decision_rule"],
            "guardrails": tuple(_of(value) for value in guardrail_values(given)),
            "owner_id": given["owner"],
        }

    def question(self) -> dict[str, Any] | None:
        """What is asked so far, of a form that may lack things; None before there is a measure.

        By the same names as `plan_values`; what is not said, or cannot be read, is empty.
        """
        self.is_valid()
        return self._question() if self.cleaned_data.get("target") else None

    def unread(self) -> tuple[str, ...]:
        """The names of the fields of the question that say what cannot be read."""
        return tuple(
            str(self.fields[name].label)
            for name in self.errors
            if name in QUESTION_FIELDS and self.data.get(name)
        )

    def _question(self) -> dict[str, Any]:
        given = self.cleaned_data.get
        measure, stage_id = _of(given("target"))
        rising = {"up": True, "down": False}.get(given("direction"), measure != "cycle")
        pipeline = given("pipeline") or (self._pipelines[0][0] if self._pipelines else 0)
        return {
            **{name: given(name) for name in ("baseline_start", "starts_on", "follow_up_days")},
            "segment": given("segment") or ALL,
            "design": given("design") or Experiment.Design.BEFORE_AFTER,
            "pipeline_id": pipeline,
            "measure": measure,
            "stage_id": stage_id,
            "rising": rising,
            "smallest_effect": stored_size(measure, given("smallest")),
            "baseline_end": _after(given("baseline_last")),
            "ends_on": _after(given("last_day")),
        }


class ExperimentAddForm(ExperimentForm):
    """A new experiment."""

    key = KeyField()


class ExperimentEditForm(ExperimentForm):
    """A draft, with the version that the screen showed."""

    version = VersionField()


class AmendForm(ExperimentForm):
    """What may change after the start, and why."""

    version = VersionField()
    reason = Words(
        label=_("Why is it amended?"),
        most=1000,
        rows=2,
        required=False,
        help_text=_("Kept in the log and shown beside the result."),
    )

    def __init__(self, *args: Any, measure: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._measure = measure
        for name in FIXED_FIELDS:
            self.fields.pop(name, None)

    def changes(self) -> dict[str, Any]:
        """What was sent, by the row's fields."""
        given = self.cleaned_data
        return {
            **{name: given[name] for name in ("title", "if_we", "then", "because")},
            "smallest_effect": stored_size(self._measure, given["smallest"]),
            "ends_on": _after(given["last_day"]),
            "guardrails": [
                {"measure": measure, "stage": stage}
                for measure, stage in map(_of, guardrail_values(given))
            ],
            "owner_id": given["owner"],
        }


class StartForm(forms.Form):
    version = VersionField()


class StopForm(forms.Form):
    """Why it is called off."""

    version = VersionField()
    reason = Words(
        label=_("Why is it stopped?"),
        most=1000,
        rows=3,
        help_text=_("Deals opened from today on no longer belong to it."),
        error_messages={"required": _("Say why it is stopped before its end.")},
    )


class DecideForm(forms.Form):
    """Adopt, extend or drop, and why."""

    version = VersionField()
    decision = forms.ChoiceField(
        label=_("Decision"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose what is decided."),
            "invalid_choice": _("Choose what is decided."),
        },
    )
    last_day = DayField(
        label=_("New last day"), help_text=_("Only where it is extended: later than planned.")
    )
    reason = Words(
        label=_("Why?"),
        most=1000,
        rows=3,
        help_text=_("Whoever looks at this in a year reads it beside the figures."),
        error_messages={"required": _("Say why: whoever looks at this in a year needs to know.")},
    )

    def __init__(self, *args: Any, decisions: Sequence[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["decision"].choices = decisions  # type: ignore[attr-defined]
        if "extend" not in dict(decisions):
            self.fields.pop("last_day")

    @property
    def new_end(self) -> date | None:
        """The first day after the new end."""
        return _after(self.cleaned_data.get("last_day"))


class NoteForm(forms.Form):
    """A line in the log."""

    text = Words(
        label=_("Note"),
        most=2000,
        rows=3,
        error_messages={"required": _("A note needs words.")},
    )


class VersionForm(forms.Form):
    """Which version of an experiment the screen showed."""

    version = VersionField()


def _after(day: date | None) -> date | None:
    # The last day that there is stays: it is refused as too far away, and not lost.
    return day + timedelta(days=1) if day and day < date.max else day


def _of(value: str) -> tuple[str, int | None]:
    """A measure with its stage, from what the form sent."""
    measure, _colon, stage = value.partition(":")
    return measure, int(stage) if stage else None
