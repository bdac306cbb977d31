"""From an address that names a quarter to that quarter: what its pages share."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from accounts import formats
from accounts.errors import Missing
from metrics.calc.calendar import Quarter
from metrics.selectors import figures
from metrics.selectors.filters import Question, question_from
from metrics.selectors.quarters_picker import kept_of
from metrics.selectors.quarters_versions import (
    Version,
    quarter_by_label,
    versions_by_quarter,
)
from metrics.views.asking import no_such, pipeline_name, with_pipeline


@dataclass(frozen=True, slots=True)
class OneQuarter:
    """The quarter of an address, its neighbours, and its versions (oldest first).

    `pipeline` is the name of the one that the address asks for; "" for the one shown first.
    """

    question: Question
    pipeline_id: int | None
    quarter: Quarter
    before: Quarter | None
    after: Quarter | None
    versions: tuple[Version, ...]
    quarters: tuple[Quarter, ...]
    pipeline: str = ""

    @property
    def name(self) -> str:
        """The quarter for people, with its pipeline where the address asks for one."""
        return formats.quarter(self.quarter.label, self.pipeline)

    @property
    def kept(self) -> tuple[tuple[str, str], ...]:
        """What every link to a page of this quarter carries along."""
        return kept_of(self.question)


def one_quarter(request: HttpRequest, label: str, *, accepts: Sequence[str] = ()) -> OneQuarter:
    """The quarter that the address names.

    Raises:
        Missing: this company has no quarter of that name, or no such pipeline.
    """
    company = request.company  # type: ignore[attr-defined]
    asked = question_from(dict(request.GET.lists()), accepts=("pipeline", *accepts))
    pipelines = figures.pipelines_of(company=company)
    if no_such(asked, pipelines):
        raise Missing(_("There is no such pipeline."))
    question, pipeline_id = with_pipeline(asked, pipelines)
    quarters = figures.quarters_of(company=company, pipeline_id=pipeline_id)
    place = quarter_by_label(quarters, label)
    if place is None:
        raise Missing(_("There is no quarter called {quarter}.").format(quarter=label[:20]))
    quarter = quarters[place]
    versions = versions_by_quarter(
        company=company,
        pipeline_id=pipeline_id,
        segment=question.segment,
        start=quarter.start,
    )
    return OneQuarter(
        question=question,
        pipeline_id=pipeline_id,
        quarter=quarter,
        before=quarters[place - 1] if place else None,
        after=quarters[place + 1] if place + 1 < len(quarters) else None,
        versions=versions[quarter.start],
        quarters=quarters,
        pipeline=pipeline_name(question, pipelines),
    )


def address(request: HttpRequest, name: str, **more: object) -> str:
    """A page of the figures in this company; "" while it does not exist."""
    slug = request.company.slug  # type: ignore[attr-defined]
    try:
        return reverse(f"metrics:{name}", kwargs={"company_slug": slug, **more})
    except NoReverseMatch:
        return ""


def drawn(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    """The whole page, or with htmx its fragment `page`."""
    whole = not getattr(request, "htmx", False) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    return render(request, template if whole else f"{template}#page", context)
