"""Which reps' mail arrives here, and the address that it is sent to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from pipeline.models import Rep

LINKED_FOR = timedelta(days=14)


def mailbox_linked(rep: Rep, now: datetime) -> bool:
    """Has this rep's mailbox delivered a message in the last 14 days?"""
    at = rep.mailbox_linked_at
    return at is not None and now - at <= LINKED_FOR


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A rep in use. `last` says when mail last arrived, or that none has."""

    rep: str
    address: str
    linked: bool
    last: str


def mailboxes(*, now: datetime, zone: ZoneInfo, style: Style) -> tuple[Mailbox, ...]:
    """Every rep in use with the state of the mailbox, by name. One query."""
    today = now.astimezone(zone).date()
    reps = Rep.objects.filter(retired_at=None).select_related("membership__user").order_by("name")
    found = []
    for rep in reps:
        at = rep.mailbox_linked_at
        last = formats.day(at.astimezone(zone), style, today=today) if at else _("never")
        address = rep.email or (rep.membership.user.email if rep.membership else "")
        found.append(Mailbox(rep.name, address, mailbox_linked(rep, now), last))
    return tuple(found)
