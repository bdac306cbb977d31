"""The simulator: which lever is worth most? Its whole state stands in the address."""

import copy
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts import formats
from accounts.access import company_view
from accounts.permissions import allows
from accounts.roles import Role
from metrics.calc.types import SegmentFigures
from metrics.selectors.filters import Filters
from metrics.selectors.scenarios import ScenarioRow, Shown, scenario_rows
from metrics.selectors.what_if_page import WhatIfPage, what_if_page
from metrics.selectors.what_if_query import NAMES, State, joined, state_from
from metrics.views.asking import Asked, ask, empty_state, export_links
from metrics.views.exporting import chart_response
from metrics.views.what_if_charts import what_if_charts
from pipeline.views import answers

TEMPLATE = "metrics/what_if.html"
TARGET = "#page"
FORM = "form#simulator"
SAVING = "scenario.save"


@dataclass(frozen=True, slots=True)
class Simulated:
    """A question to the simulator with what the database says to it.

    `now` is None where the asked quarter has no figures for the segment.
    """

    asked: Asked
    now: SegmentFigures | None
    state: State

    @property
    def quarter(self) -> str:
        return self.asked.quarters[-1] if self.asked.quarters else ""

    def query(self) -> str:
        """The address of what is shown: question and changes, nothing else."""
        return joined(self.asked.question.query(), self.state)


def simulated(request: HttpRequest) -> Simulated:
    """Read the query string of the simulator, and the figures that it asks for."""
    asked = ask(request, accepts=NAMES)
    history = asked.history
    found = bool(history and asked.quarters) and history[-1].quarter == asked.quarters[-1]
    now = history[-1] if found else None
    state = state_from(dict(request.GET.lists()), now=now, style=asked.reading.style)
    return Simulated(asked, now, state)


def page_url(request: HttpRequest) -> str:
    """The simulator's address, without a question."""
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse("metrics:what_if", kwargs={"company_slug": slug})


@company_view("what_if.view")
@require_safe
def what_if(request: HttpRequest) -> HttpResponse:
    """The page, or with htmx only what changes when a lever or a filter does.

    Values that are no answer are kept beside their sentence, with 422. A form that was sent
    without scripts names every lever: it is led on to the address of its changes alone.
    """
    found = simulated(request)
    state, question = found.state, found.asked.question
    scripted = answers.scripted(request)
    if state.redundant and not (scripted or state.errors or state.beyond or question.notices):
        return HttpResponseRedirect(page_url(request) + found.query())
    whole = not scripted or request.htmx.history_restore_request  # type: ignore[attr-defined]
    context = _context(request, found)
    status = 422 if state.errors else 200
    response = render(request, TEMPLATE if whole else f"{TEMPLATE}#page", context, status=status)
    if request.headers.get("HX-Source") == FORM and not state.errors:
        # Filters push their address; a lever that moves does not fill the history.
        response["HX-Replace-Url"] = page_url(request) + found.query()
    return response


@answers.surface("metrics:what_if", target=TARGET)
def _draw(request: HttpRequest, asking: answers.Asking) -> str:
    """What an action on a scenario may have changed: the page, as it was asked for."""
    there = copy.copy(request)
    there.GET = asking.query  # type: ignore[assignment]
    return render_to_string(f"{TEMPLATE}#page", _context(there, simulated(there)), request)


@company_view("what_if.view")
@require_safe
def what_if_chart(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """The result, the ranking or the saved scenarios as CSV, the waterfall as SVG too."""
    found = simulated(request)
    page, rows = _read(request, found)
    charts = what_if_charts(page, rows, style=found.asked.reading.style)
    return chart_response(request, charts.get(name), asked=found.asked, kind=kind)


def _read(
    request: HttpRequest, found: Simulated
) -> tuple[WhatIfPage | None, tuple[ScenarioRow, ...]]:
    page = None
    if found.now is not None:
        page = what_if_page(
            now=found.now,
            history=found.asked.history,
            state=found.state,
            reading=found.asked.reading,
        )
    rows = scenario_rows(
        company=request.company,  # type: ignore[attr-defined]
        reading=found.asked.reading,
        pipelines=found.asked.pipelines,
        current=Shown(
            found.asked.pipeline_id,
            found.quarter,
            found.asked.question.segment,
            dict(found.state.pairs),
        ),
    )
    return page, rows


def _context(request: HttpRequest, found: Simulated) -> dict[str, object]:
    company = request.company  # type: ignore[attr-defined]
    asked, state = found.asked, found.state
    page, rows = _read(request, found)
    here = page_url(request)
    charts = what_if_charts(page, rows, style=asked.reading.style)
    links = export_links(request, charts, view="metrics:what_if_chart")
    where = {"company_slug": company.slug}
    may_save = allows(Role(request.membership.role), SAVING)  # type: ignore[attr-defined]
    add = reverse("metrics:scenario_add", kwargs=where) if may_save else ""
    return {
        "page": page,
        "filters": _carrying(asked.filters, state),
        "notices": (*asked.filters.notices, *_beyond(found)),
        "charts": charts,
        "links": links,
        "exports": tuple(links.values()),
        "empty": None if page else empty_state(asked, page_url=here),
        "page_url": here,
        "question_pairs": parse_qsl(asked.question.query().removeprefix("?")),
        "reset_url": here + asked.question.query(),
        "add_url": add + found.query() if add and page and page.changed else "",
        "state_query": found.query(),
        "scenarios": rows,
        "may_save": may_save,
        "definitions_url": reverse("metrics:definitions", kwargs=where),
        "velocity_url": reverse("metrics:velocity", kwargs=where) + _plain(asked),
        "funnel_url": reverse("metrics:funnel", kwargs=where) + _plain(asked),
    }


def _plain(asked: Asked) -> str:
    query = asked.question.query()
    return "" if query == "?" else query


def _carrying(filters: Filters, state: State) -> Filters:
    """The filter row with links that take the changes along to another quarter or segment."""
    return replace(
        filters,
        quarters=tuple(replace(c, href=joined(c.href, state)) for c in filters.quarters),
        pipelines=tuple(replace(c, href=joined(c.href, state)) for c in filters.pipelines),
        chips=tuple(replace(c, href=joined(c.href, state)) for c in filters.chips),
        hidden=(*filters.hidden, *state.pairs),
    )


def _beyond(found: Simulated) -> tuple[str, ...]:
    if not found.state.beyond or found.now is None:
        return ()
    count = len(found.now.stages)
    said = ngettext(
        "This pipeline has {n} stage, so left out: {names}.",
        "This pipeline has {n} stages, so left out: {names}.",
        count,
    )
    style = found.asked.reading.style
    return (said.format(n=formats.number(count, style), names=", ".join(found.state.beyond[:5])),)


def nothing_changed() -> str:
    """What is said to who would save a what-if without a change."""
    return _("Nothing is changed yet. Move a lever first.")
