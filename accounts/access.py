"""The one way into a page of a company: a declared permission, inside one transaction."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.errors import DomainError
from accounts.permissions import allows, roles_with
from accounts.retries import retry_deadlocks
from accounts.roles import Role

View = Callable[..., HttpResponse]


def company_view(permission: str) -> Callable[[View], View]:
    """Mark a view of a company's page with the permission that it needs.

    The company and the membership were resolved from the URL by CompanyMiddleware: strangers
    never come here. A member without the right is told so with 403. The view runs in one
    transaction, so it must render before it returns; if the database ended a deadlock at its
    cost, nothing of it happened and it runs again.
    """
    roles_with(permission)  # an unknown permission stops the start

    def decorate(view: View) -> View:
        @retry_deadlocks
        def in_one_transaction(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            with transaction.atomic():
                return view(request, *args, **kwargs)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if getattr(request, "company", None) is None:
                raise Http404
            if not allows(Role(request.membership.role), permission):  # type: ignore[attr-defined]
                sentence = _("Your role in this workspace does not include this page.")
                return refused(request, sentence)
            try:
                return in_one_transaction(request, *args, **kwargs)
            except DomainError as refusal:
                return refused(request, refusal.sentence, status=refusal.status)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def refused(
    request: HttpRequest, sentence: str, *, status: int = 403, page: str = "403.html"
) -> HttpResponse:
    """A refusal in words: a whole page, or one sentence for an htmx target."""
    if getattr(request, "htmx", False):
        return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
    return render(request, page, {"sentence": sentence}, status=status)


def public_view(view: View) -> View:
    """Mark a page that needs no company: sign-in's neighbours, health, the switcher."""
    view.public = True  # type: ignore[attr-defined]
    return view
