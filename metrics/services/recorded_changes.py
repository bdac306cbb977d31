"""What the team changed and when: recorded, corrected, withdrawn and put back.

A recorded change is a mark on the charts and nothing more: no figure depends on it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.services.audit import record_audit
from metrics.models import RecordedChange
from pipeline import rules
from pipeline.models import Stage
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.refusals import both_values, refuse

TEXT_LENGTH = 200
MOST = 1000
EARLIEST = date(1990, 1, 1)
_FIELDS = ("happened_on", "text", "stage_id", "segment")


@dataclass(frozen=True, slots=True)
class Change:
    """What is recorded. `stage_id` None concerns every stage and pipeline; `segment` is a
    segment's name, `all` for all deals."""

    happened_on: date
    text: str
    stage_id: int | None = None
    segment: str = "all"


def record_change(*, by: Actor, now: datetime, today: date, change: Change) -> RecordedChange:
    """Record a change. Exactly the same again, as a form sent twice, keeps one."""
    _may(by)
    values = _values(change, today)
    with transaction.atomic():
        standing = RecordedChange.objects.filter(withdrawn_at=None, **values).first()
        if standing is not None:
            found: RecordedChange = standing
            return found
        if RecordedChange.objects.filter(withdrawn_at=None).count() >= MOST:
            raise DomainError(
                _("There are {most} changes already. Withdraw one first.").format(most=MOST)
            )
        recorded = RecordedChange(recorded_at=now, recorded_by_id=by.user_id, **values)
        recorded.save()
        _audit(recorded, by, now, "recorded", after=_shown(recorded))
    return recorded


def correct_change(
    *, by: Actor, now: datetime, today: date, change_id: int, change: Change, version: int
) -> RecordedChange:
    """Another day, text, stage or segment; unchanged values write nothing."""
    _may(by)
    values = _values(change, today)
    with transaction.atomic():
        recorded = _locked(change_id)
        before = _shown(recorded)
        if all(getattr(recorded, field) == value for field, value in values.items()):
            return recorded
        if recorded.version != version:
            raise StaleVersion(_stale(recorded, values))
        for field, value in values.items():
            setattr(recorded, field, value)
        _save(recorded)
        _audit(recorded, by, now, "corrected", before=before, after=_shown(recorded))
    return recorded


def withdraw_change(*, by: Actor, now: datetime, change_id: int, version: int) -> RecordedChange:
    """Take a change off the charts; `put_back_change` undoes it."""
    _may(by)
    with transaction.atomic():
        recorded = _locked(change_id, withdrawn_too=True)
        if recorded.withdrawn_at is not None:
            return recorded
        if recorded.version != version:
            raise StaleVersion(
                _("This change was edited meanwhile. Look at it again before you withdraw it.")
            )
        recorded.withdrawn_at = now
        _save(recorded)
        _audit(recorded, by, now, "withdrawn", before=_shown(recorded))
    return recorded


def put_back_change(*, by: Actor, now: datetime, change_id: int) -> RecordedChange:
    """Put a withdrawn change back on the charts."""
    _may(by)
    with transaction.atomic():
        recorded = _locked(change_id, withdrawn_too=True)
        if recorded.withdrawn_at is None:
            return recorded
        recorded.withdrawn_at = None
        _save(recorded)
        _audit(recorded, by, now, "restored", after=_shown(recorded))
    return recorded


def _may(by: Actor) -> None:
    if not by.manages:
        raise NotAllowed(_("Only a manager records and edits changes."))


def _values(change: Change, today: date) -> dict[str, Any]:
    text = " ".join(change.text.split())
    if not text:
        raise DomainError(_("Say what changed."))
    if len(text) > TEXT_LENGTH:
        raise DomainError(
            _("It has at most {most} characters. Say it shorter.").format(most=TEXT_LENGTH)
        )
    refuse(rules.unkeepable(text, change.segment))
    if not EARLIEST <= change.happened_on <= today:
        raise DomainError(_("The day lies in the future, or too far back."))
    pipeline_id = None
    if change.stage_id is not None:
        pipeline_id = (
            Stage.objects.filter(pk=change.stage_id, kind=Stage.Kind.OPEN)
            .values_list("pipeline_id", flat=True)
            .first()
        )
        if pipeline_id is None:
            raise DomainError(_("There is no such stage. Choose another one."))
    return {
        "happened_on": change.happened_on,
        "text": text,
        "stage_id": change.stage_id,
        "pipeline_id": pipeline_id,
        "segment": change.segment,
    }


def _stale(recorded: RecordedChange, values: dict[str, Any]) -> str:
    names = {
        "happened_on": _("day"),
        "text": _("text"),
        "stage_id": _("stage"),
        "segment": _("segment"),
    }
    stages = dict(Stage.objects.values_list("id", "name"))

    def plain(field: str, value: Any) -> str:
        return stages.get(value, "") if field == "stage_id" else str(value)

    differing = [
        (names[field], plain(field, getattr(recorded, field)), plain(field, values[field]))
        for field in _FIELDS
        if getattr(recorded, field) != values[field]
    ]
    return _("Somebody edited this change meanwhile: {facts}. Look again, then decide.").format(
        facts=both_values(differing)
    )


def _locked(change_id: int, *, withdrawn_too: bool = False) -> RecordedChange:
    rows = RecordedChange.objects.select_for_update(of=("self",)).filter(pk=change_id)
    found: RecordedChange | None = rows.first()
    if found is None or (found.withdrawn_at is not None and not withdrawn_too):
        raise NotFound(_("This change does not exist."))
    return found


def _save(recorded: RecordedChange) -> None:
    recorded.version += 1
    recorded.save()


def _shown(recorded: RecordedChange) -> dict[str, Any]:
    return {
        "happened_on": recorded.happened_on.isoformat(),
        "text": recorded.text,
        "stage_id": recorded.stage_id,
        "segment": recorded.segment,
    }


def _audit(
    recorded: RecordedChange,
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
        action=f"recorded_change.{verb}",
        object_type="recorded_change",
        object_id=recorded.pk,
        before=before,
        after=after,
    )
