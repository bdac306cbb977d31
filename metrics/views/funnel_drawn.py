"""The parts of the funnel page that its figures alone decide, made once and remembered.

Seven drawings in three widths and a few hundred words take longer than everything else on the
page. They depend on the figures, the question and the reader's language, on nobody's rights and
on no clock, so the same ones serve every reader of a company until a figure changes.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.template.loader import get_template
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from metrics.calc.types import SegmentFigures
from metrics.charts import Chart, area
from metrics.reports.funnel_chart import column_of
from metrics.selectors.funnel_page import FunnelPage

Rows = TypeVar("Rows")
_KEPT = 64  # pages that a process remembers, some 150 kB each
_PARTS = ("columns", "table", "versus", "figures", "reasons", "trend")


@dataclass(frozen=True, slots=True)
class Drawn:
    """The page's rows and charts, and its parts as HTML, by the names of funnel_drawn.html."""

    page: FunnelPage
    charts: Mapping[str, Chart]
    columns: str  # HTML
    table: str  # HTML
    versus: str  # HTML
    figures: str  # HTML
    reasons: str  # HTML
    trend: str  # HTML


@dataclass(frozen=True, slots=True)
class _Remembered:
    figures: tuple[SegmentFigures | None, ...]
    drawn: Drawn


_remembered: OrderedDict[tuple[object, ...], _Remembered] = OrderedDict()


def remembered(
    key: tuple[object, ...], figures: Sequence[SegmentFigures | None], make: Callable[[], Drawn]
) -> Drawn:
    """What was made for the very same figures, else what `make` makes now.

    `key` is all else that it depends on, the company included; the language is added here.
    Figures are the same when they are the same objects, which the entry keeps alive: whoever
    reads them again after a change gets others (metrics.selectors.figures).
    """
    key = (get_language(), *key)
    entry = _remembered.pop(key, None)
    same = entry is not None and len(entry.figures) == len(figures)
    if (
        entry is None
        or not same
        or any(a is not b for a, b in zip(entry.figures, figures, strict=True))
    ):
        entry = _Remembered(tuple(figures), make())
    _remembered[key] = entry
    while len(_remembered) > _KEPT:
        _remembered.popitem(last=False)
    return entry.drawn


_pages: OrderedDict[tuple[object, ...], tuple[Drawn, SafeString]] = OrderedDict()


def remembered_page(
    key: tuple[object, ...], drawn: Drawn, make: Callable[[], SafeString]
) -> SafeString:
    """The page that was made of the very same parts and rows, else the one that `make` makes.

    `key` holds the rows themselves and whatever else the page prints; the language is added.
    """
    key = (get_language(), *key)
    kept = _pages.pop(key, None)
    if kept is None or kept[0] is not drawn:
        kept = (drawn, make())
    _pages[key] = kept
    while len(_pages) > _KEPT:
        _pages.popitem(last=False)
    return kept[1]


_rows: OrderedDict[tuple[object, ...], Any] = OrderedDict()


def remembered_rows(key: tuple[object, ...], make: Callable[[], Rows]) -> Rows:
    """Rows that were read under the very same key; the language is added."""
    key = (get_language(), *key)
    kept: Rows = _rows.pop(key) if key in _rows else make()
    _rows[key] = kept
    while len(_rows) > _KEPT:
        _rows.popitem(last=False)
    return kept


def draw(page: FunnelPage, *, charts: Mapping[str, Chart], context: Mapping[str, object]) -> Drawn:
    """Make the parts of a page. `context` holds the addresses that they lead to."""
    told = {
        **context,
        "page": page,
        "charts": charts,
        "columns": [(column, area(column_of(column))) for column in page.columns],
    }
    names = _PARTS if page.stage is not None else ("columns", "table", "versus")
    parts = {name: _part(name, told) if name in names else "" for name in _PARTS}
    return Drawn(page=page, charts=charts, **parts)


def _part(name: str, context: dict[str, object]) -> SafeString:
    html: SafeString = get_template(f"metrics/funnel_drawn.html#{name}").render(context)
    return html
