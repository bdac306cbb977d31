"""A chart as a file of its own."""

from django.http import Http404, HttpRequest, HttpResponse

from metrics.charts import Chart, csv_file, svg_file
from metrics.views.asking import Asked, in_file_name


def chart_response(
    request: HttpRequest, chart: Chart | None, *, asked: Asked, kind: str
) -> HttpResponse:
    """CSV or SVG of a chart; 404 where this question has no such chart or no drawing."""
    company = request.company  # type: ignore[attr-defined]
    filters = asked.filters
    told = (company.name, filters.pipeline, filters.segment, filters.quarter)
    caption = " · ".join(one for one in told if one)
    quarter = asked.quarters[-1] if asked.quarters else "none"
    named = "-".join((*in_file_name(asked.question), quarter))
    return file_response(request, chart, kind=kind, caption=caption, named=named)


def file_response(
    request: HttpRequest, chart: Chart | None, *, kind: str, caption: str, named: str
) -> HttpResponse:
    """A chart as a file whose name says what it is of; 404 without such a chart or a drawing."""
    if chart is None:
        raise Http404
    company = request.company  # type: ignore[attr-defined]
    if kind == "csv":
        body: str | None = "\ufeff" + csv_file(chart)
        content_type = "text/csv; charset=utf-8"
    else:
        body = svg_file(chart, caption=caption)
        content_type = "image/svg+xml; charset=utf-8"
    if body is None:
        raise Http404
    response = HttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = (
        f'attachment; filename="{company.slug}-{named}-{chart.name}.{kind}"'
    )
    return response
