"""Text of SVG: elements, numbers, escaping, the three widths, and what every chart answers.

Charts emit classes and presentation attributes only: no style attribute, no style element.
Colours come from the page's sheet, so one drawing serves light, dark, print and forced colours.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import overload

WIDTHS: tuple[tuple[str, int], ...] = (("s", 300), ("m", 400), ("l", 600))
_CHARACTER = 6.5  # width of an average character of 12 px Inter, with room to spare
_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Table:
    """The chart's data: `rows` as people read them, `raw` as machines do (CSV)."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    raw_head: tuple[str, ...]
    raw: tuple[tuple[str | int | float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart. `drawings` holds (size, SVG text) for three widths; none without data."""

    name: str
    title: str
    reading: str  # the one sentence that it shows, for who does not see it
    table: Table
    drawings: Sequence[tuple[str, str]]


class Drawings(Sequence[tuple[str, str]]):
    """The drawings of a chart, each made when it is first looked at: some pages show the smallest
    alone, and a file has the widest."""

    def __init__(self, draw: Callable[[str, int], str]) -> None:
        self._draw = draw
        self._drawn: dict[str, str] = {}

    def __len__(self) -> int:
        return len(WIDTHS)

    @overload
    def __getitem__(self, place: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[tuple[str, str], ...]: ...
    def __getitem__(self, place: int | slice) -> tuple[str, str] | tuple[tuple[str, str], ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(*place.indices(len(self))))
        size, width = WIDTHS[place]
        if size not in self._drawn:
            self._drawn[size] = self._draw(size, width)
        return size, self._drawn[size]


def clean(text: str) -> str:
    """Escaped text or attribute value; characters that XML cannot carry are left out."""
    return escape(_FORBIDDEN.sub("", text), quote=True)


def number(value: float) -> str:
    """A coordinate with at most two decimals: 12, 0.5, never -0 or 1e5."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def attributes(values: dict[str, str | float | None]) -> str:
    """Attributes of an element; `class_` is class, underscores become hyphens."""
    parts = []
    for key, value in values.items():
        if value is None:
            continue
        name = key.rstrip("_").replace("_", "-")
        parts.append(
            f' {name}="{number(value) if isinstance(value, float | int) else clean(value)}"'
        )
    return "".join(parts)


def element(tag: str, content: str = "", **values: str | float | None) -> str:
    """One element; `content` is markup, already escaped."""
    if not content:
        return f"<{tag}{attributes(values)}/>"
    return f"<{tag}{attributes(values)}>{content}</{tag}>"


def text(
    x: float, y: float, words: str, *, class_: str | None = None, anchor: str | None = None
) -> str:
    """A label at a point; anchor is start (default), middle or end."""
    return element("text", clean(words), x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, *, class_: str) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Sequence[tuple[float, float]], *, class_: str, closed: bool = False) -> str:
    """A straight-edged path through the points; nothing for none."""
    if not points:
        return ""
    head, *rest = (f"{number(x)} {number(y)}" for x, y in points)
    d = f"M{head}" + "".join(f"L{p}" for p in rest) + ("Z" if closed else "")
    return element("path", d=d, class_=class_)


def hit(x: float, y: float, width: float, height: float, tip: str) -> str:
    """The unseen area of one datum: what the pointer or an arrow key reads aloud."""
    return element(
        "rect", x=x, y=y, width=max(width, 1.0), height=max(height, 1.0), class_="hit", data_tip=tip
    )


def svg(size: str, width: float, height: float, *, title: str, reading: str, content: str) -> str:
    """The drawing at one width: an image to assistive technology, a stop for the Tab key."""
    label = f"{title}. {reading}" if reading else title
    return (
        f'<svg class="{size}" viewBox="0 0 {number(width)} {number(height)}" role="img"'
        f' tabindex="0" aria-label="{clean(label)}">{content}</svg>'
    )


def three_widths(*, title: str, reading: str, draw: Callable[[int], tuple[float, str]]) -> Drawings:
    """The same chart drawn for a phone, a narrow card and a wide one; text does not scale.

    `draw(width)` gives (height, markup).
    """

    def one(size: str, width: int) -> str:
        height, content = draw(width)
        return svg(size, width, height, title=title, reading=reading, content=content)

    return Drawings(one)


def text_width(words: str) -> float:
    """About how wide a label is at 12 px."""
    return len(words) * _CHARACTER


def fit(words: str, width: float) -> str:
    """The label cut to a width with an ellipsis; the whole stands in tip and table."""
    keep = max(1, int(width / _CHARACTER))
    return (
        words
        if len(words) <= keep
        else words[: max(1, keep - 1)].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    )


def wrap(words: str, width: float, *, lines: int = 2) -> tuple[str, ...]:
    """The label on at most `lines` lines, each cut to the width."""
    rows: list[str] = []
    for word in words.split():
        if rows and text_width(f"{rows[-1]} {word}") <= width:
            rows[-1] = f"{rows[-1]} {word}"
        else:
            rows.append(word)
    if len(rows) > lines:
        rows = [*rows[: lines - 1], " ".join(rows[lines - 1 :])]
    return tuple(fit(row, width) for row in rows)
