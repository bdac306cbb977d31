"""How many fall where: bars over equal classes, with what is usual marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metrics.charts import svg
from metrics.charts.scale import Scale
from metrics.charts.svg import Chart, Table


@dataclass(frozen=True, slots=True)
class Bin:
    """[low, high) with its count."""

    low: float
    high: float
    count: int
    tip: str


def histogram(
    *,
    name: str,
    title: str,
    reading: str,
    bins: Sequence[Bin],
    tick: Callable[[float], str],
    table: Table,
    usual: float | None = None,
    usual_text: str = "",
    height: int = 220,
) -> Chart:
    """Bars that start at 0; those past `usual` have the danger colour."""
    if not bins or not any(b.count for b in bins):
        return Chart(name, title, reading, table, ())

    def draw(width: int) -> tuple[float, str]:
        return _draw(width, height, bins, tick, usual, usual_text)

    drawings = svg.three_widths(title=title, reading=reading, draw=draw)
    return Chart(name, title, reading, table, drawings)


def _draw(
    width: int,
    height: int,
    bins: Sequence[Bin],
    tick: Callable[[float], str],
    usual: float | None,
    usual_text: str,
) -> tuple[float, str]:
    top, foot = (24.0 if usual is not None else 8.0), height - 24.0
    x = Scale(bins[0].low, bins[-1].high, 4, width - 16.0)
    y = Scale(0, max(b.count for b in bins), foot, top)
    out = [svg.line(0, foot, width, foot, class_="axis")]
    for item in bins:
        past = usual is not None and item.low >= usual
        out.append(
            svg.element(
                "rect",
                x=x(item.low) + 1,
                y=y(item.count),
                width=max(1.0, x(item.high) - x(item.low) - 2),
                height=foot - y(item.count),
                rx=2.5,
                class_="bar down" if past else "bar",
            )
        )
    room = max(svg.text_width(tick(b.low)) for b in bins) + 12
    slot = x(bins[0].high) - x(bins[0].low)
    stride = max(1, -(-int(room) // max(1, int(slot))))
    out += [
        svg.text(x(b.low), height - 4, tick(b.low), anchor="middle" if i else None)
        for i, b in enumerate(bins)
        if i % stride == 0
    ]
    if usual is not None:
        at = x(min(max(usual, bins[0].low), bins[-1].high))
        right = at + 6 + svg.text_width(usual_text) < width
        out.append(svg.line(at, 4, at, foot, class_="event"))
        out.append(
            svg.text(
                at + 6 if right else at - 6,
                14,
                usual_text,
                class_="halo",
                anchor=None if right else "end",
            )
        )
    out += [svg.hit(x(b.low), 0, x(b.high) - x(b.low), foot, b.tip) for b in bins]
    return height, "".join(out)
