"""What-ifs that somebody keeps: saved, renamed, overwritten, withdrawn and taken back.

Only the question is kept: a quarter, a segment and the levers' new values. What comes of it is
computed when read, so a restated quarter changes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.services.audit import record_audit
from metrics.models import Scenario
from metrics.selectors.what_if_query import NAMES
from pipeline import rules
from pipeline.models import Pipeline
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.refusals import both_values, refuse

MOST = 200
NAME_LENGTH = 120
REMARK_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Question:
    """Where a what-if starts from, and the (parameter, value) pairs that it changes."""

    pipeline_id: int
    quarter: str
    segment: str
    pairs: Sequence[tuple[str, str]]

    @property
    def changes(self) -> dict[str, str]:
        """The pairs as the scenario keeps them."""
        return dict(self.pairs)


def save_scenario(
    *, by: Actor, now: datetime, name: str, question: Question, remark: str = ""
) -> Scenario:
    """Keep a what-if under a name. Exactly the same again, as a form sent twice, keeps one."""
    _may(by)
    name, remark = _kept_name(name), _kept_remark(remark)
    _check(question)
    values = {
        "pipeline_id": question.pipeline_id,
        "quarter": question.quarter,
        "segment": question.segment,
        "changes": question.changes,
        "remark": remark,
        "owner_id": by.user_id,
    }
    with transaction.atomic():
        standing = _named(name)
        if standing is not None:
            if all(getattr(standing, field) == value for field, value in values.items()):
                return standing
            raise DomainError(_taken())
        if Scenario.objects.filter(withdrawn_at=None).count() >= MOST:
            raise DomainError(
                _("There are {most} scenarios already. Withdraw one first.").format(most=MOST)
            )
        scenario = Scenario(name=name, created_at=now, changed_at=now, **values)
        _saved(scenario)
        _audit(scenario, by, now, "saved", after=_shown(scenario))
    return scenario


def rename_scenario(
    *, by: Actor, now: datetime, scenario_id: int, name: str, remark: str, version: int
) -> Scenario:
    """Another name or remark; unchanged values write nothing."""
    _may(by)
    name, remark = _kept_name(name), _kept_remark(remark)
    with transaction.atomic():
        scenario = _locked(scenario_id)
        before = {"name": scenario.name, "remark": scenario.remark}
        after = {"name": name, "remark": remark}
        if before == after:
            return scenario
        _refuse_stale(scenario, version, before, after)
        standing = _named(name)
        if standing is not None and standing.pk != scenario.pk:
            raise DomainError(_taken())
        scenario.name, scenario.remark = name, remark
        _changed(scenario, now)
        _audit(scenario, by, now, "renamed", before=before, after=after)
    return scenario


def overwrite_scenario(
    *, by: Actor, now: datetime, scenario_id: int, question: Question, version: int
) -> Scenario:
    """Let a scenario keep another what-if under its old name; the same again writes nothing."""
    _may(by)
    _check(question)
    with transaction.atomic():
        scenario = _locked(scenario_id)
        before = _asked(scenario)
        after = {
            "pipeline_id": question.pipeline_id,
            "quarter": question.quarter,
            "segment": question.segment,
            "changes": question.changes,
        }
        if before == after:
            return scenario
        _refuse_stale(scenario, version, before, after)
        scenario.pipeline_id = question.pipeline_id
        scenario.quarter, scenario.segment = question.quarter, question.segment
        scenario.changes = question.changes
        _changed(scenario, now)
        _audit(scenario, by, now, "overwritten", before=before, after=after)
    return scenario


def withdraw_scenario(*, by: Actor, now: datetime, scenario_id: int, version: int) -> Scenario:
    """Take a scenario off the list; `restore_scenario` puts it back."""
    _may(by)
    with transaction.atomic():
        scenario = _locked(scenario_id, withdrawn_too=True)
        if scenario.withdrawn_at is not None:
            return scenario
        if scenario.version != version:
            raise StaleVersion(
                _("{name} was changed meanwhile. Look at it again before you withdraw it.").format(
                    name=scenario.name
                )
            )
        scenario.withdrawn_at = now
        _changed(scenario, now)
        _audit(scenario, by, now, "withdrawn", before=_shown(scenario))
    return scenario


def restore_scenario(*, by: Actor, now: datetime, scenario_id: int) -> Scenario:
    """Put a withdrawn scenario back, unless its name has been given to another meanwhile."""
    _may(by)
    with transaction.atomic():
        scenario = _locked(scenario_id, withdrawn_too=True)
        if scenario.withdrawn_at is None:
            return scenario
        if _named(scenario.name) is not None:
            raise DomainError(_taken())
        scenario.withdrawn_at = None
        _changed(scenario, now)
        _audit(scenario, by, now, "restored", after=_shown(scenario))
    return scenario


def _may(by: Actor) -> None:
    if not by.manages:
        raise NotAllowed(_("Only a manager saves and changes scenarios."))


def _kept_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise DomainError(_("Give the scenario a name."))
    if len(name) > NAME_LENGTH:
        raise DomainError(
            _("A name has at most {most} characters. Say it shorter.").format(most=NAME_LENGTH)
        )
    refuse(rules.unkeepable(name))
    return name


def _kept_remark(remark: str) -> str:
    remark = remark.strip()
    if len(remark) > REMARK_LENGTH:
        raise DomainError(
            _("A remark has at most {most} characters. Say it shorter.").format(most=REMARK_LENGTH)
        )
    refuse(rules.unkeepable(remark))
    return remark


def _check(question: Question) -> None:
    if not question.pairs:
        raise DomainError(_("Nothing is changed yet. Move a lever first."))
    if any(name not in NAMES for name, _value in question.pairs):
        raise DomainError(_("This what-if cannot be kept. Reload the page."))
    refuse(rules.unkeepable(question.quarter, question.segment))


def _named(name: str) -> Scenario | None:
    found: Scenario | None = Scenario.objects.filter(name=name, withdrawn_at=None).first()
    return found


def _taken() -> str:
    return _("There is a scenario of this name. Choose another name, or overwrite that one.")


def _locked(scenario_id: int, *, withdrawn_too: bool = False) -> Scenario:
    rows = Scenario.objects.select_for_update(of=("self",)).filter(pk=scenario_id)
    found: Scenario | None = rows.first()
    if found is None or (found.withdrawn_at is not None and not withdrawn_too):
        raise NotFound(_("This scenario does not exist."))
    return found


def _refuse_stale(
    scenario: Scenario, version: int, before: dict[str, Any], after: dict[str, Any]
) -> None:
    if scenario.version == version:
        return
    names = {
        "name": _("name"),
        "remark": _("remark"),
        "pipeline_id": _("pipeline"),
        "quarter": _("quarter"),
        "segment": _("segment"),
        "changes": _("levers"),
    }
    differing = [
        (names[field], _plain(field, before[field]), _plain(field, after[field]))
        for field in after
        if before[field] != after[field]
    ]
    raise StaleVersion(
        _("Somebody changed this scenario meanwhile: {facts}. Look again, then decide.").format(
            facts=both_values(differing)
        )
    )


def _plain(field: str, value: Any) -> str:
    if field == "pipeline_id":
        return str(Pipeline.objects.values_list("name", flat=True).get(pk=value))
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    return str(value)


def _changed(scenario: Scenario, now: datetime) -> None:
    scenario.version += 1
    scenario.changed_at = now
    _saved(scenario)


def _saved(scenario: Scenario) -> None:
    """Write it; a name that was taken at the same moment is refused like one taken before."""
    try:
        with transaction.atomic():
            scenario.save()
    except IntegrityError:
        if scenario.withdrawn_at is None and _named(scenario.name) is not None:
            raise DomainError(_taken()) from None
        raise


def _asked(scenario: Scenario) -> dict[str, Any]:
    return {
        "pipeline_id": scenario.pipeline_id,
        "quarter": scenario.quarter,
        "segment": scenario.segment,
        "changes": dict(scenario.changes),
    }


def _shown(scenario: Scenario) -> dict[str, Any]:
    return {"name": scenario.name, "remark": scenario.remark, **_asked(scenario)}


def _audit(
    scenario: Scenario,
    by: Actor,
    now: datetime,
    verb: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_audit(
        by=by,
        at=now,
        action=f"scenario.{verb}",
        object_type="scenario",
        object_id=scenario.pk,
        before=before,
        after=after,
    )
