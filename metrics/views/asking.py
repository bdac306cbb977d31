"""What the pages of the figures share: from a request to its question, figures and links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.charts import Chart
from metrics.selectors import figures, wording
from metrics.selectors.filters import Filters, Question, filters_for, question_from, segment_text
from metrics.selectors.wording import Reading


@dataclass(frozen=True, slots=True)
class Empty:
    """Why there is nothing to show, and the one thing to do about it."""

    title: str
    text: str
    href: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what the database says to it.

    `quarters` are labels, oldest first, up to the asked one; empty where it does not exist.
    """

    question: Question
    filters: Filters
    reading: Reading
    quarters: tuple[str, ...]
    history: tuple[SegmentFigures, ...]
    parts: Mapping[str, tuple[SegmentFigures, ...]] = field(default_factory=dict)


def style_of(request: HttpRequest) -> Style:
    """How the signed-in reader sees this company's numbers."""
    company = request.company  # type: ignore[attr-defined]
    return formats.style_for(
        language=get_language() or "en", company_locale=company.locale, currency=company.currency
    )


def ask(
    request: HttpRequest,
    *,
    accepts: Sequence[str] = (),
    also: Sequence[str] | None = None,
) -> Asked:
    """Read the query string and fetch the segment's figures, and those of `also`."""
    company = request.company  # type: ignore[attr-defined]
    style = style_of(request)
    question = question_from(dict(request.GET.lists()), accepts=accepts)
    quarters = figures.quarters_of(company=company)
    labels = tuple(q.label for q in quarters)
    wanted = question.quarter or (labels[-1] if labels else "")
    upto = labels[: labels.index(wanted) + 1] if wanted in labels else ()
    history: tuple[SegmentFigures, ...] = ()
    segments: tuple[str, ...] = ()
    statuses: dict[str, str] = {}
    if upto:
        quarter = quarters[len(upto) - 1]
        segments = figures.segments_of(company=company, quarter=quarter)
        whole = figures.figures_of(company=company, segment="all", upto=labels[-1])
        statuses = {f.quarter: wording.status_text(f, style)[0] for f in whole}
        history = figures.figures_of(company=company, segment=question.segment, upto=wanted)
    return Asked(
        question=question,
        filters=filters_for(
            question=question, quarters=labels, statuses=statuses, segments=segments
        ),
        reading=Reading(style, company.velocity_number, company.velocity_cycle),
        quarters=upto,
        history=history,
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
    request: HttpRequest, charts: Mapping[str, Chart], *, view: str
) -> dict[str, ExportLink]:
    """The permalinks of a page's charts, with the same query string."""
    slug = request.company.slug  # type: ignore[attr-defined]
    query = f"?{request.GET.urlencode()}" if request.GET else ""

    def address(name: str, kind: str) -> str:
        kwargs = {"company_slug": slug, "name": name, "kind": kind}
        return reverse(view, kwargs=kwargs) + query

    return {
        name: ExportLink(
            name=name,
            title=chart.title,
            csv=address(name, "csv"),
            svg=address(name, "svg") if chart.drawings else "",
        )
        for name, chart in charts.items()
    }
