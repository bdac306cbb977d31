"""Pages that show what a request knows, for tests of the way through the middleware."""

from collections.abc import Iterator

from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path

from accounts.access import company_view, public_view
from accounts.errors import DomainError
from accounts.tenancy.context import active_company_id, active_user_id
from pipeline.models import Team

attempts: list[int] = []


def known() -> dict[str, object]:
    with transaction.atomic():
        rows = list(Team._base_manager.values_list("company_id", flat=True))
    return {"company": active_company_id(), "user": active_user_id(), "rows": rows}


@public_view
def outside(request: HttpRequest) -> JsonResponse:
    return JsonResponse(known())


@company_view("company.view")
def inside(request: HttpRequest) -> JsonResponse:
    return JsonResponse(known())


@company_view("settings.change")
def managers(request: HttpRequest) -> HttpResponse:
    return HttpResponse("for managers")


@company_view("company.view")
def breaks(request: HttpRequest) -> HttpResponse:
    Team.objects.create(name="half done")
    raise ZeroDivisionError


@company_view("company.view")
def refuses(request: HttpRequest) -> HttpResponse:
    Team.objects.create(name="half done")
    raise DomainError("This cannot be done <today>.")


@company_view("company.view")
def streams(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        yield f"{active_company_id()} "
        yield str(list(Team._base_manager.values_list("name", flat=True)))

    return StreamingHttpResponse(parts())


class _Deadlock(Exception):
    sqlstate = "40P01"


@company_view("company.view")
def deadlocked(request: HttpRequest, times: int) -> HttpResponse:
    attempts.append(1)
    Team.objects.create(name=f"attempt {len(attempts)}")
    if len(attempts) <= times:
        raise OperationalError("deadlock detected") from _Deadlock()
    return HttpResponse("done")


urlpatterns = [
    path("outside/", outside, name="outside"),
    path("w/<slug:company_slug>/inside/", inside, name="inside"),
    path("w/<slug:company_slug>/managers/", managers, name="managers"),
    path("w/<slug:company_slug>/breaks/", breaks, name="breaks"),
    path("w/<slug:company_slug>/refuses/", refuses, name="refuses"),
    path("w/<slug:company_slug>/streams/", streams, name="streams"),
    path("w/<slug:company_slug>/deadlocked/<int:times>/", deadlocked, name="deadlocked"),
    path("", include("config.urls")),
]
