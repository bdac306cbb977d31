"""Several estimates with their intervals on one axis, one below the other (a forest plot)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from metrics.charts import svg
from metrics.charts.interval import Estimate
from metrics.charts.scale import Scale, ticks
from metrics.charts.svg import Chart, Table

_ROW, _TOP = 46.0, 8.0


@dataclass(frozen=True, slots=True)
class Line:
    """One estimate with its name; `target` is what was hoped for. Ends may be infinite.

    `estimate.low` and `high` are the outer interval, `inner` the inner one, as in `interval`.
    """

    label: str
    estimate: Estimate
    target: float | None = None
    conclusive: bool = False


def forest(
    *,
    name: str,
    title: str,
    reading: str,
    lines: tuple[Line, ...],
    tick: Callable[[float], str],
    table: Table,
    centre: float = 0.0,
) -> Chart:
    """The estimates on one axis with a line where nothing changed (`centre`).

    The axis spans the inner intervals, the estimates and the targets, and half as much again on a
    side where an outer interval reaches further; what goes beyond, or has no end, is cut off at the
    edge. So no bar is cut off just where nothing changed, as if its interval left that out.
    """

    def draw(width: int) -> tuple[float, str]:
        return _draw(width, lines, tick, centre)

    drawings = svg.three_widths(title=title, reading=reading, draw=draw) if lines else ()
    return Chart(name, title, reading, table, drawings)


def _axis(lines: tuple[Line, ...], centre: float) -> tuple[float, ...]:
    values = [centre]
    outer = [end for row in lines for end in (row.estimate.low, row.estimate.high)]
    for row in lines:
        values += [row.estimate.value, *(row.estimate.inner or ())]
        values += [row.target] if row.target is not None else []
        if row.estimate.inner is None:
            values += filter(math.isfinite, (row.estimate.low, row.estimate.high))
    low, high = min(values), max(values)
    most = (high - low) / 2
    return ticks(values + [min(max(end, low - most), high + most) for end in outer])


def _draw(
    width: int, lines: tuple[Line, ...], tick: Callable[[float], str], centre: float
) -> tuple[float, str]:
    axis = _axis(lines, centre)
    pad = max(svg.text_width(tick(axis[0])), svg.text_width(tick(axis[-1]))) / 2 + 2
    x = Scale(axis[0], axis[-1], pad, width - pad)
    foot = _TOP + _ROW * len(lines)
    out = []
    last = -math.inf
    for value in axis:
        out.append(svg.line(x(value), _TOP, x(value), foot, class_="grid"))
        half = svg.text_width(tick(value)) / 2
        if x(value) - half > last + 8:
            out.append(svg.text(x(value), foot + 16, tick(value), anchor="middle"))
            last = x(value) + half
    out.append(svg.line(x(centre), _TOP, x(centre), foot, class_="zero"))
    for place, row in enumerate(lines):
        out += _line(row, x, (pad, width - pad), _TOP + _ROW * place, width)
    return foot + 22, "".join(out)


def _line(row: Line, x: Scale, edges: tuple[float, float], top: float, width: int) -> list[str]:
    bar = top + 30
    room = width - svg.text_width(row.estimate.text) - 12
    out = [
        svg.text(0, top + 14, svg.fit(row.label, room), class_="strong halo"),
        svg.text(width, top + 14, row.estimate.text, class_="halo", anchor="end"),
    ]
    spans = [((row.estimate.low, row.estimate.high), "i95")]
    spans += [(row.estimate.inner, "i50")] if row.estimate.inner else []
    for (low, high), class_ in spans:
        start, end = _within(x, low, edges), _within(x, high, edges)
        out.append(
            svg.element(
                "rect",
                x=start,
                y=bar - 4,
                width=max(1.0, end - start),
                height=8.0,
                rx=4,
                class_=class_,
            )
        )
    if row.target is not None:
        at = x(row.target)
        out.append(svg.line(at, bar - 9, at, bar + 9, class_="target"))
    out.append(
        svg.element(
            "circle",
            cx=x(row.estimate.value),
            cy=bar,
            r=5,
            class_="dot full" if row.conclusive else "dot",
        )
    )
    tip = f"{row.label}\n{row.estimate.text} ({row.estimate.low_text})"
    out.append(svg.hit(0, top, width, _ROW, tip))
    return out


def _within(x: Scale, value: float, edges: tuple[float, float]) -> float:
    """The coordinate of an end, cut off at the edges; an infinite end is an edge."""
    if math.isinf(value):
        return edges[1] if value > 0 else edges[0]
    return min(max(x(value), edges[0]), edges[1])
