"""Survival as steps: the share still open after n days, deals still under way as ticks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from metrics.charts import svg
from metrics.charts.scale import Scale, ticks
from metrics.charts.svg import Chart, Table


@dataclass(frozen=True, slots=True)
class Steps:
    """One curve: (day, share from that day on), days ascending; starts at 1 on day 0."""

    label: str
    points: tuple[tuple[float, float], ...]
    censored: tuple[float, ...] = ()  # days on which a deal still under way leaves the count
    tone: str = ""  # "" is the main colour, c4 the reference


def step(
    *,
    name: str,
    title: str,
    reading: str,
    curves: Sequence[Steps],
    day: Callable[[float], str],
    share: Callable[[float], str],
    table: Table,
    height: int = 240,
) -> Chart:
    """At most two curves. Without a point there is no drawing."""
    if not any(c.points for c in curves):
        return Chart(name, title, reading, table, ())

    def draw(width: int) -> tuple[float, str]:
        return _draw(width, height, curves, day, share)

    drawings = svg.three_widths(title=title, reading=reading, draw=draw)
    return Chart(name, title, reading, table, drawings)


def _at(curve: Steps, day: float) -> float:
    value = 1.0
    for when, share in curve.points:
        if when > day:
            break
        value = share
    return value


def _draw(
    width: int,
    height: int,
    curves: Sequence[Steps],
    day: Callable[[float], str],
    share: Callable[[float], str],
) -> tuple[float, str]:
    days = [d for c in curves for d in (*(p[0] for p in c.points), *c.censored)]
    axis = ticks([0.0, *days], count=3 if width < 400 else 4, from_zero=True)
    left, top, foot = 46.0, 10.0, height - 24.0
    x = Scale(0, axis[-1], left, width - 16.0)
    y = Scale(0, 1, foot, top)
    out = []
    for mark in (0.0, 0.25, 0.5, 0.75, 1.0):
        out.append(svg.line(left, y(mark), width - 16, y(mark), class_="grid"))
        out.append(svg.text(left - 8, y(mark) + 4, share(mark), anchor="end"))
    for value in axis:
        out.append(svg.text(x(value), height - 4, day(value), anchor="middle"))
    longest = max(days)
    for curve in curves:
        corners = [(x(0), y(1))]
        level = 1.0
        for when, value in curve.points:
            corners += [(x(when), y(level)), (x(when), y(value))]
            level = value
        corners.append((x(longest), y(level)))
        out.append(svg.path(corners, class_=f"line {curve.tone}".strip()))
        for when in curve.censored:
            at = y(_at(curve, when))
            out.append(
                svg.line(x(when), at - 4, x(when), at + 4, class_=f"tick {curve.tone}".strip())
            )
    for curve in curves:
        near = x(longest * 0.6)
        out.append(
            svg.text(near, y(_at(curve, longest * 0.6)) - 8, curve.label, class_="strong halo")
        )
    for first, last in pairwise(axis):
        said = ", ".join(f"{c.label} {share(_at(c, first))}" for c in curves)
        out.append(svg.hit(x(first), 0, x(last) - x(first), foot, f"{day(first)}: {said}"))
    return height, "".join(out)
