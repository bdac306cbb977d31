"""What the pages of the figures share: from a request to its question, figures and links."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.calendar import Quarter
from metrics.calc.types import SegmentFigures
from metrics.charts import Chart
from metrics.selectors import figures, wording
from metrics.selectors.figures import Unread
from metrics.selectors.filters import (
    Filters,
    Question,
    filters_for,
    question_from,
    segment_text,
)
from metrics.selectors.wording import Reading


@dataclass(frozen=True, slots=True)
class Empty:
    """Why there is nothing to show, and the one thing to do about it."""

    title: str
    text: str
    href: str = ""
    action: str = ""


@dataclass(frozen=True)
class Asked:
    """A question with what the database says to it.

    `quarters` are labels, oldest first, up to the asked one; empty where it does not exist.
    `calendar` has their days, `segments` the names of one dimension that
    have figures in the asked quarter.
    """

    question: Question
    filters: Filters
    reading: Reading
    quarters: tuple[str, ...]
    unread: Unread | None  # None where there is nothing to read
    pipelines: Mapping[int, str]  # of the company, the one shown first first
    pipeline_id: int | None = None
    calendar: tuple[Quarter, ...] = ()
    segments: tuple[str, ...] = ()

    @cached_property
    def figures(self) -> Mapping[str, tuple[SegmentFigures, ...]]:
        """By segment, oldest quarter first; read when first asked for."""
        known = set(self.quarters)
        found = self.unread.read() if self.unread else {}
        return {name: tuple(f for f in rows if f.quarter in known) for name, rows in found.items()}

    @property
    def history(self) -> tuple[SegmentFigures, ...]:
        """The figures of the asked segment."""
        return self.figures.get(self.question.segment, ())


def style_of(request: HttpRequest) -> Style:
    """How the signed-in reader sees this company's numbers."""
    company = request.company  # type: ignore[attr-defined]
    return formats.style_for(
        language=get_language() or "en", company_locale=company.locale, currency=company.currency
    )


def no_such(question: Question, pipelines: Mapping[int, str]) -> bool:
    """Does the address name a pipeline that this company does not have?"""
    return question.pipeline is not None and question.pipeline not in pipelines


def pipeline_name(question: Question, pipelines: Mapping[int, str]) -> str:
    """The name of the asked pipeline; "" for the one that is shown first, which needs none."""
    return "" if question.pipeline is None else pipelines[question.pipeline]


def in_file_name(question: Question) -> tuple[str, ...]:
    """What the name of a file says of the asked pipeline; nothing of the one shown first."""
    return () if question.pipeline is None else (f"pipeline-{question.pipeline}",)


def with_pipeline(question: Question, pipelines: Mapping[int, str]) -> tuple[Question, int | None]:
    """The question with a pipeline that exists, and that pipeline's id.

    `pipelines` are the company's, the one shown first first. The question names none where that
    one is meant, however it was asked for; one that is not there is said in a notice. The id is
    None while the company has no pipeline.
    """
    first = next(iter(pipelines), None)
    asked = question.pipeline
    if asked is None or asked == first:
        return replace(question, pipeline=None), first
    if no_such(question, pipelines):
        told = (*question.notices, _("There is no such pipeline; the first one is shown."))
        return replace(question, pipeline=None, notices=told), first
    return question, asked


def ask(
    request: HttpRequest,
    *,
    accepts: Sequence[str] = (),
    parts: Callable[[str], Sequence[str]] = lambda segment: (),
    query: QueryDict | None = None,
    last: int | None = None,
) -> Asked:
    """Read the query string, and name the figures of its segment and of that segment's `parts`.

    One reading of the snapshots for all of them, when they are first asked for: of every quarter,
    or of the `last` so many up to the asked one. `query` stands in for the request's own where an
    action draws the page that asked for it.
    """
    company = request.company  # type: ignore[attr-defined]
    style = style_of(request)
    asked_for = request.GET if query is None else query
    question = question_from(dict(asked_for.lists()), accepts=("pipeline", *accepts))
    pipelines = figures.pipelines_of(company=company)
    question, pipeline_id = with_pipeline(question, pipelines)
    statuses = figures.statuses_of(company=company, pipeline_id=pipeline_id)
    quarters = tuple(statuses)
    labels = tuple(q.label for q in quarters)
    wanted = question.quarter or (labels[-1] if labels else "")
    upto = labels[: labels.index(wanted) + 1] if wanted in labels else ()
    unread: Unread | None = None
    segments: tuple[str, ...] = ()
    if upto:
        segments = figures.segments_of(
            company=company, quarter=quarters[len(upto) - 1], pipeline_id=pipeline_id, single=True
        )
        names = {question.segment, *parts(question.segment)}
        if question.versus:
            names.add(question.versus)
        unread = figures.unread_figures(
            company=company,
            segments=sorted(names),
            upto=quarters[len(upto) - 1].start if last else None,
            since=quarters[max(0, len(upto) - last)].start if last else None,
            pipeline_id=pipeline_id,
        )
    return Asked(
        question=question,
        filters=filters_for(
            question=question,
            quarters=labels,
            statuses={q.label: wording.status_word(status) for q, status in statuses.items()},
            segments=segments,
            pipelines=pipelines,
        ),
        reading=Reading(style, company.velocity_number, company.velocity_cycle),
        quarters=upto,
        unread=unread,
        pipelines=pipelines,
        pipeline_id=pipeline_id,
        calendar=quarters[: len(upto)],
        segments=segments,
    )


def empty_state(asked: Asked, *, page_url: str) -> Empty:
    """The sentence for a question without an answer."""
    question = asked.question
    newest = page_url + question.query(quarter=None)
    if not asked.filters.quarters:
        return Empty(
            _("No quarter yet"),
            _("Velocity appears with the first deals. Import your deals to see it."),
        )
    if not asked.quarters:
        return Empty(
            _("There is no quarter called {quarter}").format(quarter=question.quarter),
            _("Choose one from the list above."),
            newest,
            _("Show the newest quarter"),
        )
    return Empty(
        _("No deals here"),
        _("{segment} has no deal in {quarter}.").format(
            segment=segment_text(question.segment), quarter=formats.quarter(asked.quarters[-1])
        ),
        page_url + question.query(segment="all"),
        _("Show all deals"),
    )


@dataclass(frozen=True, slots=True)
class ExportLink:
    """Where one chart's data and picture can be fetched; `svg` empty without a drawing."""

    name: str
    title: str
    csv: str
    svg: str


def export_links(
    request: HttpRequest,
    charts: Mapping[str, Chart],
    *,
    view: str,
    query: QueryDict | None = None,
    also: Mapping[str, int] | None = None,
) -> dict[str, ExportLink]:
    """The permalinks of a page's charts, with the same query string; `also` names what it is of."""
    slug = request.company.slug  # type: ignore[attr-defined]
    asked_for = request.GET if query is None else query
    told = f"?{asked_for.urlencode()}" if asked_for else ""

    def address(name: str, kind: str) -> str:
        kwargs = {"company_slug": slug, "name": name, "kind": kind, **(also or {})}
        return reverse(view, kwargs=kwargs) + told

    return {
        name: ExportLink(
            name=name,
            title=chart.title,
            csv=address(name, "csv"),
            svg=address(name, "svg") if chart.drawings else "",
        )
        for name, chart in charts.items()
    }
