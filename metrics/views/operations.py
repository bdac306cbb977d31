"""For owners: when figures were computed, what waits, and whether the background work lives."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import company_view
from metrics.selectors.operations import operations as found
from metrics.views.asking import style_of
from metrics.views.quarters_asking import drawn


@company_view("operations.view")
@require_safe
def operations(request: HttpRequest) -> HttpResponse:
    """The page; while something waits it asks for itself again."""
    company = request.company  # type: ignore[attr-defined]
    context: dict[str, object] = {
        "page": found(company=company, now=timezone.now(), style=style_of(request)),
        "page_url": reverse("metrics:operations", kwargs={"company_slug": company.slug}),
    }
    return drawn(request, "metrics/operations.html", context)
