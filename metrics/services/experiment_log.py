"""What happened to an experiment by itself: entries of its log, each of them once.

Texts are in the company's language, since everybody reads the same log; `after` says the same in
a form that programs read.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Company
from metrics.calc.agreement import agree
from metrics.calc.experiments.result import ExperimentFigures, Reading
from metrics.models import Experiment, ExperimentEntry, RecordedChange
from metrics.selectors.experiment_cautions import overlap
from metrics.services.experiment_plans import heir_of
from pipeline.models import Stage

_LASTED = "lasted"


def note_events(
    *,
    company: Company,
    experiment: Experiment,
    earlier: str,
    figures: ExperimentFigures,
    now: datetime,
) -> int:
    """Note what changed since the `earlier` verdict; how many entries were added.

    A verdict that changed, a guardrail that got clearly worse, the planned end, a stage that was
    retired, and changes that the team recorded in the window. In the caller's transaction.
    """
    today = company.local_day(company.clock(now))
    added = 0
    with translation.override(company.locale):
        verdict = figures.primary.verdict
        if verdict != earlier:
            added += _add(
                experiment,
                now,
                f"verdict-{today.isoformat()}-{verdict}",
                _verdict_text(verdict),
                {"event": "verdict", "to": verdict},
                {"verdict": earlier},
            )
        for row in figures.harmed:
            added += _guardrail(experiment, row, now)
        if experiment.ends_on is not None and today >= experiment.ends_on:
            end = experiment.ends_on
            added += _add(
                experiment,
                now,
                f"planned-end-{end.isoformat()}",
                _("The planned end is reached. Deals that are still too young are waited for."),
                {"event": "planned_end", "on": end.isoformat()},
            )
        added += _retired(experiment, now)
        added += _recorded_changes(experiment, today, now)
    return added


def note_recheck(
    *,
    company: Company,
    experiment: Experiment,
    digest: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    now: datetime,
) -> int:
    """Say what a decision's figures come out as today: others, with both, or again the same.

    Only where that is another answer than the newest one that was noted; 1 or 0.
    """
    entries = ExperimentEntry.objects.filter(experiment=experiment, after__event="recheck")
    newest: ExperimentEntry | None = entries.order_by("-id").first()
    if newest is not None and _alike(newest.after.get("figures", {}), after):
        return 0
    with translation.override(company.locale):
        if after:
            text = _(
                "Facts from before the decision were entered or corrected since. Computed again,"
                " the figures are different from those that it was decided on, which stay as they"
                " were."
            )
        else:
            text = _(
                "Computed again from what is known now about that time, the figures come out as"
                " they were decided on."
            )
    told = {"event": "recheck", "figures": dict(after)}
    once = f"recheck-{company.local_day(now).isoformat()}-{digest}"
    return _add(experiment, now, once, text, told, {"figures": dict(before)})


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """The same figures, but for what rounding does."""
    return one.keys() == other.keys() and all(
        one[name] == value
        or (
            isinstance(value, float)
            and isinstance(one[name], int | float)
            and agree(float(one[name]), value)
        )
        for name, value in other.items()
    )


def note_lasted(
    *, company: Company, experiment: Experiment, figures: ExperimentFigures, now: datetime
) -> int:
    """The answer to "did it last?", once every deal of the two quarters is mature."""
    verdict = figures.primary.verdict
    with translation.override(company.locale):
        texts = {
            "better": _("Did it last? Yes: the measure is still better than before the change."),
            "worse": _("Did it last? No: the measure is worse than before the change."),
            "no_evidence_yet": _(
                "Did it last? That cannot be told: the two quarters after it are not clearly"
                " different from the time before the change."
            ),
        }
    told = {"event": "lasted", "verdict": verdict, "effect": figures.primary.effect}
    return _add(experiment, now, _LASTED, texts[verdict], told)


def lasted_told(experiment: Experiment) -> bool:
    """Whether "did it last?" has its final answer."""
    return bool(ExperimentEntry.objects.filter(experiment=experiment, once=_LASTED).exists())


def note_check_in(
    *, company: Company, experiment: Experiment, week: str, name: str, now: datetime
) -> bool:
    """Say that the week's reminder goes to the owner; False: it was sent already."""
    with translation.override(company.locale):
        text = _("{name} was reminded by e-mail to look at this experiment.").format(name=name)
    told = {"event": "check_in", "week": week}
    return bool(_add(experiment, now, f"check-in-{week}", text, told))


def _verdict_text(verdict: str) -> str:
    return {
        "better": _("The suggested verdict is now: better."),
        "worse": _("The suggested verdict is now: worse."),
        "no_evidence_yet": _("The suggested verdict is now: no evidence yet."),
    }[verdict]


def _guardrail(experiment: Experiment, row: Reading, now: datetime) -> int:
    names = {
        "opened_per_week": _("number of deals"),
        "won_within": _("win rate"),
        "passed_within": _("a stage's conversion"),
        "cycle_days": _("cycle"),
        "deal_size": _("deal size"),
    }
    return _add(
        experiment,
        now,
        f"guardrail-{row.measure}-{row.stage or 0}",
        _("A guardrail got clearly worse: {measure}.").format(measure=names[row.measure]),
        {"event": "guardrail", "measure": row.measure, "stage": row.stage},
    )


def _retired(experiment: Experiment, now: datetime) -> int:
    if experiment.stage_id is None:
        return 0
    stage = Stage.objects.select_related("replaced_by").get(pk=experiment.stage_id)
    if stage.retired_at is None:
        return 0
    heir = heir_of(stage)
    if heir is None:
        text = _("The stage {stage} was retired. Its conversion cannot be measured any more.")
    else:
        text = _("The stage {stage} was retired. What is measured since is {heir}.")
    return _add(
        experiment,
        now,
        f"stage-{stage.pk}-{heir.pk if heir else 0}",
        text.format(stage=stage.name, heir=heir.name if heir else ""),
        {"event": "stage_retired", "stage": stage.pk, "heir": heir.pk if heir else None},
    )


def _recorded_changes(experiment: Experiment, today: date, now: datetime) -> int:
    """Other changes between the start of the experiment and its planned end, once they happened."""
    found = RecordedChange.objects.filter(
        happened_on__gte=experiment.starts_on,
        happened_on__lte=today,
        withdrawn_at__isnull=True,
    )
    if experiment.ends_on is not None:
        found = found.filter(happened_on__lt=experiment.ends_on)
    added = 0
    for change in found.order_by("happened_on", "pk"):
        elsewhere = change.pipeline_id not in (None, experiment.pipeline_id)
        if elsewhere or not overlap(change.segment, experiment.segment):
            continue
        day = date_format(change.happened_on, "j F Y")
        added += _add(
            experiment,
            now,
            f"change-{change.pk}",
            _("Something else changed while this runs, on {day}: {text}").format(
                day=day, text=change.text
            ),
            {"event": "recorded_change", "change": change.pk},
        )
    return added


def _add(
    experiment: Experiment,
    now: datetime,
    once: str,
    text: str,
    after: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
) -> int:
    """One entry, if there is none of that name; 1 or 0. The caller holds the experiment."""
    if ExperimentEntry.objects.filter(experiment=experiment, once=once).exists():
        return 0
    ExperimentEntry.objects.create(
        experiment=experiment,
        kind=ExperimentEntry.Kind.AUTOMATIC,
        text=text,
        before=dict(before or {}),
        after=dict(after),
        at=now,
        once=once,
    )
    return 1
