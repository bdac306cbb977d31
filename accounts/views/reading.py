"""Who is looking, for views that only signed-in people reach."""

from django.http import HttpRequest


def user_id_of(request: HttpRequest) -> int:
    """The id of the signed-in user."""
    pk = request.user.pk
    if pk is None:
        raise PermissionError("this view is for people who have signed in")
    return int(pk)
