"""What every page's frame needs to know."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.selectors.memberships import workspaces_of


def workspace(request: HttpRequest) -> dict[str, Any]:
    """The active company and membership, and the companies to switch to (asked for lazily)."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"company": None, "membership": None, "workspaces": ()}
    return {
        "company": getattr(request, "company", None),
        "membership": getattr(request, "membership", None),
        "workspaces": SimpleLazyObject(lambda: workspaces_of(user_id=user.pk)),
    }
