"""The settings of a company: the list of what there is, and the audit trail."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import company_view
from accounts.navigation import settings_for
from accounts.roles import Role
from accounts.selectors.audit import trail


@company_view("settings.view")
@require_safe
def settings(request: HttpRequest) -> HttpResponse:
    """The pages of the settings that this role may open."""
    role = Role(request.membership.role)  # type: ignore[attr-defined]
    groups = settings_for(slug=request.company.slug, role=role)  # type: ignore[attr-defined]
    return render(request, "accounts/settings.html", {"listed": groups})


@company_view("audit.view")
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """Who changed what: newest first, 50 a page, by kind and person."""
    company = request.company  # type: ignore[attr-defined]
    kind, person = request.GET.get("kind", ""), request.GET.get("person", "")
    before = request.GET.get("before", "")
    found = trail(
        zone=company.zone,
        kind=kind.replace("\x00", ""),
        person=person,
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
    )
    asked = {name: value for name, value in (("kind", kind), ("person", person)) if value}
    context = {
        "trail": found,
        "kind": kind,
        "person": person,
        "older": f"?{urlencode({**asked, 'before': found.older})}" if found.older else "",
        "newest": f"?{urlencode(asked)}" if before else "",
        "zone": company.timezone,
        "slug": company.slug,
    }
    with timezone.override(company.zone):
        return render(request, "accounts/audit.html", context)
