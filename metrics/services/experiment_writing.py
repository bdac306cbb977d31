"""What happened to an experiment, written down: its own log and the audit trail."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import NotAllowed
from accounts.formats import style_for
from accounts.models import Company, User
from accounts.services.audit import record_audit
from metrics.models import Experiment, ExperimentEntry
from metrics.selectors.experiment_words import field_text, state_text, value_text
from pipeline.models import Pipeline, Stage
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.refusals import both_values


def check_role(by: Actor) -> None:
    """NotAllowed for whoever does not manage."""
    if not by.manages:
        raise NotAllowed(_("Managers and owners run experiments. Ask one of them."))


def locked(experiment_id: int, *, withdrawn_too: bool = False) -> Experiment:
    """The experiment, locked; NotFound where there is none, or only a draft thrown away."""
    rows = Experiment.objects.select_for_update(of=("self",)).filter(pk=experiment_id)
    found: Experiment | None = rows.first()
    if found is None or (found.withdrawn_at is not None and not withdrawn_too):
        raise NotFound(_("This experiment does not exist."))
    return found


def kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by field as a log keeps them: plain, and with names, which outlive every row."""
    told: dict[str, Any] = {}
    for field, value in values.items():
        if field == "owner_id":
            told["owner"] = _name_of(value)
        elif field == "stage_id":
            told["stage"] = _one(Stage, value)
        elif field == "pipeline_id":
            told["pipeline"] = _one(Pipeline, value)
        elif field == "guardrails":
            told[field] = [{**row, "name": _one(Stage, row["stage"])} for row in value]
        elif isinstance(value, date):
            told[field] = value.isoformat()
        else:
            told[field] = value
    return told


def _one(model: Any, pk: int | None) -> str:
    found: str | None = (
        model.objects.filter(pk=pk).values_list("name", flat=True).first() if pk else None
    )
    return found or ""


def _name_of(user_id: int | None) -> str:
    found = User.objects.filter(pk=user_id).first() if user_id else None
    return "" if found is None else str(found.name or found.email)


def refuse_stale(
    company: Company, experiment: Experiment, version: int, wanted: Mapping[str, Any]
) -> None:
    """StaleVersion where the screen showed another version: both values of what would differ.

    `wanted` are fields with what was asked for; a change of the state is told in any case.
    """
    if experiment.version == version:
        return
    style = style_for(
        language=get_language() or "en", company_locale=company.locale, currency=company.currency
    )
    theirs = kept({field: getattr(experiment, field) for field in wanted})
    yours = kept(wanted)
    measure = experiment.measure
    differing = [
        (
            field_text(field),
            value_text(field, theirs[field], measure=measure, style=style),
            value_text(field, yours[field], measure=measure, style=style),
        )
        for field in yours
        if theirs[field] != yours[field]
    ]
    facts = both_values(differing) or _("it is {state} now").format(
        state=state_text(experiment.state).word
    )
    raise StaleVersion(
        _(
            "Somebody else changed this experiment while you were looking: {facts}."
            " Nothing was changed; decide again."
        ).format(facts=facts)
    )


def save(experiment: Experiment, *fields: str) -> None:
    """Write these fields as the next version."""
    experiment.version += 1
    experiment.save(update_fields=[*fields, "version"])


def note(
    experiment: Experiment,
    by: Actor,
    now: datetime,
    kind: str,
    *,
    text: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    once: str | None = None,
) -> ExperimentEntry:
    """A line in the experiment's own log."""
    entry: ExperimentEntry = ExperimentEntry.objects.create(
        experiment=experiment,
        kind=kind,
        text=text,
        before=dict(before or {}),
        after=dict(after or {}),
        at=now,
        by_id=by.user_id,
        once=once,
    )
    return entry


def audit(
    experiment: Experiment,
    by: Actor,
    now: datetime,
    verb: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """A line in the audit trail; frozen figures stay with the experiment."""
    record_audit(
        by=by,
        at=now,
        action=f"experiment.{verb}",
        object_type="experiment",
        object_id=experiment.pk,
        before=None if before is None else dict(before),
        after=None if after is None else dict(after),
    )
