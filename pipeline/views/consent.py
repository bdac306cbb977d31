"""Before an entry restates a closed quarter, whoever may do so is told and asked."""

from datetime import date, datetime

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.actors import Actor
from pipeline.services.restating import restated_quarters


def must_ask(form: forms.Form, *, by: Actor, since: date, now: datetime) -> bool:
    """Must this entry of the local day `since` be shown again with a question first?

    Then the form says what it would do (components/restates.html prints it) and its button
    sends `restate`. Who does not manage is refused by the service with a sentence.
    """
    if not by.manages or form.cleaned_data.get("restate"):
        return False
    labels = restated_quarters(since=since, now=now)
    if labels:
        form.restates = warning(labels)  # type: ignore[attr-defined]
        form.restates_button = _("Record it and restate")  # type: ignore[attr-defined]
    return bool(labels)


def warning(labels: tuple[str, ...]) -> str:
    """What an entry that reaches into these closed quarters does."""
    first, last = formats.quarter(labels[0]), formats.quarter(labels[-1])
    if len(labels) == 1:
        return _(
            "This restates {quarter}: it is closed, and its figures get a new version that says"
            " who changed what. The version before stays."
        ).format(quarter=first)
    return ngettext(
        "This restates {n} closed quarter, {first} to {last}: it gets a new version that says who"
        " changed what. The version before stays.",
        "This restates up to {n} closed quarters, {first} to {last}: they get new versions that"
        " say who changed what. The versions before stay.",
        len(labels),
    ).format(n=len(labels), first=first, last=last)
