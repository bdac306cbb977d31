"""Why deals were lost at a stage: a part of the funnel page, or a page of its own."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import company_view
from metrics.selectors import figures
from metrics.selectors.filters import question_from
from metrics.selectors.reasons import stage_reasons
from metrics.views.asking import pipeline_name, style_of, with_pipeline


@company_view("deal.view")
@require_safe
def funnel_reasons(request: HttpRequest) -> HttpResponse:
    """With htmx only the part; followed as a link, a page around it."""
    company = request.company  # type: ignore[attr-defined]
    question = question_from(dict(request.GET.lists()), accepts=("pipeline", "at", "unit"))
    pipelines = figures.pipelines_of(company=company)
    question, pipeline_id = with_pipeline(question, pipelines)
    quarters = figures.quarters_of(company=company, pipeline_id=pipeline_id)
    named = {quarter.label: quarter for quarter in quarters}
    quarter = named.get(question.quarter or (quarters[-1].label if quarters else ""))
    reasons = None
    if quarter is not None and question.at is not None:
        try:
            reasons = stage_reasons(
                company=company,
                quarter=quarter,
                segment=question.segment,
                at=question.at,
                now=timezone.now(),
                style=style_of(request),
                pipeline_id=pipeline_id,
                pipeline=question.pipeline,
                pipeline_name=pipeline_name(question, pipelines),
            )
        except ValueError:
            reasons = None  # no segment's name: the sentence says that there is nothing
    slug = {"company_slug": company.slug}
    context = {
        "reasons": reasons,
        "refused": "" if reasons else _("There are no figures of such a stage and quarter."),
        "back_url": reverse("metrics:funnel", kwargs=slug) + question.query(),
        "deals_url": reverse("metrics:funnel_deals", kwargs=slug),
        "definitions_url": reverse("metrics:definitions", kwargs=slug),
    }
    whole = not getattr(request, "htmx", False) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/funnel_reasons.html" if whole else "metrics/funnel_reasons.html#reasons"
    return render(request, template, context)
