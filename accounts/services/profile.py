"""What a person says of themself."""

from accounts.models import User


def change_profile(*, user_id: int, name: str, shortcuts: bool) -> None:
    """Save a person's name, and whether keys without a modifier do something.

    It touches no company, so there is no audit entry.
    """
    User.objects.filter(pk=user_id).update(name=name, shortcuts=shortcuts)
