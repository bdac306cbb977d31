"""What an experiment's codes say to a person: verdicts, reasons, what would settle it.

Verdict words are fixed; each reason why a figure does not exist is a sentence of its own.
"""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.experiments.kinds import Design, Empty, Measure
from metrics.calc.experiments.result import Settle, WorthEmpty
from metrics.calc.experiments.sequences import Method
from metrics.calc.experiments.verdicts import Words


def certainty_text(words: Words) -> tuple[str, str, str]:
    """Beside a verdict: a tag that says how sure it is, its tone and icon."""
    told: dict[Words, tuple[str, str, str]] = {
        "better": (_("Conclusive"), "better", "check"),
        "worse": (_("Conclusive"), "danger", "triangle-alert"),
        "too_early": (_("No verdict yet"), "", "hourglass"),
    }
    return told.get(words, (_("Not yet conclusive"), "watch", "equal"))


def empty_text(reason: Empty, design: Design) -> str:
    """Why there is no effect to show, as a sentence."""
    told: dict[Empty, str] = {
        "stage_gone": _(
            "The stage that it is about is no longer in the pipeline, so its conversion cannot be"
            " told any more."
        ),
        "arm_empty": _("Nobody and nothing belongs to one of the two sides."),
        "no_days": _("Not one whole day of one of the sides has been seen yet."),
        "no_deals": _("No deal was opened on one of the sides."),
        "no_events": _("No deal was opened on either side, so there is nothing to compare."),
        "baseline_zero": _(
            "The side to compare with has nothing: no ratio to nothing can be given."
        ),
        "never_reached": _("No deal of one of the sides has reached the stage."),
        "no_mature": _(
            "Every deal of one of the sides is still too young: its days of follow-up are not over."
        ),
        "no_won": _("No deal of one of the sides was won within the days of follow-up."),
        "no_amount": _("No won deal of one of the sides has an amount that can be compared."),
        "too_few": _("One case cannot say how much cases differ. At least two are needed."),
        "all_same": _("All cases are equal, so it cannot be told by how much they usually differ."),
    }
    text = told[reason]
    if design != "before_after" and reason == "arm_empty":
        return _("One of the two arms is empty: nobody and nothing was assigned to it.")
    return text


def side_empty_text(reason: Empty | None) -> str:
    """The same for one side, short enough for a cell; empty without a reason."""
    if reason is None:
        return ""
    told: dict[Empty, str] = {
        "stage_gone": _("stage gone"),
        "arm_empty": _("nobody"),
        "no_days": _("no whole day yet"),
        "no_deals": _("no deals"),
        "no_events": _("no deals"),
        "baseline_zero": _("nothing"),
        "never_reached": _("not reached"),
        "no_mature": _("all too young"),
        "no_won": _("none won"),
        "no_amount": _("no amounts"),
        "too_few": _("too few"),
        "all_same": _("all the same"),
    }
    return told[reason]


def worth_empty_text(reason: WorthEmpty) -> str:
    """Why the effect cannot be put into money."""
    told: dict[WorthEmpty, str] = {
        "no_effect": _("Not yet: there is no effect to put into money"),
        "no_quarter": _("No quarter of these deals had ended before the start"),
        "no_velocity": _("The last quarter has no velocity to start from"),
        "no_baseline": _("The level before is zero: nothing to be in proportion to"),
    }
    return told[reason]


def unread_text(method: object) -> str:
    """Why stored figures are not shown, with the version of the method that they name."""
    if not isinstance(method, int):
        return _("Its figures were stored in a form that cannot be read here.")
    return _(
        "Its figures are of version {n} of the method, stored in a form that cannot be read here."
    ).format(n=method)


def cases_text(measure: Measure, n: int, style: Style) -> str:
    """So many cases of a measure, in words."""
    told = formats.number(n, style)
    if measure == "opened_per_week":
        return ngettext("{n} deal", "{n} deals", n).format(n=told)
    if measure in ("won_within", "passed_within"):
        return ngettext("{n} mature deal", "{n} mature deals", n).format(n=told)
    return ngettext("{n} deal won in time", "{n} deals won in time", n).format(n=told)


def settle_text(settle: Settle, measure: Measure, design: Design, style: Style) -> str:
    """What would settle it, if both sides went on as they did so far."""
    if settle.state == "settled":
        return _("Nothing more: it is settled")
    if settle.state == "held":
        if design == "arms_by_rep":
            return _("Not more deals of the same reps, but reps that are clearly apart")
        return _("Time: until deals of equal age say the same")
    if settle.state == "not_computable":
        return _("Cannot be said yet")
    if settle.state == "never":
        return _(
            "Not at this effect: ten years or 10,000 deals like those seen would not tell it from"
            " none"
        )
    if settle.weeks is not None:
        weeks = max(1, round(settle.weeks))
        return ngettext(
            "About {n} more week like those seen", "About {n} more weeks like those seen", weeks
        ).format(n=formats.number(weeks, style))
    cases = cases_text(measure, settle.more_test, style)
    if design == "before_after":
        return _("About {cases} more, if it goes on as so far").format(cases=cases)
    other = cases_text(measure, settle.more_baseline, style)
    return _("About {cases} more in the test and {other} in the control, if it goes on").format(
        cases=cases, other=other
    )


def method_text(method: Method | None) -> str:
    """The name of the method behind the always-valid interval; empty for none."""
    told: dict[Method | None, str] = {
        "tilted_poisson": _("mixture of tilted Poisson counts"),
        "tilted_binomial": _("mixture of tilted binomials"),
        "mixture_t": _("mixture t"),
        None: "",
    }
    return told[method]


def side_words(design: str) -> tuple[str, str]:
    """What the two sides are called: before and after, or control and test."""
    return (_("Before"), _("After")) if design == "before_after" else (_("Control"), _("Test"))
