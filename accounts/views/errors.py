"""Pages for what went wrong."""

from django.http import HttpRequest, HttpResponse

from accounts.access import refused


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token was missing or stale; nothing was changed."""
    return refused(
        request, "Your sign-in changed since this page was opened. Reload it and try again."
    )
