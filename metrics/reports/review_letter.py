"""The quarterly review by mail: its sentences in the letter, the PDF with it.

Made where letters are sent, in the worker: once per language and round, however many read it.
"""

import re

from django.utils.text import slugify
from django.utils.translation import get_language

from accounts import formats
from accounts.models import Company, Notification
from accounts.services.news_mail import Enclosed
from metrics.reports.document import Report
from metrics.reports.quarterly_files import review_of, review_pdf
from metrics.selectors.figures import quarters_of
from metrics.selectors.quarter_reviews import written_of
from metrics.selectors.quarters_versions import quarter_by_label, versions_by_quarter
from pipeline.models import Pipeline

_KEY = re.compile(r"(?P<pipeline>\d+):(?P<label>.+):\d+")


class ReviewLetters:
    """What is enclosed with the news of one round."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, str, str], Enclosed | None] = {}

    def __call__(self, company: Company, news: Notification) -> Enclosed | None:
        """The review that the news is about, in the active language; None if there is none."""
        language = get_language() or "en"
        key = (company.pk, news.key, language)
        if key not in self._made:
            self._made[key] = _enclosed(company, news, language)
        return self._made[key]


def _enclosed(company: Company, news: Notification, language: str) -> Enclosed | None:
    named = _KEY.fullmatch(news.key)
    pipeline = Pipeline.objects.filter(pk=named["pipeline"]).first() if named else None
    if named is None or pipeline is None:
        return None
    quarters = quarters_of(company=company, pipeline_id=pipeline.pk)
    place = quarter_by_label(quarters, named["label"])
    if place is None:
        return None
    quarter = quarters[place]
    versions = versions_by_quarter(
        company=company, pipeline_id=pipeline.pk, segment="all", start=quarter.start
    )
    style = formats.style_for(
        language=language, company_locale=company.locale, currency=company.currency
    )
    review = review_of(
        company=company,
        pipeline_id=pipeline.pk,
        pipeline=str(news.values.get("pipeline", "")),
        quarter=quarter,
        quarters=quarters,
        versions=versions[quarter.start],
        written=written_of(pipeline_id=pipeline.pk, start=quarter.start),
        style=style,
        now=news.created_at,
    )
    parts = [company.slug, slugify(news.values.get("pipeline", ""))]
    return Enclosed(
        lines=_lines(review.report),
        name="-".join([*filter(None, parts), quarter.label, "review.pdf"]),
        content=review_pdf(review, style=style),
        media_type="application/pdf",
    )


def _lines(report: Report) -> tuple[str, ...]:
    """The review in sentences: what stands above it, then section by section."""
    said = ["", report.title, *report.lines, *report.warnings, *report.summary]
    for section in report.sections:
        said += ["", section.title, *section.sentences]
        for item in section.items:
            said.append(f"- {item.title}" + (f" ({item.tag})" if item.tag else ""))
        said += section.notes
    return (*said, "", *report.signature, "")
