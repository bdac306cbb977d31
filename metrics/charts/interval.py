"""An estimate with its 95 % interval (and 50 %), a zero line or what is usual, a target."""

from collections.abc import Callable
from dataclasses import dataclass

from metrics.charts import svg
from metrics.charts.scale import Scale, ticks
from metrics.charts.svg import Chart, Table


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimate and its interval; `inner` is the 50 % one. All in the same unit.

    `outer` is a wider one, drawn as a thin line with ends: where it has none, or one that lies
    far outside, the line runs to the edge without it.
    """

    value: float
    low: float
    high: float
    inner: tuple[float, float] | None = None
    text: str = ""
    low_text: str = ""
    high_text: str = ""
    outer: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A value to compare with; a target is dashed."""

    value: float
    text: str
    target: bool = False


def interval(
    *,
    name: str,
    title: str,
    reading: str,
    estimate: Estimate,
    tick: Callable[[float], str],
    table: Table,
    marks: tuple[Mark, ...] = (),
    zero: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Chart:
    """One interval on an axis. `bounds` fixes the axis (0 and 1 for a rate)."""

    def draw(width: int) -> tuple[float, str]:
        return _draw(width, estimate, tick, marks, zero, bounds)

    drawings = svg.three_widths(title=title, reading=reading, draw=draw)
    return Chart(name, title, reading, table, drawings)


def _draw(
    width: int,
    estimate: Estimate,
    tick: Callable[[float], str],
    marks: tuple[Mark, ...],
    zero: bool,
    bounds: tuple[float, float] | None,
) -> tuple[float, str]:
    outer = _outer(estimate)
    values = [estimate.low, estimate.high, estimate.value, *(m.value for m in marks), *outer]
    values += [0.0] if zero else []
    axis = ticks(bounds or values)
    pad = max(svg.text_width(tick(axis[0])), svg.text_width(tick(axis[-1]))) / 2 + 2
    x = Scale(axis[0], axis[-1], pad, width - pad)
    top, bar, foot = 24.0, 50.0, 84.0
    out = []
    for value in axis:
        out.append(svg.line(x(value), top, x(value), foot, class_="grid"))
        out.append(svg.text(x(value), foot + 16, tick(value), anchor="middle"))
    if zero:
        out.append(svg.line(x(0), top, x(0), foot, class_="zero"))
    out += _whisker(estimate, outer, x, bar)
    for low, high, class_ in (
        (estimate.low, estimate.high, "i95"),
        *(((*estimate.inner, "i50"),) if estimate.inner else ()),
    ):
        out.append(
            svg.element(
                "rect",
                x=x(low),
                y=bar - 5,
                width=max(1.0, x(high) - x(low)),
                height=10.0,
                rx=5,
                class_=class_,
            )
        )
    for mark in marks:
        at = x(mark.value)
        out.append(svg.line(at, top - 4, at, bar + 10, class_="target" if mark.target else "event"))
        right = at + 6 + svg.text_width(mark.text) < width
        out.append(
            svg.text(
                at + 6 if right else at - 6,
                top,
                mark.text,
                class_="halo",
                anchor=None if right else "end",
            )
        )
    out.append(svg.element("circle", cx=x(estimate.value), cy=bar, r=6, class_="dot full"))
    out += _labels(estimate, x, bar + 24, width)
    tip = f"{estimate.text} ({estimate.low_text} – {estimate.high_text})"
    out.append(svg.hit(0, 0, width, foot, tip))
    return foot + 22, "".join(out)


def _outer(estimate: Estimate) -> tuple[float, ...]:
    """How far the outer interval is drawn: at most as far again as the interval is wide."""
    if estimate.outer is None:
        return ()
    room = estimate.high - estimate.low
    low, high = estimate.outer
    return max(low, estimate.low - room), min(high, estimate.high + room)


def _whisker(estimate: Estimate, outer: tuple[float, ...], x: Scale, y: float) -> list[str]:
    if estimate.outer is None:
        return []
    out = [svg.line(x(outer[0]), y, x(outer[1]), y, class_="outer")]
    for drawn, end in zip(outer, estimate.outer, strict=True):
        if drawn == end:
            out.append(svg.line(x(end), y - 5, x(end), y + 5, class_="outer"))
    return out


def _labels(estimate: Estimate, x: Scale, y: float, width: int) -> list[str]:
    """The three numbers; the ends are left out where they would run into the middle one."""
    centre = min(max(x(estimate.value), 20.0), width - 20.0)
    half = svg.text_width(estimate.text) / 2
    out = [svg.text(centre, y, estimate.text, class_="strong halo", anchor="middle")]
    if x(estimate.low) + svg.text_width(estimate.low_text) < centre - half - 12:
        out.append(svg.text(x(estimate.low), y, estimate.low_text, class_="halo"))
    if x(estimate.high) - svg.text_width(estimate.high_text) > centre + half + 12:
        out.append(svg.text(x(estimate.high), y, estimate.high_text, class_="halo", anchor="end"))
    return out
