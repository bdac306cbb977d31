"""A line over time: with its uncertainty, marked events, a level and a target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from metrics.charts import svg
from metrics.charts.scale import Scale, ticks
from metrics.charts.svg import Chart, Table

_FLAG_SHARES = (0.6, 0.4, 0.25, 0.16)  # of the drawing's width, that a flag may take at most


@dataclass(frozen=True, slots=True)
class Point:
    """One value over time; None is a gap. `running`: not final yet, drawn hollow and dashed."""

    label: str  # on the axis
    tip: str  # what the pointer says
    value: float | None
    low: float | None = None
    high: float | None = None
    running: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a point, e.g. the start of an experiment.

    `short` stands in for the text where the flags would lie over each other.
    """

    index: int
    text: str
    short: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal reference between two points (indexes included): before, usual, a target."""

    value: float
    text: str
    first: int = 0
    last: int | None = None
    target: bool = False


def line(
    *,
    name: str,
    title: str,
    reading: str,
    points: Sequence[Point],
    tick: Callable[[float], str],
    table: Table,
    height: int = 190,
    from_zero: bool = False,
    events: Sequence[Event] = (),
    levels: Sequence[Level] = (),
    beside: Sequence[float | None] = (),
) -> Chart:
    """A line chart; `tick` writes a value on the axis. Without any value it has no drawing.

    `beside` is a second line in grey to compare with, a value per point; None is a gap.
    """
    if not any(p.value is not None for p in points):
        return Chart(name, title, reading, table, ())

    def draw(width: int) -> tuple[float, str]:
        return _draw(width, height, points, tick, from_zero, events, levels, beside)

    drawings = svg.three_widths(title=title, reading=reading, draw=draw)
    return Chart(name, title, reading, table, drawings)


def _draw(
    width: int,
    height: int,
    points: Sequence[Point],
    tick: Callable[[float], str],
    from_zero: bool,
    events: Sequence[Event],
    levels: Sequence[Level],
    beside: Sequence[float | None],
) -> tuple[float, str]:
    values = [v for p in points for v in (p.value, p.low, p.high) if v is not None]
    values += [v for v in beside if v is not None]
    marks = ticks([*values, *(lv.value for lv in levels)], from_zero=from_zero)
    labels = [tick(m) for m in marks]
    left = max(map(svg.text_width, labels)) + 10
    top = 24.0 if events else 10.0
    right, bottom = 14.0, height - 24.0
    y = Scale(marks[0], marks[-1], bottom, top)
    step = (width - left - right) / max(1, len(points) - 1)
    middle = left + (width - left - right) / 2

    def x(index: int) -> float:
        return left + step * index if len(points) > 1 else middle

    out: list[str] = []
    for mark, label in zip(marks, labels, strict=True):
        out.append(svg.line(left, y(mark), width - right, y(mark), class_="grid"))
        out.append(svg.text(left - 8, y(mark) + 4, label, anchor="end"))
    out += _axis_labels(points, x, width, height - 4.0)
    out += _bands(points, x, y)
    inked = _ink([[p.value for p in points], beside], x, y)
    names: list[str] = []
    for level in levels:
        drawn, name, box = _level(level, len(points), x, y, inked)
        out.append(drawn)
        names.append(name)
        inked += _corners(box)
    out += _reference(beside, x, y)
    out += _lines(points, x, y)
    out += names  # above the lines: where there is no room, words are read and a line goes on
    for event, words in zip(events, _flag_texts(events, x, width), strict=True):
        out += _event(event, words, x, top, bottom, width)
    half = step / 2 if len(points) > 1 else (width - left - right) / 2
    for i, point in enumerate(points):
        start = max(0.0, x(i) - half)
        out.append(svg.hit(start, 0, min(width, x(i) + half) - start, bottom, point.tip))
    return height, "".join(out)


def _axis_labels(
    points: Sequence[Point], x: Callable[[int], float], width: int, y: float
) -> list[str]:
    """Every label that fits; counted from the newest, which is always named."""
    widest = max(svg.text_width(p.label) for p in points) + 8
    step = x(1) - x(0) if len(points) > 1 else width
    stride = max(1, -(-int(widest) // max(1, int(step))))
    out = []
    for i in range(len(points) - 1, -1, -stride):
        half = svg.text_width(points[i].label) / 2
        at_edge = x(i) + half > width
        out.append(
            svg.text(
                width if at_edge else x(i),
                y,
                points[i].label,
                anchor="end" if at_edge else "middle",
            )
        )
    return out[::-1]


def _bands(points: Sequence[Point], x: Callable[[int], float], y: Scale) -> list[str]:
    out: list[str] = []
    run: list[tuple[float, float, float]] = []
    for i, p in enumerate([*points, Point("", "", None)]):
        if p.low is not None and p.high is not None:
            run.append((x(i), p.low, p.high))
        elif run:
            if len(run) > 1:
                upper = [(px, y(high)) for px, _, high in run]
                lower = [(px, y(low)) for px, low, _ in reversed(run)]
                out.append(svg.path([*upper, *lower], class_="band", closed=True))
            run = []
    return out


def _lines(points: Sequence[Point], x: Callable[[int], float], y: Scale) -> list[str]:
    """Pieces between gaps; the piece that leads to a running point is dashed."""
    out: list[str] = []
    run: list[tuple[float, float]] = []
    spots: list[str] = []
    last = max(i for i, p in enumerate(points) if p.value is not None)
    for i, p in enumerate(points):
        if p.value is None:
            out.append(svg.path(run, class_="line") if len(run) > 1 else "")
            run = []
            continue
        here = (x(i), y(p.value))
        if p.running and run:
            out.append(svg.path([run[-1], here], class_="line open"))
            out.append(svg.path(run, class_="line") if len(run) > 1 else "")
            run = []
        else:
            run.append(here)
        full = i == last and not p.running
        radius = 5 if i == last else 3.5
        spots.append(
            svg.element(
                "circle", cx=here[0], cy=here[1], r=radius, class_="dot full" if full else "dot"
            )
        )
    out.append(svg.path(run, class_="line") if len(run) > 1 else "")
    return [*out, *spots]


def _reference(values: Sequence[float | None], x: Callable[[int], float], y: Scale) -> list[str]:
    """A plain line without dots, broken where a value is missing."""
    out: list[str] = []
    run: list[tuple[float, float]] = []
    for i, value in enumerate([*values, None]):
        if value is not None:
            run.append((x(i), y(value)))
            continue
        if len(run) > 1:
            out.append(svg.path(run, class_="line c4"))
        elif run:
            out.append(svg.element("circle", cx=run[0][0], cy=run[0][1], r=2, class_="bar c4"))
        run = []
    return out


Box = tuple[float, float, float, float]  # left, top, right, bottom


def _level(
    level: Level,
    count: int,
    x: Callable[[int], float],
    y: Scale,
    inked: Sequence[tuple[float, float]],
) -> tuple[str, str, Box]:
    """The level, its words, and their place: the end and the side with the least ink."""
    start = x(level.first)
    end = x(count - 1 if level.last is None else level.last)
    at = y(level.value)
    wide = svg.text_width(level.text)
    places = [
        (left, base)
        for left in (start + 4, max(start + 4, end - 4 - wide))
        for base in (at - 6, at + 15)
    ]

    def box(place: tuple[float, float]) -> Box:
        left, base = place
        return left - 2, base - 11, left + wide + 2, base + 4

    def ink(place: tuple[float, float]) -> int:
        left, top, right, bottom = box(place)
        return sum(left <= px <= right and top <= py <= bottom for px, py in inked)

    # Of places alike the first: as it reads.
    left, base = min(places, key=ink)
    class_ = "target" if level.target else "level"
    drawn = svg.line(start, at, end, at, class_=class_)
    return drawn, svg.text(left, base, level.text, class_="halo"), box((left, base))


def _ink(
    lines: Sequence[Sequence[float | None]], x: Callable[[int], float], y: Scale
) -> list[tuple[float, float]]:
    """Spots on the lines, some between every two points."""
    out: list[tuple[float, float]] = []
    for values in lines:
        spots = [None if v is None else (x(i), y(v)) for i, v in enumerate(values)]
        out += [spot for spot in spots if spot is not None]
        for one, two in pairwise(spots):
            if one is not None and two is not None:
                (ax, ay), (bx, by) = one, two
                out += [(ax + (bx - ax) * n / 8, ay + (by - ay) * n / 8) for n in range(1, 8)]
    return out


def _corners(box: Box) -> list[tuple[float, float]]:
    """Spots of a box where words stand, so that others keep away."""
    left, top, right, bottom = box
    middle = (top + bottom) / 2
    return [(left + (right - left) * n / 8, row) for n in range(9) for row in (top, middle, bottom)]


def _flag_texts(events: Sequence[Event], x: Callable[[int], float], width: int) -> list[str]:
    """What each flag says: as much of its text as keeps them apart, else its short one."""
    for share in _FLAG_SHARES:
        texts = [svg.fit(event.text, width * share) for event in events]
        boxes = sorted(
            _flag(text, x(event.index), width) for text, event in zip(texts, events, strict=True)
        )
        if all(right + 2 <= left for (_, right), (left, _) in pairwise(boxes)):
            return texts
    return [event.short or text for event, text in zip(events, texts, strict=True)]


def _flag(words: str, at: float, width: int) -> tuple[float, float]:
    """Left and right of a flag over x, kept inside the drawing."""
    half = svg.text_width(words) / 2 + 6
    centre = min(max(at, half), width - half)
    return centre - half, centre + half


def _event(
    event: Event, words: str, x: Callable[[int], float], top: float, bottom: float, width: int
) -> list[str]:
    at = x(event.index)
    left, right = _flag(words, at, width)
    return [
        svg.line(at, top - 4, at, bottom, class_="event"),
        svg.element("rect", x=left, y=0, width=right - left, height=18, rx=4, class_="flag"),
        svg.text((left + right) / 2, 13, words, class_="flag-text", anchor="middle"),
    ]
