"""Findings: add, change with history, tie to deals, withdraw and put back. Their only writer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from metrics.models import Finding, FindingChange, FindingDeal
from metrics.services.finding_checks import (
    check_day,
    check_deals,
    check_own,
    check_role,
    check_severity,
    check_source,
    check_stage,
    check_text,
    check_towards,
    evidence_of,
)
from pipeline.models import Deal, Theme
from pipeline.services.history import KeyReused, NotFound, StaleVersion, wait_for_key
from pipeline.services.themes import named_theme

# What may be changed. Its evidence and its author stay what they were.
FIELDS = (
    "source",
    "stage",
    "towards",
    "statement",
    "quote",
    "theme",
    "severity",
    "learned_on",
    "deals",
)
_Ref = Any  # a row, or its id


def _pk(row: _Ref) -> int | None:
    found: int | None = getattr(row, "pk", row)
    return found


def _must(row: _Ref) -> int:
    pk = _pk(row)
    if pk is None:
        raise DomainError(_("Choose the stage that this is about."))
    return pk


def _pks(rows: Iterable[_Ref]) -> list[int]:
    return [_must(row) for row in rows]


def _theme(theme: _Ref | str, *, by: Actor, now: datetime, kept: int | None = None) -> Theme | None:
    """A theme by row or id, or by its typed name, which is added where it is new."""
    if isinstance(theme, str):
        return named_theme(by=by, name=theme, now=now) if theme.strip() else None
    pk = _pk(theme)
    if pk is None:
        return None
    found: Theme | None = Theme.objects.select_related("merged_into").filter(pk=pk).first()
    if found is None:
        raise NotFound(_("This theme does not exist."))
    if found.merged_into is not None:
        found = found.merged_into
    if found.retired_at is not None and found.pk != kept:
        raise DomainError(_("The theme {name} is retired. Choose another.").format(name=found.name))
    return found


def add_finding(
    *,
    by: Actor,
    now: datetime,
    source: str,
    stage: _Ref,
    statement: str,
    deals: Iterable[_Ref] = (),
    quote: str = "",
    theme: _Ref | str = None,
    severity: str = "medium",
    learned_on: date | None = None,
    towards: _Ref = None,
    review: _Ref = None,
    answer: _Ref = None,
    activity: _Ref = None,
    note: _Ref = None,
    material: _Ref = None,
    idempotency_key: str | None = None,
) -> Finding:
    """Add a finding; the same key again adds nothing and gives what it added.

    Rows may be given as such or by id; a theme also by its typed name. Without a day it was
    learned when its evidence happened, or today. A rep ties it to own deals, and to at least one.
    """
    check_role(by)
    statement, quote = check_text(statement, quote)
    check_source(source)
    check_severity(severity)
    with transaction.atomic():
        if idempotency_key:
            wait_for_key(idempotency_key)
            sent: Finding | None = Finding.objects.filter(idempotency_key=idempotency_key).first()
            if sent is not None:
                if (sent.author_id, sent.statement) != (by.user_id, statement):
                    raise KeyReused(
                        _("This form was sent before with other values. Reload the page.")
                    )
                return sent
        company = Company.objects.get(pk=require_company_id())
        place = check_stage(_must(stage))
        leads = check_towards(_pk(towards), stage=place)
        tied = check_deals(_pks(deals), stage=place)
        learned_from = evidence_of(
            review=_pk(review),
            answer=_pk(answer),
            activity=_pk(activity),
            note=_pk(note),
            material=_pk(material),
        )
        check_own(by, changed=tied, tied=len(tied), evidence=learned_from.deals)
        learned_on = learned_on or learned_from.day or company.local_day(company.clock(now))
        check_day(learned_on, company=company, now=now)
        finding = Finding(
            source=source,
            pipeline_id=place.pipeline_id,
            stage=place,
            towards=leads,
            statement=statement,
            quote=quote,
            theme=_theme(theme, by=by, now=now),
            severity=severity,
            learned_on=learned_on,
            review_id=learned_from.review,
            answer_id=learned_from.answer,
            activity_id=learned_from.activity,
            note_id=learned_from.note,
            material_id=learned_from.material,
            author_id=by.user_id,
            recorded_at=now,
            idempotency_key=idempotency_key,
        )
        finding.save()
        FindingDeal.objects.bulk_create(FindingDeal(finding=finding, deal=deal) for deal in tied)
        _audit(
            by,
            now,
            finding,
            "added",
            after={
                "statement": statement,
                "source": source,
                "stage": place.name,
                "deals": [deal.pk for deal in tied],
            },
        )
    return finding


@dataclass(slots=True)
class _Held:
    """A finding that is locked, with its deals."""

    finding: Finding
    deals: tuple[Deal, ...]


def _held(*, by: Actor, finding_id: int) -> _Held:
    """Lock a finding that the actor may change: a rep only own ones."""
    check_role(by)
    finding: Finding | None = Finding.objects.select_for_update().filter(pk=finding_id).first()
    if finding is None:
        raise NotFound(_("This finding does not exist."))
    if not by.manages and finding.author_id != by.user_id:
        raise NotAllowed(_("Somebody else recorded this finding. They or a manager can change it."))
    deals = Deal.objects.filter(finding_links__finding_id=finding.pk).order_by("pk")
    return _Held(finding, tuple(deals))


def change_finding(
    *, by: Actor, now: datetime, finding_id: int, values: Mapping[str, Any], version: int
) -> Finding:
    """Change what a finding says; what is left out of `values` stays, unchanged writes nothing.

    `version` is the one that the screen showed: if somebody changed the finding since, that is
    told and nothing is overwritten. Each change is kept with what stood there before.
    """
    unknown = set(values) - set(FIELDS)
    if unknown:
        raise TypeError(f"a finding has no {', '.join(sorted(unknown))}")
    with transaction.atomic():
        held = _held(by=by, finding_id=finding_id)
        finding = held.finding
        if finding.version != version:
            raise StaleVersion(_stale(finding))
        company = Company.objects.get(pk=require_company_id())
        before = _told(finding, held.deals)
        tied = _apply(held, values, by=by, now=now, company=company)
        if {d.pk for d in tied} != {d.pk for d in held.deals}:
            _tie(finding, tied, held.deals, by=by)
        _keep(finding, before, _told(finding, tied), by=by, now=now)
    return finding


def _apply(
    held: _Held, values: Mapping[str, Any], *, by: Actor, now: datetime, company: Company
) -> tuple[Deal, ...]:
    """Set the values on the finding, checked; returns the deals it is tied to afterwards."""
    finding = held.finding
    finding.statement, finding.quote = check_text(
        values.get("statement", finding.statement), values.get("quote", finding.quote)
    )
    if "source" in values and values["source"] != finding.source:
        check_source(values["source"])
        finding.source = values["source"]
    if "severity" in values:
        check_severity(values["severity"])
        finding.severity = values["severity"]
    if "learned_on" in values and values["learned_on"] is not None:
        check_day(values["learned_on"], company=company, now=now)
        finding.learned_on = values["learned_on"]
    stage = check_stage(_must(values.get("stage", finding.stage_id)), kept=finding.stage_id)
    leads = check_towards(
        _pk(values.get("towards", finding.towards_id)),
        stage=stage,
        kept=finding.towards_id if stage.pk == finding.stage_id else None,
    )
    finding.stage, finding.towards, finding.pipeline = stage, leads, stage.pipeline
    if "theme" in values:
        finding.theme = _theme(values["theme"], by=by, now=now, kept=finding.theme_id)
    wanted = _pks(values["deals"]) if "deals" in values else [deal.pk for deal in held.deals]
    return check_deals(wanted, stage=stage)


def tie_deal(*, by: Actor, now: datetime, finding_id: int, deal_id: int) -> Finding:
    """Tie a finding to one more deal; tied already, nothing happens."""
    return _retie(by=by, now=now, finding_id=finding_id, add=deal_id)


def untie_deal(*, by: Actor, now: datetime, finding_id: int, deal_id: int) -> Finding:
    """Take a deal off a finding; a rep leaves at least one on it."""
    return _retie(by=by, now=now, finding_id=finding_id, drop=deal_id)


def _retie(
    *,
    by: Actor,
    now: datetime,
    finding_id: int,
    add: int | None = None,
    drop: int | None = None,
) -> Finding:
    with transaction.atomic():
        held = _held(by=by, finding_id=finding_id)
        finding = held.finding
        wanted = {deal.pk for deal in held.deals} - {drop} | ({add} if add is not None else set())
        if wanted == {deal.pk for deal in held.deals}:
            return finding
        tied = check_deals((pk for pk in wanted if pk is not None), stage=finding.stage)
        before = _told(finding, held.deals)
        _tie(finding, tied, held.deals, by=by)
        _keep(finding, before, _told(finding, tied), by=by, now=now)
    return finding


def _tie(finding: Finding, tied: tuple[Deal, ...], before: tuple[Deal, ...], *, by: Actor) -> None:
    """Bring the rows that tie deals in line with `tied`."""
    now_ids, old_ids = {d.pk for d in tied}, {d.pk for d in before}
    new = [deal for deal in tied if deal.pk not in old_ids]
    gone = [deal for deal in before if deal.pk not in now_ids]
    check_own(by, changed=[*new, *gone], tied=len(tied), evidence=frozenset())
    FindingDeal.objects.filter(finding=finding, deal__in=gone).delete()
    FindingDeal.objects.bulk_create(FindingDeal(finding=finding, deal=deal) for deal in new)


def withdraw_finding(*, by: Actor, now: datetime, finding_id: int) -> Finding:
    """Take a finding back: nothing counts it any more, and it can be put back."""
    return _set_withdrawn(by=by, now=now, finding_id=finding_id, at=now)


def put_back_finding(*, by: Actor, now: datetime, finding_id: int) -> Finding:
    """Undo a withdrawal."""
    return _set_withdrawn(by=by, now=now, finding_id=finding_id, at=None)


def _set_withdrawn(*, by: Actor, now: datetime, finding_id: int, at: datetime | None) -> Finding:
    with transaction.atomic():
        finding = _held(by=by, finding_id=finding_id).finding
        if (finding.withdrawn_at is None) == (at is None):
            return finding
        finding.withdrawn_at = at
        word = {"withdrawn": at is not None}
        _keep(finding, {"withdrawn": at is None}, word, by=by, now=now)
    return finding


def _told(finding: Finding, deals: Iterable[Deal]) -> dict[str, Any]:
    """What a finding says, as its history keeps it: names, which outlive every row."""
    return {
        "source": finding.source,
        "stage": finding.stage.name,
        "towards": finding.towards.name if finding.towards else "",
        "statement": finding.statement,
        "quote": finding.quote,
        "theme": finding.theme.name if finding.theme else "",
        "severity": finding.severity,
        "learned_on": finding.learned_on.isoformat(),
        "deals": [{"id": deal.pk, "name": deal.name} for deal in deals],
    }


def _keep(
    finding: Finding,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    by: Actor,
    now: datetime,
) -> None:
    """Save what differs, with a row of history and an entry of the audit trail."""
    differing = [name for name in after if before[name] != after[name]]
    if not differing:
        return
    finding.version += 1
    finding.save()
    old = {name: before[name] for name in differing}
    new = {name: after[name] for name in differing}
    FindingChange.objects.create(finding=finding, before=old, after=new, at=now, by_id=by.user_id)
    _audit(by, now, finding, "changed", before=old, after=new)


def _stale(finding: Finding) -> str:
    last = (
        FindingChange.objects.select_related("by").filter(finding=finding).order_by("-id").first()
    )
    return _(
        "{who} changed this finding while you were looking; it now says: {statement}."
        " Nothing of yours was saved; look at it and decide again."
    ).format(who=last.by if last and last.by else _("Somebody"), statement=finding.statement)


def _audit(by: Actor, now: datetime, finding: Finding, verb: str, **what: Any) -> None:
    record_audit(
        by=by,
        at=now,
        action=f"finding.{verb}",
        object_type="finding",
        object_id=finding.pk,
        **what,
    )
