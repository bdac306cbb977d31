"""Addresses that break the rules on purpose: the guards must see each of them."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

from accounts.access import company_view
from accounts.tenancy.context import company_context
from pipeline.models import Deal, Team


@company_view("deal.view")
def without_filter(request: HttpRequest) -> JsonResponse:
    """Walls 1 and 2 are down: every row that the database lets through."""
    names = list(Deal._base_manager.values_list("name", flat=True))
    return JsonResponse({"names": names})


@company_view("deal.view")
def into_the_neighbour(request: HttpRequest, deal_id: int) -> HttpResponse:
    """Opens the company of the row that was asked for, instead of the one in the address."""
    own: int = request.company.pk  # type: ignore[attr-defined]
    for company_id in range(own - 50, own + 50):
        with company_context(company_id):
            deal = Deal.objects.filter(pk=deal_id).first()
            if deal is not None:
                return HttpResponse(deal.name)
    return HttpResponse("none", status=404)


@company_view("deal.view")
def writes_on_get(request: HttpRequest) -> HttpResponse:
    Team.objects.create(name=f"made by GET {Team.objects.count()}")
    return HttpResponse("done")


def unmarked(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("open to everybody")


company = [
    path("without_filter/", without_filter, name="without_filter"),
    path("row/<int:deal_id>/", into_the_neighbour, name="into_the_neighbour"),
    path("writes/", writes_on_get, name="writes_on_get"),
    path("unmarked/", unmarked, name="unmarked"),
]
urlpatterns = [
    path("", include("config.urls")),
    path("w/<slug:company_slug>/planted/", include((company, "planted"))),
]
