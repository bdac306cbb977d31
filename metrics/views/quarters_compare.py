"""Any two quarters, side by side: what moved velocity, what changed, what happened in between."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import formats
from accounts.access import company_view
from metrics.calc.calendar import Quarter
from metrics.reports.velocity_charts import levers
from metrics.selectors import figures
from metrics.selectors.filters import Choice, Question, question_from, segment_text
from metrics.selectors.quarters_between import between, in_order
from metrics.selectors.quarters_compare import comparison
from metrics.selectors.quarters_definitions import differences, velocity_differs
from metrics.selectors.quarters_picker import kept_of, query_of, segment_picker
from metrics.selectors.quarters_versions import (
    definitions_by_quarter,
    every_segment,
    quarter_by_label,
)
from metrics.views.asking import Empty, style_of, with_pipeline
from metrics.views.quarters_asking import address, drawn

_CHANNELS = ("channel=inbound", "channel=outbound", "channel=unknown")


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two quarters of the address, the earlier first; `said` is why there are none."""

    first: Quarter | None
    second: Quarter | None
    said: str


def _pair(quarters: tuple[Quarter, ...], a: str, b: str) -> _Pair:
    """Those that are named; without names the newest and the one before it."""
    if len(quarters) < 2:
        return _Pair(None, None, _("It takes two quarters to compare."))
    for label in (a, b):
        if label and quarter_by_label(quarters, label) is None:
            said = _("There is no quarter called {quarter}.").format(quarter=label[:20])
            return _Pair(None, None, said)
    places = [quarter_by_label(quarters, label) for label in (a, b)]
    last = len(quarters) - 1
    one = places[0] if places[0] is not None else max((places[1] or last) - 1, 0)
    two = places[1] if places[1] is not None else (last if one != last else last - 1)
    if one == two:
        return _Pair(None, None, _("A quarter is not compared with itself. Choose two."))
    first, second = in_order(quarters[one], quarters[two])
    return _Pair(first, second, "")


@company_view("quarter.view")
@require_safe
def quarter_compare(request: HttpRequest) -> HttpResponse:
    """The page: `a` and `b` are labels in any order, `seg` the deals."""
    company = request.company  # type: ignore[attr-defined]
    style = style_of(request)
    pipelines = figures.pipelines_of(company=company)
    question, pipeline_id = with_pipeline(
        question_from(dict(request.GET.lists()), accepts=("pipeline", "a", "b")), pipelines
    )
    quarters = figures.quarters_of(company=company, pipeline_id=pipeline_id)
    pair = _pair(quarters, request.GET.get("a", "").strip(), request.GET.get("b", "").strip())
    here = address(request, "quarter_compare")
    context: dict[str, object] = {
        "page_url": here,
        "list_url": address(request, "quarter_list") + query_of(kept_of(question)),
        "definitions_url": address(request, "definitions"),
        "picker": segment_picker(
            question=question,
            segments=every_segment(company=company, pipeline_id=pipeline_id),
            kept=(*kept_of(question), *_kept(pair)),
            pipelines=pipelines,
        ),
        "choices": tuple(_choices(quarters, one) for one in (pair.first, pair.second)),
        "segment": question.segment,
        "pipeline": question.pipeline,
        "empty": Empty(_("Nothing to compare"), pair.said) if pair.said else None,
    }
    if pair.first is not None and pair.second is not None:
        context |= _found(request, question, pipeline_id, pair.first, pair.second)
    context["charts"] = {}
    page = context.get("page")
    if page is not None and page.movement.steps:  # type: ignore[attr-defined]
        context["charts"] = {"levers": levers(page.movement, style=style)}  # type: ignore[attr-defined]
    return drawn(request, "metrics/quarter_compare.html", context)


def _found(
    request: HttpRequest,
    question: Question,
    pipeline_id: int | None,
    first: Quarter,
    second: Quarter,
) -> dict[str, object]:
    company, style = request.company, style_of(request)  # type: ignore[attr-defined]
    segment = question.segment
    found = figures.figures_at(
        company=company,
        segments=[segment, *_CHANNELS],
        versions={first.start: None, second.start: None},
        pipeline_id=pipeline_id,
    )
    known = definitions_by_quarter(company=company, pipeline_id=pipeline_id)
    definitions = (known.get(first.start, {}), known.get(second.start, {}))
    one, two = found.get((first.start, segment)), found.get((second.start, segment))
    page = comparison(
        first=one,
        second=two,
        channels=(
            {n: found[first.start, n] for n in _CHANNELS if (first.start, n) in found},
            {n: found[second.start, n] for n in _CHANNELS if (second.start, n) in found},
        ),
        definitions=definitions,
        style=style,
    )
    empty = None
    if page is None:
        missing = first if one is None else second
        empty = Empty(
            _("No deals here"),
            _("{segment} has no deal in {quarter}.").format(
                segment=segment_text(segment), quarter=formats.quarter(missing.label)
            ),
            address(request, "quarter_compare")
            + query_of((*kept_of(question), ("a", first.label), ("b", second.label))),
            _("Compare all deals"),
        )
    differing = differences(*definitions, style)
    unfinished = [
        formats.quarter(f.quarter) for f in (one, two) if f is not None and f.status != "final"
    ]
    return {
        "page": page,
        "empty": empty,
        "differences": differing,
        "differ_in_velocity": velocity_differs(differing),
        "unfinished": unfinished,
        "between": between(
            company=company,
            pipeline_id=pipeline_id,
            earlier=first,
            later=second,
            segment=segment,
            style=style,
        ),
        "first": formats.quarter(first.label),
        "second": formats.quarter(second.label),
        "first_url": address(request, "quarter", label=first.label),
        "second_url": address(request, "quarter", label=second.label),
        "query": query_of((*kept_of(question), ("seg", segment))),
    }


def _kept(pair: _Pair) -> tuple[tuple[str, str], ...]:
    if pair.first is None or pair.second is None:
        return ()
    return (("a", pair.first.label), ("b", pair.second.label))


def _choices(quarters: tuple[Quarter, ...], chosen: Quarter | None) -> tuple[Choice, ...]:
    return tuple(
        Choice(formats.quarter(q.label), "", q.label, chosen is not None and q == chosen)
        for q in reversed(quarters)
    )
