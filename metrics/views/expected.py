"""What the open deals are expected to bring: one figure, for the board to fetch."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import company_view
from metrics.selectors.figures import figures_of
from metrics.selectors.stock import expected_of
from pipeline.models import Pipeline
from pipeline.views import answers


@company_view("velocity.view")
@require_safe
def expected(request: HttpRequest) -> HttpResponse:
    """The weighted pipeline of a pipeline now (`?pipeline=`, else the first); nothing where there
    is none yet."""
    company = request.company  # type: ignore[attr-defined]
    if not answers.scripted(request):
        return redirect(reverse("metrics:velocity", kwargs={"company_slug": company.slug}))
    asked = request.GET.get("pipeline", "")
    pipeline_id = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None
    if pipeline_id and not Pipeline.objects.filter(pk=pipeline_id).exists():
        return HttpResponse()
    figures = figures_of(company=company, pipeline_id=pipeline_id)
    style = answers.style_of(request)
    context = {
        "fact": expected_of(figures[-1], style) if figures else None,
        "definitions_url": reverse("metrics:definitions", kwargs={"company_slug": company.slug}),
    }
    return render(request, "metrics/expected.html", context)
