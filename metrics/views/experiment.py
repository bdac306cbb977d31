"""One experiment: its page, its charts as files, planning help while it is drafted, deals' arms."""

from dataclasses import dataclass
from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.access import company_view
from accounts.permissions import allows
from accounts.roles import Role
from metrics.calc.experiment_states import acts
from metrics.charts import Chart
from metrics.models import Experiment
from metrics.permissions import EXPERIMENT_MANAGE
from metrics.selectors.assignments import arms_of_deals
from metrics.selectors.experiment_page import ExperimentPage, Reason, experiment_page
from metrics.selectors.experiment_planning import PlanningHelp
from metrics.services.experiment_planning import planning_help
from metrics.views.asking import export_links, style_of
from metrics.views.experiment_charts import chart_of_plan, experiment_charts
from metrics.views.exporting import file_response
from pipeline.models import Deal
from pipeline.views import answers


@dataclass(frozen=True, slots=True)
class Action:
    """A button of the page's head."""

    text: str
    icon: str
    url: str
    primary: bool = False


def address(request: HttpRequest, name: str, **more: object) -> str:
    """A page of this company; "" where there is none of that name."""
    slug = request.company.slug  # type: ignore[attr-defined]
    try:
        return reverse(f"metrics:{name}", kwargs={"company_slug": slug, **more})
    except NoReverseMatch:
        return ""


def _today(request: HttpRequest) -> date:
    company = request.company  # type: ignore[attr-defined]
    today: date = company.local_day(company.clock(timezone.now()))
    return today


def _may_manage(request: HttpRequest) -> bool:
    return allows(Role(request.membership.role), EXPERIMENT_MANAGE)  # type: ignore[attr-defined]


def _page(request: HttpRequest, experiment_id: int) -> ExperimentPage:
    page = experiment_page(
        company=request.company,  # type: ignore[attr-defined]
        experiment_id=experiment_id,
        today=_today(request),
        style=style_of(request),
    )
    if page is None:
        raise Http404
    return page


def _charts(request: HttpRequest, page: ExperimentPage) -> dict[str, Chart]:
    return experiment_charts(page, style=style_of(request))


def _urls(request: HttpRequest, page: ExperimentPage) -> dict[str, str]:
    """Where each act that its state allows is asked for; none for who only reads."""
    if not _may_manage(request) or page.withdrawn:
        return {}
    names = {
        "change": "experiment_edit",
        "withdraw": "experiment_withdraw",
        "start": "experiment_start",
        "amend": "experiment_amend",
        "stop": "experiment_stop",
        "resume": "experiment_resume",
        "adopt": "experiment_decide",
        "note": "experiment_note",
        "check_in": "experiment_check_in",
    }
    allowed = acts(page.state)  # type: ignore[arg-type]
    found = {
        act: address(request, name, experiment_id=page.id)
        for act, name in names.items()
        if act in allowed
    }
    return {act: url for act, url in found.items() if url}


def _reason_url(request: HttpRequest, reason: Reason) -> str:
    if reason.kind == "finding":
        return address(request, "finding", finding_id=reason.id)
    return address(request, "danger_point", danger_point_id=reason.id)


def _help(request: HttpRequest, experiment: Experiment) -> tuple[PlanningHelp, Chart | None]:
    style = style_of(request)
    told = planning_help(
        company=request.company,  # type: ignore[attr-defined]
        experiment=experiment,
        now=timezone.now(),
        style=style,
    )
    return told, chart_of_plan(told, style=style)


def _context(request: HttpRequest, experiment_id: int) -> dict[str, object]:
    page = _page(request, experiment_id)
    charts = _charts(request, page)
    here = address(request, "experiment", experiment_id=page.id)
    links = export_links(
        request, charts, view="metrics:experiment_chart", also={"experiment_id": page.id}
    )
    funnel = address(request, "funnel")
    segment = "" if page.segment == "all" else "?" + urlencode({"seg": page.segment})
    context: dict[str, object] = {
        "page": page,
        "charts": charts,
        "links": links,
        "exports": tuple(links.values()),
        "urls": _urls(request, page),
        "here": here,
        "list_url": address(request, "experiment_list"),
        "segment_url": funnel + segment,
        "reasons": tuple((reason, _reason_url(request, reason)) for reason in page.reasons),
        "definitions_url": address(request, "definitions"),
        "changes_url": address(request, "change_list"),
    }
    if page.draft:
        experiment = Experiment.objects.select_related("stage").get(pk=page.id)
        context["help"], context["plan_chart"] = _help(request, experiment)
    return context


@company_view("experiment.view")
@require_safe
def experiment(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """The page: plan, verdict, chart, log."""
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/experiment.html" if whole else "metrics/experiment.html#page"
    return render(request, template, _context(request, experiment_id))


@answers.surface("metrics:experiment", target="#page")
def draw_experiment(request: HttpRequest, asking: answers.Asking) -> str:
    """The page after an action on it."""
    context = _context(request, asking.match.kwargs["experiment_id"])
    return render(request, "metrics/experiment.html#page", context).content.decode()


@company_view("experiment.view")
@require_safe
def experiment_chart(
    request: HttpRequest, experiment_id: str, name: str, kind: str
) -> HttpResponse:
    """One chart of the page as CSV or SVG."""
    page = _page(request, int(experiment_id))  # a pattern hands over text
    company = request.company  # type: ignore[attr-defined]
    return file_response(
        request,
        _charts(request, page).get(name),
        kind=kind,
        caption=f"{company.name} · {page.title} · {page.figures_day}",
        named=f"experiment-{page.id}",
    )


@company_view("experiment.view")
@require_safe
def experiment_plan(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Planning help of a draft alone, for its page to fetch anew; without htmx its page."""
    page = address(request, "experiment", experiment_id=experiment_id)
    if not answers.scripted(request):
        return redirect(page + "#planning")
    draft = Experiment.objects.select_related("stage").filter(pk=experiment_id).first()
    if draft is None:
        raise Http404
    if draft.state != Experiment.State.DRAFT:
        # Somebody started it meanwhile: the whole page is another one now.
        return HttpResponse(headers={"HX-Redirect": page})
    told, chart = _help(request, draft)
    context = {
        "help": told,
        "plan_chart": chart,
        "definitions_url": address(request, "definitions"),
    }
    return render(request, "metrics/experiment_plan.html", context)


@company_view("experiment.view")
@require_safe
def deal_experiments(request: HttpRequest, deal_id: int) -> HttpResponse:
    """In which arm of which running experiment a deal is, for its page to fetch."""
    if not Deal.objects.filter(pk=deal_id).exists():
        raise Http404
    if not answers.scripted(request):
        return redirect(address(request, "experiment_list"))
    company = request.company  # type: ignore[attr-defined]
    rows = arms_of_deals(company=company, deal_ids=[deal_id]).get(deal_id, ())
    context = {
        "rows": tuple(
            (row, address(request, "experiment", experiment_id=row.experiment_id)) for row in rows
        )
    }
    return render(request, "metrics/deal_experiments.html", context)
