"""Danger points as things people work on: opened, taken on, ended, said something about.

Whatever happens to one leaves an entry in its own log and one in the audit trail. A screen says
which version it showed; a later one is told with both values and never overwritten.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.models import Company, Membership
from accounts.retries import retry_deadlocks
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from metrics.calc.calendar import quarter_of
from metrics.calc.danger_states import ENDED, OPEN, State, refusal
from metrics.calc.segments import ALL
from metrics.models import DangerPoint, DangerPointEntry, Snapshot
from metrics.selectors.danger_words import OWNER_ROLES, state_text
from metrics.selectors.filters import segment_name, segment_parts, segment_text
from pipeline import rules
from pipeline.models import Stage
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.refusals import both_values, refuse

REMARK_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Opened:
    """The danger point of a stage and segment. `existed`: it was worked on already."""

    danger_point_id: int
    existed: bool


@retry_deadlocks
def open_danger_point(
    *,
    by: Actor,
    now: datetime,
    stage_id: int,
    segment: str = ALL,
    quarter: str = "",
    owner_id: int | None = None,
    due_on: date | None = None,
    remark: str = "",
) -> Opened:
    """Take a stage on, for a segment. A second opening leads to the one that is worked on.

    `quarter` is the label of the quarter that it was seen in, by default the newest;
    `owner_id` a user who is a member and may write.
    """
    _may(by)
    remark = _kept(remark)
    with transaction.atomic():
        company = Company.objects.get(pk=require_company_id())
        stage = _open_stage(stage_id)
        segment = _segment(segment, stage=stage)
        standing = _standing(stage_id=stage.pk, segment=segment)
        if standing is not None:
            return Opened(standing.pk, existed=True)
        owner = _owner(owner_id)
        _check_due(due_on, company=company, now=now)
        made = DangerPoint(
            pipeline_id=stage.pipeline_id,
            stage=stage,
            segment=segment,
            owner_id=owner_id,
            due_on=due_on,
            opened_quarter=_quarter(quarter, stage=stage, company=company, now=now),
            opened_at=now,
            opened_by_id=by.user_id,
        )
        try:
            with transaction.atomic():
                made.save(force_insert=True)
        except IntegrityError:
            # Somebody opened it at the same moment; their transaction has ended by now.
            standing = _standing(stage_id=stage.pk, segment=segment)
            if standing is None:
                raise
            return Opened(standing.pk, existed=True)
        after = {
            "stage": stage.name,
            "segment": segment,
            "quarter": made.opened_quarter,
            "owner": owner,
            "due_on": due_on.isoformat() if due_on else "",
        }
        _note(made, by, now, "opened", after=made.opened_quarter, remark=remark)
        _audit(made, by, now, "opened", after={**after, "remark": remark})
    return Opened(made.pk, existed=False)


@retry_deadlocks
def set_state(
    *, by: Actor, now: datetime, danger_point_id: int, to: str, version: int, reason: str = ""
) -> DangerPoint:
    """Another state; `reason` is why, which dismissing needs. The same state again is nothing."""
    _may(by)
    reason = _kept(reason)
    with transaction.atomic():
        point = _locked(danger_point_id)
        if point.state == to:
            return point
        _refuse_stale(point, version, _("the state"), _state(point.state), _state(to))
        _refuse_move(point, to, reason)
        before = point.state
        _change_state(point, to, closed_at=now if to in ENDED else None)
        _record(point, by, now, "state", before, to, remark=reason)
    return point


@retry_deadlocks
def take_back_state(*, by: Actor, now: datetime, danger_point_id: int, version: int) -> DangerPoint:
    """Put the state back that the newest change of it replaced; `version` is what it left.

    Nothing may have changed since. A reason or day of ending that it had before holds again.
    """
    _may(by)
    with transaction.atomic():
        point = _locked(danger_point_id)
        newest = point.entries.filter(field="state").order_by("-id").first()
        if newest is None or point.version != version or newest.after != point.state:
            raise StaleVersion(
                _("This was changed again meanwhile, so it cannot be taken back. Look again.")
            )
        back = newest.before
        ended = point.entries.filter(field="state", after=back).order_by("-id").first()
        _change_state(point, back, closed_at=ended.at if back in ENDED and ended else None)
        _record(point, by, now, "state", newest.after, back, remark="", verb="state_taken_back")
    return point


@retry_deadlocks
def set_owner(
    *, by: Actor, now: datetime, danger_point_id: int, owner_id: int | None, version: int
) -> DangerPoint:
    """Who works on it: a member who may write, or nobody."""
    _may(by)
    with transaction.atomic():
        point = _locked(danger_point_id)
        if point.owner_id == owner_id:
            return point
        before, after = _name(point), _owner(owner_id)
        _refuse_stale(point, version, _("the owner"), before, after)
        _refuse_ended(point)
        point.owner_id = owner_id
        _save(point, "owner")
        _record(point, by, now, "owner", before, after)
    return point


@retry_deadlocks
def set_due(
    *, by: Actor, now: datetime, danger_point_id: int, due_on: date | None, version: int
) -> DangerPoint:
    """The day by which something should have come of it; None for no day."""
    _may(by)
    with transaction.atomic():
        point = _locked(danger_point_id)
        if point.due_on == due_on:
            return point
        before = point.due_on.isoformat() if point.due_on else ""
        after = due_on.isoformat() if due_on else ""
        _refuse_stale(point, version, _("the due day"), before, after)
        _refuse_ended(point)
        _check_due(due_on, company=Company.objects.get(pk=require_company_id()), now=now)
        point.due_on = due_on
        _save(point, "due_on")
        _record(point, by, now, "due_on", before, after)
    return point


@retry_deadlocks
def remark(*, by: Actor, now: datetime, danger_point_id: int, text: str) -> DangerPointEntry:
    """Say something about it. The same words sent twice in a row are kept once."""
    _may(by)
    text = _kept(text)
    if not text:
        raise DomainError(_("A remark needs words."))
    with transaction.atomic():
        point = _locked(danger_point_id)
        newest: DangerPointEntry | None = point.entries.order_by("-id").first()
        if newest and (newest.field, newest.remark, newest.by_id) == ("remark", text, by.user_id):
            return newest
        entry = _note(point, by, now, "remark", remark=text)
        _audit(point, by, now, "remarked", after={"remark": text})
    return entry


def _may(by: Actor) -> None:
    if not by.manages:
        raise NotAllowed(_("Managers and owners change danger points. Ask one of them."))


def _locked(danger_point_id: int) -> DangerPoint:
    found: DangerPoint | None = (
        DangerPoint.objects.select_for_update().filter(pk=danger_point_id).first()
    )
    if found is None:
        raise NotFound(_("This danger point does not exist."))
    return found


def _standing(*, stage_id: int, segment: str) -> DangerPoint | None:
    found: DangerPoint | None = DangerPoint.objects.filter(
        stage_id=stage_id, segment=segment, state__in=OPEN
    ).first()
    return found


def _open_stage(stage_id: int) -> Stage:
    stage: Stage | None = Stage.objects.select_related("replaced_by").filter(pk=stage_id).first()
    if stage is None:
        raise NotFound(_("This stage does not exist."))
    if stage.kind != Stage.Kind.OPEN:
        raise DomainError(
            _("{stage} ends the path; deals are lost before it.").format(stage=stage.name)
        )
    if stage.retired_at is not None:
        heir = stage.replaced_by.name if stage.replaced_by else ""
        raise DomainError(
            _("{stage} is retired; its deals count as {heir}. Open that one.").format(
                stage=stage.name, heir=heir
            )
            if heir
            else _("{stage} is retired. Choose a stage in use.").format(stage=stage.name)
        )
    return stage


def _segment(segment: str, *, stage: Stage) -> str:
    """The segment by its proper name; one that never had a figure is refused."""
    parts = segment_parts(segment)
    name = segment_name(parts)
    if len(parts) > 2 or (not parts and segment != ALL):
        raise DomainError(_("There is no such segment. Choose one from the list."))
    if name == ALL:
        return name
    if not Snapshot.objects.filter(pipeline_id=stage.pipeline_id, segment=name).exists():
        raise DomainError(
            _("{segment} has no figures in this pipeline.").format(segment=segment_text(name))
        )
    return name


def _quarter(label: str, *, stage: Stage, company: Company, now: datetime) -> str:
    """The label if there are figures of it, else the newest quarter's, else the calendar's."""
    found = Snapshot.objects.filter(pipeline_id=stage.pipeline_id, segment=ALL)
    if label and found.filter(quarter_label=label).exists():
        return label
    newest: str | None = (
        found.order_by("-quarter_start").values_list("quarter_label", flat=True).first()
    )
    today = company.local_day(company.clock(now))
    return newest or quarter_of(today, company.fiscal_year_start_month).label


def _owner(owner_id: int | None) -> str:
    """The owner's name, once it is certain that they are a member and may write."""
    if owner_id is None:
        return ""
    found = (
        Membership.objects.select_related("user")
        .filter(user_id=owner_id, role__in=OWNER_ROLES)
        .first()
    )
    if found is None:
        raise DomainError(_("The owner must be a member who may write. Choose one from the list."))
    return str(found.user.name or found.user.email)


