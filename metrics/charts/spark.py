"""A line the size of a word: the shape of the last quarters beside a figure."""

from collections.abc import Sequence

from metrics.charts import svg
from metrics.charts.scale import Scale


def spark(*, values: Sequence[float | None], label: str, width: int = 72, height: int = 20) -> str:
    """The drawing, or nothing under two values. The figures stand in the text beside it."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    y = Scale(low, high if high > low else low + 1, height - 4.0, 4.0)
    step = (width - 8) / (len(values) - 1)
    out: list[str] = []
    run: list[tuple[float, float]] = []
    last = (0.0, 0.0)
    for i, value in enumerate([*values, None]):
        if value is None:
            if len(run) > 1:
                out.append(svg.path(run, class_="line thin"))
            run = []
        else:
            last = (4 + step * i, y(value))
            run.append(last)
    out.append(svg.element("circle", cx=last[0], cy=last[1], r=2.5, class_="dot full"))
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{svg.clean(label)}">{"".join(out)}</svg>'
    )
