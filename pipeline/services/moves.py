"""Move a deal, correct a wrong move, withdraw one."""

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.retries import retry_deadlocks
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline import paths, rules
from pipeline.models import Deal, Stage, StageTransition
from pipeline.services.dirty import mark_dirty
from pipeline.services.history import (
    NotFound,
    Recorded,
    StaleVersion,
    append,
    by_key,
    repeated,
    rows_of,
    stage_kinds,
)
from pipeline.services.refusals import refuse
from pipeline.services.unlearn import unlearn

_ORIGINS = StageTransition.Origin
_REASON_LENGTH = 300


def _locked_deal(deal_id: int) -> Deal:
    deal: Deal | None = Deal.objects.select_for_update().filter(pk=deal_id).first()
    if deal is None:
        raise NotFound(_("This deal does not exist."))
    return deal


def _stage(stage_id: int) -> Stage:
    stage: Stage | None = Stage.objects.filter(pk=stage_id).first()
    if stage is None:
        raise NotFound(_("This stage does not exist."))
    return stage


def _refuse_stale(deal: Deal, version: int | None, wanted: str) -> None:
    if version is None or version == deal.version:
        return
    stage = deal.stage.name if deal.stage else _("no stage")
    raise StaleVersion(
        _(
            "This deal changed while you were looking: it is in {stage} now. You chose {wanted}."
            " Nothing was changed; look at it and decide again."
        ).format(stage=stage, wanted=wanted)
    )


def final_before(*, company: Company, now: datetime) -> date | None:
    """The first day of the oldest quarter that is not final: entries before it restate one."""
    today = company.local_day(company.clock(now))
    start = company.quarter_start(today)
    if (today - start).days < company.settle_days:
        start = company.quarter_start(date.fromordinal(start.toordinal() - 1))
    return start


def _check(
    *,
    company: Company,
    deal: Deal,
    by: Actor,
    to_stage: Stage | None,
    from_name: str | None,
    occurred_at: datetime,
    now: datetime,
    history: list[paths.Row],
    which: tuple,  # type: ignore[type-arg]
    earliest: date | None = None,
) -> None:
    occurred_on = company.local_day(occurred_at)
    refuse(
        rules.check(
            rules.Entry(
                from_name=from_name,
                to_name=to_stage.name if to_stage else None,
                same_pipeline=to_stage is None or to_stage.pipeline_id == deal.pipeline_id,
                occurred_at=occurred_at,
                occurred_on=min(occurred_on, earliest or occurred_on),
                now=now,
                opened_at=history[0].occurred_at if history else None,
                manages=by.manages,
                final_before=final_before(company=company, now=now),
                retired=to_stage is not None and to_stage.retired_at is not None,
            ),
            which,
        )
    )


def _stood_in(history: list[paths.Row], instant: datetime) -> int | None:
    """The stage that the deal stood in then, for display."""
    return next(
        (row.to_stage for row in reversed(history) if row.occurred_at <= instant),
        None,
    )


@retry_deadlocks
def move_deal(
    *,
    by: Actor,
    deal_id: int,
    to_stage_id: int,
    occurred_at: datetime,
    now: datetime,
    key: str | None = None,
    version: int | None = None,
    imported: bool = False,
) -> Recorded:
    """Record that a deal moved to a stage, now or earlier.

    key: made with the form; the same one again has one effect. version: what the user saw;
    another one is told, nothing overwritten. imported: another system's record, taken as told.
    Raises DomainError with a sentence when a rule refuses.
    """
    with transaction.atomic():
        found = by_key(key=key)
        if found is not None:
            return repeated(found, deal_id=deal_id, to_stage_id=to_stage_id)
        deal = _locked_deal(deal_id)
        stage = _stage(to_stage_id)
        _refuse_stale(deal, version, stage.name)
        company = Company.objects.get(pk=require_company_id())
        rows = rows_of(deal_id=deal.pk)
        history = paths.effective(rows)
        from_stage = deal.stage
        late = bool(history) and occurred_at < history[-1].occurred_at
        _check(
            company=company,
            deal=deal,
            by=by,
            to_stage=stage,
            # An entry between older moves may repeat today's stage.
            from_name=from_stage.name if from_stage and not late else None,
            occurred_at=occurred_at,
            now=now,
            history=history,
            which=rules.IMPORT if imported else rules.MOVE,
        )
        before = {"stage": from_stage.name if from_stage else None, "version": deal.version}
        # A clock that runs ahead by minutes is pulled back: no figure may wait for the future.
        occurred_at = occurred_at if imported else min(occurred_at, now)
        transition = append(
            company=company,
            deal=deal,
            to_stage=stage,
            occurred_at=occurred_at,
            recorded_at=now,
            by=by,
            origin=_ORIGINS.IMPORT if imported else _ORIGINS.MOVE,
            rows=rows,
            from_stage_id=_stood_in(history, occurred_at),
            key=key,
        )
        record_audit(
            by=by,
            at=now,
            action="deal.moved",
            object_type="deal",
            object_id=deal.pk,
            before=before,
            after={"stage": stage.name, "occurred_at": occurred_at.isoformat()},
        )
        mark_dirty(company=company, since=transition.occurred_on, now=now)
        return Recorded(transition.pk, deal.pk, deal.version, deal.stage_id)


