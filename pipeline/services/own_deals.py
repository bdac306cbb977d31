"""Who may give material to a deal: managers to any, a rep to own ones, leadership to none."""

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import NotAllowed
from accounts.permissions import allows
from pipeline.models import Deal, Rep
from pipeline.permissions import MATERIAL_SEND


def sends_to(by: Actor, deal: Deal) -> bool:
    """May this actor send material in this deal?"""
    if by.role is not None and not allows(by.role, MATERIAL_SEND):
        return False
    if by.manages:
        return True
    if deal.rep_id is None or by.user_id is None:
        return False
    return bool(Rep.objects.filter(pk=deal.rep_id, membership__user_id=by.user_id).exists())


def check_own_deal(by: Actor, deal: Deal) -> None:
    """Raise NotAllowed where the actor may not send material in this deal."""
    if not sends_to(by, deal):
        raise NotAllowed(_("You send material in your own deals. Ask a manager for this one."))
