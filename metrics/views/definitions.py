"""What every number means: docs/metrics.md as a page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import company_view
from metrics.selectors.definitions import definitions_text


@company_view("definitions.view")
@require_safe
def definitions(request: HttpRequest) -> HttpResponse:
    """Every figure's name on the pages leads to its section here."""
    rendered = definitions_text()
    return render(
        request,
        "metrics/definitions.html",
        {"text": rendered.html, "headings": rendered.headings},
    )
