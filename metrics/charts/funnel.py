"""The funnel: 100 -> 90 -> 50 -> 20, as one area per column of the page and as one drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

from metrics.charts import svg
from metrics.charts.svg import Chart, Table

_PATTERN = (
    '<defs><pattern id="{id}" width="6" height="6" patternUnits="userSpaceOnUse"'
    ' patternTransform="rotate(45)"><rect width="6" height="6" class="hatch-fill"/>'
    '<line x1="0" y1="0" x2="0" y2="6" class="hatch-line"/></pattern></defs>'
)
# Once per page, for the areas of its columns. A drawing at a width that is not shown cannot
# lend its pattern to another, so each whole funnel carries its own.
HATCH = (
    '<svg width="0" height="0" aria-hidden="true" focusable="false">'
    f"{_PATTERN.format(id='hatch')}</svg>"
)


@dataclass(frozen=True, slots=True)
class Column:
    """One stage: shares of the first stage in [0, 1]; lost + pending = level - next_level."""

    label: str
    text: str  # the big figure
    level: float
    lost: float
    pending: float
    tone: str  # danger, watch, healthy, too_few or won
    tip: str
    note: str = ""

    @property
    def next_level(self) -> float:
        return max(0.0, self.level - self.lost - self.pending)


def area(column: Column) -> str:
    """The drawing under one column's text: no words, stretched to the column, aria-hidden.

    The colour's twin is in the words above it (tag and counts), so nothing is lost without it.
    """
    shapes = _shapes(column, 0.0, 160.0, top=6.0, foot=100.0)
    return (
        '<svg viewBox="0 0 160 100" preserveAspectRatio="none" aria-hidden="true"'
        f' focusable="false">{shapes}</svg>'
    )


def _shapes(
    column: Column, left: float, right: float, *, top: float, foot: float, hatch: str = "hatch"
) -> str:
    def y(share: float) -> float:
        return foot - max(0.0, min(1.0, share)) * (foot - top)

    start, end = y(column.level), y(column.next_level)
    out = [
        svg.path(
            [(left, foot), (left, start), (right, end), (right, foot)], class_="area", closed=True
        )
    ]
    after_loss = y(column.level - column.lost)
    if column.pending > 0:
        out.append(
            svg.path(
                [(left, start), (right, after_loss), (right, end)], class_="pending", closed=True
            )
        )
    if column.lost > 0:
        wedge = [(left, start), (right, start), (right, after_loss)]
        d = "M" + "L".join(f"{svg.number(px)} {svg.number(py)}" for px, py in wedge) + "Z"
        if column.tone == "danger":
            out.append(svg.element("path", d=d, fill=f"url(#{hatch})"))
        else:
            tone = " watch" if column.tone == "watch" else ""
            out.append(svg.element("path", d=d, class_=f"wedge{tone}"))
    if column.lost > 0 or column.pending > 0:
        out.append(svg.line(left, start, right, start, class_="dots"))
    out.append(svg.path([(left, start), (right, end)], class_="edge"))
    return "".join(out)


def funnel(
    *,
    name: str,
    title: str,
    reading: str,
    columns: Sequence[Column],
    table: Table,
    height: int = 260,
) -> Chart:
    """The whole funnel in one drawing with its words, for export and print."""
    if not any(column.level > 0 for column in columns):
        return Chart(name, title, reading, table, ())

    def draw(width: int) -> tuple[float, str]:
        slot = width / len(columns)
        top, foot = 74.0, float(height)
        hatch = f"hatch-{name}-{width}"
        out = [_PATTERN.format(id=hatch)]
        for i, column in enumerate(columns):
            left = slot * i
            out.append(_shapes(column, left, left + slot, top=top, foot=foot, hatch=hatch))
            rows = svg.wrap(column.label, slot - 6)
            out += [svg.text(left + 2, 12 + 13 * j, row) for j, row in enumerate(rows)]
            out.append(svg.text(left + 2, 44, svg.fit(column.text, slot - 6), class_="strong"))
            if column.note:
                out.append(svg.text(left + 2, 60, svg.fit(column.note, slot - 6)))
        for i, column in enumerate(columns):
            if i:
                out.append(svg.line(slot * i, 0, slot * i, foot, class_="grid"))
            out.append(svg.hit(slot * i, 0, slot, foot, column.tip))
        return foot, "".join(out)

    drawings = svg.three_widths(title=title, reading=reading, draw=draw)
    return Chart(name, title, reading, table, drawings)