def _since(
    company: Company,
    rows: list[paths.Row],
    replaced: StageTransition,
    target: int | None,
    when: datetime,
) -> date:
    """The earliest local day that a correction touches.

    The row that it names may have been replaced before, by one of another day: what holds until
    now ends, whatever row it stands in.
    """
    day = company.local_day(when)
    newest = max(row.id for row in rows) + 1
    planned = paths.Row(newest, target, when, day, replaced.pk)
    changed = paths.first_difference(paths.effective(rows), paths.effective([*rows, planned]))
    return min(replaced.occurred_on, day, changed or day)


@retry_deadlocks
def correct_transition(
    *,
    by: Actor,
    transition_id: int,
    now: datetime,
    to_stage_id: int | None = None,
    occurred_at: datetime | None = None,
    withdraw: bool = False,
    reason: str = "",
    key: str | None = None,
    version: int | None = None,
    imported: bool = False,
) -> Recorded:
    """Say what a wrong move should have been, or withdraw it. The old row stays in the history.

    Give the right stage, the right time, or both; what is not given stays. `withdraw=True`
    says that it never happened. A win or loss that is gone by it takes its answers along.
    """
    if len(reason) > _REASON_LENGTH:
        raise DomainError(
            _("A reason has at most {most} characters. Say it shorter.").format(most=_REASON_LENGTH)
        )
    refuse(rules.unkeepable(reason))
    with transaction.atomic():
        replaced = StageTransition.objects.filter(pk=transition_id).first()
        if replaced is None:
            raise NotFound(_("This move does not exist."))
        target = None if withdraw else (to_stage_id or replaced.to_stage_id)
        found = by_key(key=key)
        if found is not None:
            return repeated(found, deal_id=None, to_stage_id=target, replaces_id=transition_id)
        deal = _locked_deal(replaced.deal_id)
        if not withdraw and target is None:
            raise DomainError(_("Choose the stage that the deal really moved to."))
        stage = None if target is None else _stage(target)
        _refuse_stale(deal, version, stage.name if stage else _("to withdraw a move"))
        company = Company.objects.get(pk=require_company_id())
        rows = rows_of(deal_id=deal.pk)
        when = occurred_at or replaced.occurred_at
        earliest = _since(company, rows, replaced, target, when)
        _check(
            company=company,
            deal=deal,
            by=by,
            to_stage=stage,
            from_name=None,
            occurred_at=when,
            now=now,
            history=paths.effective(rows),
            which=rules.IMPORT if imported else rules.CORRECTION,
            earliest=earliest,
        )
        when = when if imported else min(when, now)
        before = {
            "stage": replaced.to_stage.name if replaced.to_stage else None,
            "occurred_at": replaced.occurred_at.isoformat(),
        }
        transition = append(
            company=company,
            deal=deal,
            to_stage=stage,
            occurred_at=when,
            recorded_at=now,
            by=by,
            origin=_ORIGINS.WITHDRAWAL if withdraw else _ORIGINS.CORRECTION,
            rows=rows,
            from_stage_id=replaced.from_stage_id,
            replaces=replaced,
            key=key,
            reason=reason,
        )
        if not imported:
            reaches = unlearn(
                by=by,
                deal=deal,
                before=paths.effective(rows),
                after=paths.effective(rows_of(deal_id=deal.pk)),
                kinds=stage_kinds(deal=deal),
                replaced=replaced,
                now=now,
            )
            earliest = min(earliest, reaches or earliest)
        record_audit(
            by=by,
            at=now,
            action="deal.move_withdrawn" if withdraw else "deal.move_corrected",
            object_type="deal",
            object_id=deal.pk,
            before=before,
            after={
                "stage": stage.name if stage else None,
                "occurred_at": when.isoformat(),
                "reason": reason,
            },
        )
        mark_dirty(company=company, since=earliest, now=now)
        return Recorded(transition.pk, deal.pk, deal.version, deal.stage_id)
