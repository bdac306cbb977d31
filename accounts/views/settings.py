"""The settings of a company: the list of what there is, and the audit trail."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import company_view
from accounts.navigation import settings_for
from accounts.roles import Role


@company_view("settings.view")
@require_safe
def settings(request: HttpRequest) -> HttpResponse:
    """The pages of the settings that this role may open."""
    role = Role(request.membership.role)  # type: ignore[attr-defined]
    groups = settings_for(slug=request.company.slug, role=role)  # type: ignore[attr-defined]
    return render(request, "accounts/settings.html", {"listed": groups})
