"""A chart outside the page: an SVG file that needs no sheet, and its data as CSV."""

import csv
import io
import re

from metrics.charts.svg import Chart, clean
from pipeline.exports import inert

# The light tokens of static/app.css, resolved: a file has no page around it.
_RULES = """
text{font:500 12px Inter,system-ui,sans-serif;fill:#5f6778}
.strong{fill:#14171f;font-weight:620}.title{font-size:15px;font-weight:640;fill:#14171f}
.halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.up{fill:#0a6b8a;font-weight:620}.down{fill:#b23c0c;font-weight:620}
.grid{stroke:#eaecf1}.axis{stroke:#d9dde6}.link{stroke:#7a8194;stroke-dasharray:2 3}
.line{fill:none;stroke:#4f46e5;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.line.open{stroke-dasharray:4 4}.line.c4{stroke:#7a8194}.band{fill:#4f46e5;opacity:.1}
.dot{fill:#fff;stroke:#4f46e5;stroke-width:2}.dot.full{fill:#4f46e5}
.tick{stroke:#4f46e5;stroke-width:1.5}.level{stroke:#7a8194}
.target{stroke:#b87c00;stroke-width:1.5;stroke-dasharray:5 4}
.event{stroke:#14171f;stroke-width:1.5}.flag{fill:#14171f}.flag-text{fill:#fff;font-weight:620}
.bar{fill:#4f46e5}.bar.up{fill:#0e86ad}.bar.down{fill:#d9571b}.bar.total{fill:#7a8194}
.bar.ghost{fill:#d9dde6}.break{fill:none;stroke:#fff;stroke-width:3}
.outer{stroke:#7a8194;stroke-width:1.5}.i95{fill:#4f46e5;opacity:.18}.i50{fill:#4f46e5;opacity:.5}.zero{stroke:#d9dde6;stroke-width:1.5}
.area{fill:#4f46e5;opacity:.2}.wedge{fill:#d9dde6}.wedge.watch{fill:#b87c00;opacity:.5}
.pending{fill:#4f46e5;opacity:.08}.edge{fill:none;stroke:#4f46e5;stroke-width:2.5}
.dots{stroke:#7a8194;stroke-dasharray:2 2}.hit{fill:none}
.hatch-line{stroke:#d9571b;stroke-width:4}.hatch-fill{fill:#d9571b;opacity:.45}
"""


def svg_file(chart: Chart, *, caption: str) -> str | None:
    """The wide drawing as a file of its own, titled and captioned; None without a drawing."""
    drawing = dict(chart.drawings).get("l")
    if drawing is None:
        return None
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing)
    content = re.search(r"<svg[^>]*>(.*)</svg>", drawing, re.DOTALL)
    assert size is not None
    assert content is not None
    width, height = float(size[1]), float(size[2])
    rules = " ".join(_RULES.split("\n")).strip()
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 48:g}" height="{height + 100:g}"'
        f' viewBox="-24 -56 {width + 48:g} {height + 100:g}">'
        f"<title>{clean(chart.title)}</title><desc>{clean(chart.reading)}</desc>"
        f"<style>{rules}</style>"
        f'<rect x="-24" y="-56" width="{width + 48:g}" height="{height + 100:g}" fill="#fff"/>'
        f'<text class="title" x="0" y="-28">{clean(chart.title)}</text>'
        f"{content[1]}"
        f'<text x="0" y="{height + 26:g}">{clean(caption)}</text></svg>\n'
    )


def csv_file(chart: Chart) -> str:
    """The raw data: full precision, ISO dates, an empty cell where there is no figure.

    A text cell that a spreadsheet would run as a formula gets a leading apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_inert(cell) for cell in chart.table.raw_head])
    for row in chart.table.raw:
        writer.writerow(["" if cell is None else _inert(cell) for cell in row])
    return out.getvalue()


def _inert(cell: str | int | float) -> str | int | float:
    return inert(cell) if isinstance(cell, str) else cell
