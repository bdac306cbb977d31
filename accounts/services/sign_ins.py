"""End sign-ins: one, all others, and those that stand when a credential changes."""

from typing import Any

from allauth.usersessions.models import UserSession


def sign_out_one(*, user_id: int, sign_in_id: int) -> bool:
    """End one sign-in of this person; False when there is none of that id."""
    found = UserSession.objects.filter(user_id=user_id, pk=sign_in_id).first()
    if found is None:
        return False
    found.end()
    return True


def sign_out_others(*, user_id: int, keep: str | None) -> int:
    """End all sign-ins of this person but the one of session key `keep`; how many ended."""
    others = list(UserSession.objects.filter(user_id=user_id).exclude(session_key=keep or ""))
    for session in others:
        session.end()
    return len(others)


def on_credential_change(*, request: Any, user: Any = None, **_: Any) -> None:
    """Whoever came in with the old credential is out. Connected to django-allauth's events."""
    if user is not None and user.pk:
        sign_out_others(user_id=user.pk, keep=request.session.session_key)
