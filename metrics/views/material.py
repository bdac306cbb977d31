"""What findings and deals say of material: worries without any, and how far its deals went.

Both are fetched by pages of the app below; without htmx each is a page of its own.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import company_view
from metrics.selectors.material_effect import effect_page
from metrics.selectors.material_gaps import material_gaps
from pipeline.permissions import MATERIAL_MANAGE
from pipeline.views import answers
from pipeline.views.deal_asking import may


def _to(request: HttpRequest, name: str, **more: int) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse(name, kwargs={"company_slug": slug, **more})


@company_view("material.view")
@require_safe
def material_gaps_page(request: HttpRequest) -> HttpResponse:
    """The worries that no material helps with."""
    company = request.company  # type: ignore[attr-defined]
    context = {
        "gaps": material_gaps(company=company, style=answers.style_of(request)),
        "finding_list": _to(request, "metrics:finding_list"),
        "back": _to(request, "pipeline:material_list"),
        "add_url": _to(request, "pipeline:material_add") if may(request, MATERIAL_MANAGE) else "",
    }
    part = "#section" if answers.scripted(request) else ""
    return render(request, f"metrics/material_gaps.html{part}", context)


@company_view("material.view")
@require_safe
def material_effect_page(request: HttpRequest, material_id: int) -> HttpResponse:
    """How far the deals that had a material went, against similar ones without it."""
    company = request.company  # type: ignore[attr-defined]
    page = effect_page(company=company, material_id=material_id, style=answers.style_of(request))
    if page is None:
        raise Http404
    context = {"page": page, "back": _to(request, "pipeline:material", material_id=material_id)}
    part = "#section" if answers.scripted(request) else ""
    return render(request, f"metrics/material_effect.html{part}", context)