def _name(point: DangerPoint) -> str:
    return "" if point.owner is None else str(point.owner.name or point.owner.email)


def _check_due(due_on: date | None, *, company: Company, now: datetime) -> None:
    if due_on is not None and due_on < company.local_day(company.clock(now)):
        raise DomainError(_("A due day lies ahead. Choose today or later."))


def _kept(text: str) -> str:
    refuse(rules.unkeepable(text))
    text = text.strip()
    if len(text) > REMARK_LENGTH:
        raise DomainError(_("A remark has at most 1,000 characters. Say it shorter."))
    return text


def _state(state: str) -> str:
    known = state in DangerPoint.State.values
    return state_text(state).word if known else state


def _refuse_stale(point: DangerPoint, version: int, fact: str, theirs: str, yours: str) -> None:
    if point.version != version:
        raise StaleVersion(
            _(
                "Somebody else changed this danger point while you were looking: {facts}."
                " Nothing was changed; decide again."
            ).format(facts=both_values([(fact, theirs, yours)]))
        )


def _refuse_ended(point: DangerPoint) -> None:
    if point.state in ENDED:
        raise DomainError(_("This danger point has ended. Reopen it first."))


def _refuse_move(point: DangerPoint, to: str, reason: str) -> None:
    match refusal(cast(State, point.state), to, reason=reason):
        case "no_state":
            raise DomainError(_("There is no such state. Choose one of the buttons."))
        case "ended":
            raise DomainError(_("This danger point has ended. Reopen it first."))
        case "reason":
            raise DomainError(_("Say why it is dismissed, so that nobody opens it again blindly."))
    if to in OPEN and point.state in ENDED:
        standing = _standing(stage_id=point.stage_id, segment=point.segment)
        if standing is not None:
            raise DomainError(
                _("Another danger point of this stage and segment is worked on already. Use that.")
            )


