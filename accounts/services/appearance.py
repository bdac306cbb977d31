"""The reader's own theme and language."""

from django.conf import settings

from accounts.models import User


def choose_appearance(*, user_id: int, theme: str | None, locale: str | None) -> None:
    """Save the theme and the language that the user chose; None or an unknown one stays as it is.

    A user's own taste touches no company, so there is no audit entry.
    """
    chosen = {}
    if theme in User.Theme.values:
        chosen["theme"] = theme
    if locale in dict(settings.LANGUAGES):
        chosen["locale"] = locale
    if chosen:
        User.objects.filter(pk=user_id).update(**chosen)
