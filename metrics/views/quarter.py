"""One quarter as it was, in any of its versions; and its restatements."""

from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import formats
from accounts.access import company_view
from metrics.selectors import figures
from metrics.selectors.filters import segment_text
from metrics.selectors.quarters_list import badges
from metrics.selectors.quarters_page import quarter_page, standing
from metrics.selectors.quarters_picker import query_of, segment_picker
from metrics.selectors.quarters_restatements import (
    as_of_text,
    causes_of,
    reported,
    restatements,
)
from metrics.selectors.quarters_versions import (
    Version,
    definitions_by_quarter,
    signatures,
)
from metrics.views.asking import Empty, style_of
from metrics.views.quarters_asking import OneQuarter, address, drawn, one_quarter
from pipeline.views.deal_asking import deal_prefix


def _version(asked: OneQuarter, request: HttpRequest) -> tuple[Version, str]:
    """The version that `v=` names, the newest without; and what to say of one that is not."""
    wanted = request.GET.get("v", "")
    newest = asked.versions[-1]
    if not wanted:
        return newest, ""
    found = next((v for v in asked.versions if str(v.number) == wanted), None)
    if found is None:
        return newest, _("This quarter has no such version; the newest is shown.")
    return found, ""


@company_view("quarter.view")
@require_safe
def quarter(request: HttpRequest, label: str) -> HttpResponse:
    """The page of one quarter."""
    company = request.company  # type: ignore[attr-defined]
    style, asked = style_of(request), one_quarter(request, label, accepts=("v",))
    shown, notice = _version(asked, request)
    start, segment = asked.quarter.start, asked.question.segment
    found = figures.figures_at(
        company=company,
        segments=[segment],
        versions={start: shown.number},
        pipeline_id=asked.pipeline_id,
    )
    definitions = definitions_by_quarter(
        company=company, pipeline_id=asked.pipeline_id, start=start, version=shown.number
    )
    signed = signatures(
        company=company, pipeline_id=asked.pipeline_id, versions={start: asked.versions}
    ).get(start)
    segments = figures.segments_of(
        company=company, quarter=asked.quarter, pipeline_id=asked.pipeline_id
    )
    page = quarter_page(found.get((start, segment)), style)
    number = "" if shown is asked.versions[-1] else str(shown.number)
    here = address(request, "quarter", label=label)
    kept = query_of(asked.kept)
    query = query_of((*asked.kept, ("seg", segment)))
    at = query_of((("q", label), *asked.kept, ("seg", segment)))
    context: dict[str, object] = {
        "page": page,
        "empty": None
        if page
        else Empty(
            _("No deals here"),
            _("{segment} had no deal in {quarter}.").format(
                segment=segment_text(segment), quarter=asked.name
            ),
            here + kept,
            _("Show all deals"),
        ),
        "standing": standing(
            versions=asked.versions,
            shown=shown,
            causes=causes_of(
                company=company, pipeline_id=asked.pipeline_id, start=start, style=style
            ),
            definitions=definitions.get(start, {}),
            signature=signed,
            style=style,
        ),
        "badges": badges(asked.versions, signed, style, company.local_day(timezone.now())),
        "picker": segment_picker(
            question=asked.question, segments=segments, kept=(*asked.kept, ("v", number))
        ),
        "notice": notice,
        "title": asked.name,
        "days": _("{first} to {last}").format(
            first=formats.day(start, style), last=formats.day(_last_day(asked), style)
        ),
        "page_url": here,
        "quarter_url": here,
        "query": query.removeprefix("?"),
        "version_query": query + ("&" if query else "?"),
        "velocity_url": address(request, "velocity") + at,
        "funnel_url": address(request, "funnel") + at,
        "list_url": address(request, "quarter_list") + query,
        "restatements_url": address(request, "quarter_restatements", label=label) + query,
        "sign_off_url": address(request, "quarter_sign_off", label=label) + kept,
        "review_url": address(request, "quarter_review", label=label) + kept,
        "compare_url": _compare(request, asked),
        "neighbours": _neighbours(request, asked, query),
        "definitions_url": address(request, "definitions"),
    }
    return drawn(request, "metrics/quarter.html", context)


def _last_day(asked: OneQuarter) -> date:
    return asked.quarter.end - timedelta(days=1)


def _compare(request: HttpRequest, asked: OneQuarter) -> str:
    """This quarter against the one before it, or after it where it is the first."""
    other = asked.before or asked.after
    if other is None:
        return ""
    first, second = sorted([asked.quarter, other], key=lambda q: q.start)
    return address(request, "quarter_compare") + query_of(
        (("a", first.label), ("b", second.label), *asked.kept, ("seg", asked.question.segment))
    )


def _neighbours(
    request: HttpRequest, asked: OneQuarter, query: str
) -> tuple[tuple[str, str, str], ...]:
    """(word, quarter with an arrow, address) of the quarters before and after."""
    found = []
    for word, arrow, other in (
        (_("Before"), "\N{LEFTWARDS ARROW} {}", asked.before),
        (_("After"), "{} \N{RIGHTWARDS ARROW}", asked.after),
    ):
        if other is not None:
            url = address(request, "quarter", label=other.label) + query
            found.append((word, arrow.format(formats.quarter(other.label)), url))
    return tuple(found)


@company_view("quarter.view")
@require_safe
def quarter_restatements(request: HttpRequest, label: str) -> HttpResponse:
    """What changed in a quarter after it was reported, by whom, down to the deals."""
    company = request.company  # type: ignore[attr-defined]
    style, asked = style_of(request), one_quarter(request, label)
    start, segment = asked.quarter.start, asked.question.segment
    first = asked.versions[0].number
    both = {
        number: figures.figures_at(
            company=company,
            segments=[segment],
            versions={start: number},
            pipeline_id=asked.pipeline_id,
        ).get((start, segment))
        for number in sorted({first, asked.versions[-1].number})
    }
    now = both[asked.versions[-1].number]
    definitions = definitions_by_quarter(
        company=company, pipeline_id=asked.pipeline_id, start=start
    )
    rows = restatements(
        company=company,
        pipeline_id=asked.pipeline_id,
        start=start,
        versions=asked.versions,
        segment=segment,
        stages=definitions.get(start, {}).get("stages", ()),
        style=style,
        kept=asked.kept,
    )
    query = query_of((*asked.kept, ("seg", segment)))
    here = address(request, "quarter_restatements", label=label)
    newest = asked.versions[-1]
    context: dict[str, object] = {
        "rows": rows,
        "reported": reported(first=both[first], now=now, style=style) if rows else None,
        "final": newest.status == "final",
        "as_of": as_of_text(newest.as_of, style),
        "first_at": formats.day(asked.versions[0].at, style),
        "now_at": formats.day(newest.at, style),
        "title": asked.name,
        "picker": segment_picker(
            question=asked.question,
            segments=figures.segments_of(
                company=company, quarter=asked.quarter, pipeline_id=asked.pipeline_id
            ),
            kept=asked.kept,
        ),
        "page_url": here,
        "quarter_url": address(request, "quarter", label=label),
        "query": query,
        "deal_url": deal_prefix(company.slug),
        "version_query": query + ("&" if query else "?"),
        "definitions_url": address(request, "definitions"),
    }
    return drawn(request, "metrics/quarter_restatements.html", context)
