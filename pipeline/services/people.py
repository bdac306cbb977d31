"""Reps: who they are linked to, what they leave behind, and their teams."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Membership
from accounts.retries import retry_deadlocks
from accounts.services.audit import record_audit
from pipeline.models import Deal, Rep, Team
from pipeline.services.handing_over import give_deals
from pipeline.services.history import NotFound
from pipeline.services.rewriting import Rewriting, mark, rewriting, said


def check_rep(values: Mapping[str, Any], *, but: int | None) -> None:
    """Refuse a team or a member that is not there, and a member who is another rep already."""
    team, member = values.get("team_id"), values.get("membership_id")
    if team is not None and not Team.objects.filter(pk=team).exists():
        raise DomainError(_("This team does not exist. Choose another."))
    if member is None:
        return
    if not Membership.objects.filter(pk=member).exists():
        raise DomainError(_("This member does not exist. Choose another."))
    other = Rep.objects.filter(membership_id=member).exclude(pk=but).first()
    if other is not None:
        raise DomainError(
            _("This member signs in as {other} already. Choose another.").format(other=other.name)
        )


def join_reps(*, by: Actor, left: Rep, into: Rep, now: datetime) -> dict[str, Any]:
    """What a merge of reps takes along besides the deals: the sign-in, if only one has one."""
    if left.membership_id is None:
        return {}
    if into.membership_id is not None:
        raise DomainError(
            _("{left} and {into} both sign in. Unlink one of them from its member first.").format(
                left=left.name, into=into.name
            )
        )
    member = left.membership_id
    left.membership_id = None
    left.save(update_fields=["membership"])
    into.membership_id = member
    into.save(update_fields=["membership"])
    return {"membership_id": member}


def join_teams(*, by: Actor, left: Team, into: Team, now: datetime) -> dict[str, Any]:
    """A merge of teams moves the reps; each of them keeps that in the audit trail."""
    reps = list(Rep.objects.select_for_update().filter(team=left).order_by("pk"))
    for rep in reps:
        rep.team = into
        rep.save(update_fields=["team"])
        record_audit(
            by=by,
            at=now,
            action="rep.changed",
            object_type="rep",
            object_id=rep.pk,
            before={"team_id": left.pk},
            after={"team_id": into.pk, "merged": left.name},
        )
    return {"reps": [rep.pk for rep in reps]}


def _open_deals(rep_id: int) -> Any:
    return Deal.objects.filter(rep_id=rep_id, outcome=Deal.Outcome.OPEN)


def hand_over_rewrites(*, rep_id: int, now: datetime) -> Rewriting:
    """The closed quarters that a hand-over of a rep's open deals would restate."""
    return rewriting(deals=_open_deals(rep_id), now=now)


@retry_deadlocks
def hand_over(*, by: Actor, rep_id: int, to_id: int, now: datetime) -> int:
    """Give the open deals of a rep to another one in use; returns how many. Closed ones stay."""
    with transaction.atomic():
        rows = {
            row.pk: row
            for row in Rep.objects.select_for_update().filter(pk__in=(rep_id, to_id)).order_by("pk")
        }
        if rep_id not in rows or to_id not in rows:
            raise NotFound(_("This rep does not exist."))
        if rep_id == to_id or rows[to_id].retired_at is not None:
            raise DomainError(_("Choose another rep, who still works here."))
        plan = hand_over_rewrites(rep_id=rep_id, now=now)
        deals = give_deals(
            by=by,
            deals=_open_deals(rep_id),
            field="rep_id",
            before=rep_id,
            after=to_id,
            origin="handover",
            now=now,
        )
        if not deals:
            return 0
        record_audit(
            by=by,
            at=now,
            action="rep.handed_over",
            object_type="rep",
            object_id=rep_id,
            before={"name": rows[rep_id].name},
            after={"to": rows[to_id].name, "to_id": to_id, "deals": deals, **said(plan)},
        )
        mark(plan=plan, now=now)
        return deals
