"""The small multiples of the quarters, and what moved velocity between any two."""

from dataclasses import replace

from django.utils.translation import gettext as _

from metrics.charts import Chart, Point, Table, line
from metrics.selectors.quarters_list import Multiple, QuarterList

_HEIGHT = 132


def multiples(page: QuarterList) -> tuple[tuple[Multiple, Chart], ...]:
    """One small chart a figure, over all quarters; with a second segment a grey line beside."""
    return tuple((one, _multiple(one, page)) for one in page.multiples)


def _multiple(one: Multiple, page: QuarterList) -> Chart:
    points = [
        Point(
            label=label,
            tip=_tip(text, one.texts[i], one.beside_texts[i] if one.beside_texts else "", page),
            value=one.values[i],
            running=page.running[i],
        )
        for i, (label, text) in enumerate(zip(page.labels, page.texts, strict=True))
    ]
    chart = line(
        name=one.name,
        title=one.title,
        reading=_("Newest: {value}. The table above has every quarter.").format(value=one.newest)
        if one.newest
        else "",
        points=points,
        tick=one.write,
        table=Table((), (), (), ()),
        height=_HEIGHT,
        from_zero=True,
        beside=one.beside,
    )
    # Small is the point: the drawing for a phone, in every column.
    return replace(chart, drawings=chart.drawings[:1])


def _tip(quarter: str, text: str, beside: str, page: QuarterList) -> str:
    if not beside:
        return f"{quarter}\n{text}"
    first, second = page.segments
    return f"{quarter}\n{first}: {text}\n{second}: {beside}"
