"""The small multiples of the quarters, and what moved velocity between any two."""

from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from metrics.charts import Chart, Event, Point, Table, line
from metrics.selectors.marks import Flag
from metrics.selectors.quarters_list import Multiple, QuarterList

_HEIGHT = 132


def multiples(page: QuarterList, flags: Sequence[Flag] = ()) -> tuple[tuple[Multiple, Chart], ...]:
    """One small chart a figure, over all quarters; with a second segment a grey line beside.

    What happened in a quarter is flagged with its number: the words are in the list below.
    """
    events = [Event(flag.index, flag.short) for flag in flags]
    return tuple((one, _multiple(one, page, events)) for one in page.multiples)


def _multiple(one: Multiple, page: QuarterList, events: Sequence[Event]) -> Chart:
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
        events=events,
        beside=one.beside,
    )
    # Small is the point: the drawing for a phone, in every column.
    return replace(chart, drawings=chart.drawings[:1])


def _tip(quarter: str, text: str, beside: str, page: QuarterList) -> str:
    if not beside:
        return f"{quarter}\n{text}"
    first, second = page.segments
    return f"{quarter}\n{first}: {text}\n{second}: {beside}"
