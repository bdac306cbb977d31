"""From one total to the next, part by part: what moved velocity."""

from collections.abc import Sequence
from dataclasses import dataclass

from metrics.charts import svg
from metrics.charts.scale import Scale
from metrics.charts.svg import Chart, Table

_BREAK_FROM = (
    0.35  # bars lose their foot when the smallest total is above this share of the largest
)


@dataclass(frozen=True, slots=True)
class Part:
    """One step up or down. `better` chooses the colour, the sign the direction."""

    label: str
    text: str
    value: float
    tip: str
    better: bool
    short: str = ""  # in place of `text` where there is no room


@dataclass(frozen=True, slots=True)
class Total:
    label: str
    text: str
    value: float
    tip: str
    short: str = ""


def waterfall(
    *,
    name: str,
    title: str,
    reading: str,
    start: Total,
    parts: Sequence[Part],
    end: Total,
    table: Table,
    height: int = 240,
) -> Chart:
    """Bars from `start` through the parts to `end`. The parts must add up to the difference."""

    def draw(width: int) -> tuple[float, str]:
        return _draw(width, height, start, parts, end)

    drawings = svg.three_widths(title=title, reading=reading, draw=draw)
    return Chart(name, title, reading, table, drawings)


def _running(start: Total, parts: Sequence[Part]) -> list[tuple[float, float]]:
    """(from, to) of each part."""
    spans, level = [], start.value
    for part in parts:
        spans.append((level, level + part.value))
        level += part.value
    return spans


def _floor(lowest: float, highest: float) -> float:
    """Where the axis starts: at 0, or at a round value under a broken foot."""
    if highest <= 0 or lowest < _BREAK_FROM * highest or highest - lowest < 1e-9 * highest:
        return min(0.0, lowest)
    span = max(highest - lowest, highest * 0.02)
    return max(0.0, lowest - 0.9 * span)


def _draw(
    width: int, height: int, start: Total, parts: Sequence[Part], end: Total
) -> tuple[float, str]:
    spans = _running(start, parts)
    levels = [start.value, end.value, *(v for span in spans for v in span)]
    low = _floor(min(levels), max(levels))
    high = max(*levels, low + 1e-9)
    top, foot = 24.0, height - 40.0
    y = Scale(low, high if high > low else low + 1, foot, top)
    slot = width / (len(parts) + 2)
    bar = min(58.0, slot * 0.62)
    broken = low > 0

    def middle(i: int) -> float:
        return slot * (i + 0.5)

    out = [svg.line(0, foot, width, foot, class_="axis")]
    zero = y(max(low, 0.0))
    for i, total in ((0, start), (len(parts) + 1, end)):
        x = middle(i) - bar / 2
        upper, lower = min(y(total.value), zero), max(y(total.value), zero)
        out.append(
            svg.element(
                "rect",
                x=x,
                y=upper,
                width=bar,
                height=max(1.0, lower - upper),
                rx=3,
                class_="bar total",
            )
        )
        if broken:
            out.append(_zigzag(x, foot - 16, bar))
        out.append(
            svg.text(middle(i), upper - 8, _words(total, slot), class_="strong", anchor="middle")
        )
        out += _label(total.label, middle(i), foot, slot)
    for i, (part, (before, after)) in enumerate(zip(parts, spans, strict=True), start=1):
        upper, lower = min(y(before), y(after)), max(y(before), y(after))
        tone = "up" if part.better else "down"
        out.append(
            svg.element(
                "rect",
                x=middle(i) - bar / 2,
                y=upper,
                width=bar,
                height=max(2.0, lower - upper),
                rx=3,
                class_=f"bar {tone}",
            )
        )
        out.append(
            svg.text(
                middle(i), upper - 8, _words(part, slot), class_=f"halo {tone}", anchor="middle"
            )
        )
        out += _label(part.label, middle(i), foot, slot)
    steps = [start.value, *(after for _, after in spans)]
    for i, level in enumerate(steps):
        left, right = middle(i) + bar / 2, middle(i + 1) - bar / 2
        out.insert(1, svg.line(left, y(level), right, y(level), class_="link"))
    tips = [start.tip, *(p.tip for p in parts), end.tip]
    out += [svg.hit(slot * i, 0, slot, height, tip) for i, tip in enumerate(tips)]
    return height, "".join(out)


def _words(item: Part | Total, slot: float) -> str:
    """The figure as it fits over a bar; the whole stands in tip and table."""
    if svg.text_width(item.text) <= slot + 6:
        return item.text
    return svg.fit(item.short or item.text, slot + 6)


def _label(words: str, x: float, foot: float, slot: float) -> list[str]:
    rows = svg.wrap(words, slot - 2)
    return [svg.text(x, foot + 16 + 14 * i, row, anchor="middle") for i, row in enumerate(rows)]


def _zigzag(x: float, y: float, bar: float) -> str:
    """The mark of a bar that does not start at zero."""
    teeth = 4
    step = bar / (teeth * 2)
    points = [(x + step * i, y + (4 if i % 2 == 0 else -4)) for i in range(teeth * 2 + 1)]
    return svg.path(points, class_="break")
