"""Horizontal bars, alone or each beside its usual."""

from collections.abc import Sequence
from dataclasses import dataclass

from metrics.charts import svg
from metrics.charts.scale import Scale
from metrics.charts.svg import Chart, Table


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar from 0. `usual` draws a second, grey one under it."""

    label: str
    text: str
    value: float
    tip: str
    usual: float | None = None
    usual_text: str = ""
    tone: str = "down"  # up, down, total, ghost or "" for the main colour


def bars(*, name: str, title: str, reading: str, rows: Sequence[Bar], table: Table) -> Chart:
    """Bars that start at 0, longest scale shared. Without a row there is no drawing."""
    if not rows:
        return Chart(name, title, reading, table, ())

    def draw(width: int) -> tuple[float, str]:
        return _draw(width, rows)

    drawings = svg.three_widths(title=title, reading=reading, draw=draw)
    return Chart(name, title, reading, table, drawings)


def _draw(width: int, rows: Sequence[Bar]) -> tuple[float, str]:
    paired = any(r.usual is not None for r in rows)
    widest = max(svg.text_width(r.label) for r in rows)
    left = min(widest + 10, width * 0.36)
    room = max(svg.text_width(t) for r in rows for t in (r.text, r.usual_text)) + 10
    largest = max(max(r.value, r.usual or 0.0) for r in rows)
    x = Scale(0, largest if largest > 0 else 1.0, left, max(left + 20, width - room))
    slot = 46.0 if paired else 32.0
    out: list[str] = []
    for i, row in enumerate(rows):
        top = slot * i + 4
        tone = f"bar {row.tone}".strip()
        middle = top + (19 if paired else 11.5)
        out.append(svg.text(0, middle, svg.fit(row.label, left - 6), class_="strong"))
        out.append(
            svg.element(
                "rect",
                x=left,
                y=top,
                width=max(1.0, x(row.value) - left),
                height=14.0,
                rx=2.5,
                class_=tone,
            )
        )
        out.append(svg.text(x(row.value) + 8, top + 11.5, row.text, class_="strong"))
        if row.usual is not None:
            out.append(
                svg.element(
                    "rect",
                    x=left,
                    y=top + 17,
                    width=max(1.0, x(row.usual) - left),
                    height=14.0,
                    rx=2.5,
                    class_="bar total",
                )
            )
            out.append(svg.text(x(row.usual) + 8, top + 28.5, row.usual_text))
        out.append(svg.hit(0, top - 4, width, slot, row.tip))
    return slot * len(rows), "".join(out)