def _change_state(point: DangerPoint, to: str, *, closed_at: datetime | None) -> None:
    point.state, point.closed_at = to, closed_at
    try:
        with transaction.atomic():
            _save(point, "state", "closed_at")
    except IntegrityError as twin:
        raise DomainError(
            _("Another danger point of this stage and segment is worked on already. Use that.")
        ) from twin


def _save(point: DangerPoint, *fields: str) -> None:
    point.version += 1
    point.save(update_fields=[*fields, "version"])


def _note(
    point: DangerPoint,
    by: Actor,
    now: datetime,
    field: str,
    *,
    before: str = "",
    after: str = "",
    remark: str = "",
) -> DangerPointEntry:
    entry: DangerPointEntry = DangerPointEntry.objects.create(
        danger_point=point,
        field=field,
        before=before[:300],
        after=after[:300],
        remark=remark,
        at=now,
        by_id=by.user_id,
    )
    return entry


def _record(
    point: DangerPoint,
    by: Actor,
    now: datetime,
    field: str,
    before: str,
    after: str,
    *,
    remark: str = "",
    verb: str = "",
) -> None:
    _note(point, by, now, field, before=before, after=after, remark=remark)
    said = {field: after, **({"remark": remark} if remark else {})}
    _audit(point, by, now, verb or f"{field}_changed", before={field: before}, after=said)


def _audit(point: DangerPoint, by: Actor, now: datetime, verb: str, **what: Any) -> None:
    record_audit(
        by=by,
        at=now,
        action=f"danger_point.{verb}",
        object_type="danger_point",
        object_id=point.pk,
        **what,
    )
