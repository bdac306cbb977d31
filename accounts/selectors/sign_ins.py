"""Where a person is signed in."""

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from accounts.selectors.browsers import browser_name


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser in which the person is signed in."""

    id: int
    browser: str
    address: str
    since: datetime
    current: bool


def sign_ins_of(*, user_id: int, current_key: str, now: datetime) -> tuple[SignIn, ...]:
    """The person's living sign-ins, this one first, then the newest."""
    found = list(UserSession.objects.filter(user_id=user_id).order_by("-created_at", "-id"))
    keys = [session.session_key for session in found]
    living = set(
        Session.objects.filter(session_key__in=keys, expire_date__gt=now).values_list(
            "session_key", flat=True
        )
    )
    rows = [
        SignIn(
            session.pk,
            browser_name(session.user_agent),
            session.ip,
            session.created_at,
            session.session_key == current_key,
        )
        for session in found
        if session.session_key in living
    ]
    return tuple(sorted(rows, key=lambda row: not row.current))
