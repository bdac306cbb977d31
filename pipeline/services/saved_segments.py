"""Keep a filter under a name; rename it, share it, remove it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.models import Membership
from accounts.services.audit import record_audit
from pipeline import rules
from pipeline.models import SavedSegment
from pipeline.services.history import NotFound
from pipeline.services.refusals import refuse

MOST_OF_ONE_MEMBER = 100
_QUERY_LENGTH = 1000
_NAME_LENGTH = 80


def _check_name(name: str) -> str:
    name = name.strip()
    if not name:
        raise DomainError(_("Give the filter a name."))
    if len(name) > _NAME_LENGTH:
        raise DomainError(
            _("A name has at most {most} characters. Say it shorter.").format(most=_NAME_LENGTH)
        )
    refuse(rules.unkeepable(name))
    return name


def _refuse_taken(*, membership_id: int, name: str, but: int | None = None) -> None:
    same = SavedSegment.objects.filter(membership_id=membership_id, name=name).exclude(pk=but)
    if same.exists():
        raise DomainError(_("You have a filter of this name. Choose another name."))


def _changeable(*, by: Actor, segment_id: int) -> SavedSegment:
    """One's own, or a shared one for who manages; somebody else's own is as if it were not."""
    found: SavedSegment | None = (
        SavedSegment.objects.select_for_update(of=("self",))
        .select_related("membership")
        .filter(pk=segment_id)
        .first()
    )
    mine = found is not None and found.membership.user_id == by.user_id
    if found is None or not (mine or found.shared):
        raise NotFound(_("This filter does not exist."))
    if not mine and not by.manages:
        raise NotAllowed(_("Somebody else saved this filter. Ask them or a manager to change it."))
    return found


def save_segment(
    *, by: Actor, membership: Membership, name: str, query: str, shared: bool, now: datetime
) -> SavedSegment:
    """Keep a query string that the board understands; `query` is its canonical form."""
    name = _check_name(name)
    query = query.removeprefix("?")
    if len(query) > _QUERY_LENGTH or rules.unkeepable(query):
        raise DomainError(_("This filter is too long to keep. Choose fewer words."))
    with transaction.atomic():
        # One member's segments are counted under a lock, so that two requests cannot both fit.
        Membership.objects.select_for_update().get(pk=membership.pk)
        if SavedSegment.objects.filter(membership=membership).count() >= MOST_OF_ONE_MEMBER:
            raise DomainError(_("You have saved a hundred filters. Remove one first."))
        _refuse_taken(membership_id=membership.pk, name=name)
        segment: SavedSegment = SavedSegment.objects.create(
            name=name, query=query, membership=membership, shared=shared, created_at=now
        )
        record_audit(
            by=by,
            at=now,
            action="segment.saved",
            object_type="segment",
            object_id=segment.pk,
            after={"name": name, "query": query, "shared": shared},
        )
    return segment


def change_segment(
    *, by: Actor, segment_id: int, name: str, shared: bool, now: datetime
) -> SavedSegment:
    """Rename a segment, share it, or keep it to oneself."""
    name = _check_name(name)
    with transaction.atomic():
        segment = _changeable(by=by, segment_id=segment_id)
        _refuse_taken(membership_id=segment.membership_id, name=name, but=segment.pk)
        before = {"name": segment.name, "shared": segment.shared}
        after = {"name": name, "shared": shared}
        if after == before:
            return segment
        segment.name, segment.shared = name, shared
        segment.save(update_fields=["name", "shared"])
        record_audit(
            by=by,
            at=now,
            action="segment.changed",
            object_type="segment",
            object_id=segment.pk,
            before=before,
            after=after,
        )
    return segment


def remove_segment(*, by: Actor, segment_id: int, now: datetime) -> str:
    """Forget a segment; its name is returned. Deals are not touched."""
    with transaction.atomic():
        segment = _changeable(by=by, segment_id=segment_id)
        record_audit(
            by=by,
            at=now,
            action="segment.removed",
            object_type="segment",
            object_id=segment.pk,
            before={"name": segment.name, "query": segment.query, "shared": segment.shared},
        )
        name = str(segment.name)
        segment.delete()
    return name
