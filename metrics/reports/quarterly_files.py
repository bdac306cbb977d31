"""From a quarter to its review and the review's pictures and PDF: for the page and for letters."""

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import Quarter
from metrics.charts import Chart, svg_file
from metrics.reports.funnel_chart import whole_funnel
from metrics.reports.pdf import Picture, Words, write_pdf
from metrics.reports.quarterly import Asked, Review, quarterly_review
from metrics.reports.velocity_charts import velocity_charts
from metrics.selectors.quarter_reviews import Written
from metrics.selectors.quarters_versions import Version
from metrics.selectors.sign_off_words import signature_texts
from metrics.selectors.sign_offs import sign_offs_of


def review_of(
    *,
    company: Company,
    pipeline_id: int,
    pipeline: str,
    quarter: Quarter,
    quarters: Sequence[Quarter],
    versions: Sequence[Version],
    written: Written,
    style: Style,
    now: datetime,
) -> Review:
    """The review of a quarter in the active language; `quarters` are all that have figures.

    `pipeline` is a name where one has to be named.
    """
    start = quarter.start
    signed = sign_offs_of(company=company, pipeline_id=pipeline_id, quarter_start=start)
    url = reverse("metrics:quarter", kwargs={"company_slug": company.slug, "label": quarter.label})
    if pipeline:
        url += f"?pipeline={pipeline_id}"
    return quarterly_review(
        Asked(
            company=company,
            pipeline_id=pipeline_id,
            pipeline=pipeline,
            quarter=quarter,
            quarters=[q for q in quarters if q.start <= start],
            versions=versions,
            signatures=signature_texts(signed.get(start, ()), quarter_url=url, style=style),
            written=written,
            today=company.clock(now).astimezone(company.zone),
            style=style,
            language=translation.get_language() or "en",
        )
    )


def review_charts(review: Review, *, style: Style) -> dict[str, Chart]:
    """The review's charts by their names; none of what it has no figures for."""
    charts = velocity_charts(review.velocity, style=style) if review.velocity else {}
    if review.funnel is not None:
        charts["funnel"] = whole_funnel(review.funnel, style=style)
    return charts


def review_pdf(review: Review, *, style: Style) -> bytes:
    """The review as a PDF file."""
    drawn = {}
    for name, chart in review_charts(review, style=style).items():
        svg = svg_file(chart, caption="")
        if svg is not None:
            drawn[name] = Picture(svg, chart.reading)
    words = Words(
        page=_("Page {n} of {total}"),
        footer=_("Printed on {moment}").format(moment=review.report.printed),
    )
    return write_pdf(review.report, pictures=drawn, words=words)
