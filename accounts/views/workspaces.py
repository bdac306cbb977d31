"""The way in: to the only workspace, or to the list of them."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from accounts.access import public_view
from accounts.selectors.memberships import workspaces_of
from accounts.views.reading import user_id_of


@public_view
@require_GET
@login_required
def company_list(request: HttpRequest) -> HttpResponse:
    """The workspaces of the signed-in user; with only one, go straight in."""
    companies = workspaces_of(user_id=user_id_of(request))
    if len(companies) == 1 and "all" not in request.GET:
        return redirect("metrics:velocity", company_slug=companies[0].slug)
    return render(request, "accounts/company_list.html", {"companies": companies})
