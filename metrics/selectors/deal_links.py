"""Sentences whose numbers lead to their deals: the same words plain, and as links.

Which figure's deals a number has is said where the number is written, so that both cannot drift.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.drill import FIGURES
from metrics.selectors.drill_query import Drill


@dataclass(frozen=True, slots=True)
class Line:
    """The same words twice: `text` for tips and tables, `linked` for the page."""

    text: str
    linked: SafeString

    def __bool__(self) -> bool:
        return bool(self.text)


@dataclass(frozen=True, slots=True)
class DealLinks:
    """The addresses of a segment's deals in one quarter, and the lines that lead to them.

    `url` is the list of deals. With `today`, cohorts lead to the deals as they stand today.
    `unit` and `exits` are how the page shows them, so that the list leads back to it; `pipeline`
    is None for the one shown first.
    """

    url: str
    quarter: str
    segment: str
    style: Style
    unit: str = "per100"
    today: bool = False
    exits: bool = False
    pipeline: int | None = None

    def href(self, figure: str, at: int | None = None, level: str | None = None) -> str:
        """The address of a figure's deals; `level` is the first level of a lost reason."""
        today = self.today and FIGURES[figure].cohort
        query = Drill(figure, at=at, level=level, today=today, exits=self.exits).query(
            quarter=self.quarter, segment=self.segment, pipeline=self.pipeline, unit=self.unit
        )
        return self.url + query

    def number(
        self, text: str | None, figure: str, at: int | None = None, level: str | None = None
    ) -> Line:
        """A figure as it is written, leading to its deals."""
        text = text or ""
        return Line(text, self.link(text, self.href(figure, at, level)))

    def count(
        self, value: int, figure: str, at: int | None = None, level: str | None = None
    ) -> Line:
        """A number of deals, leading to them."""
        return self.number(formats.number(value, self.style), figure, at, level)

    def rate_of(self, k: tuple[int, str], n: tuple[int, str], at: int) -> Line:
        """23.4% (50 of 214), each (value, figure) leading to its deals; counts under n = 10."""
        (part, part_of), (whole, whole_of) = k, n
        counts = line(
            _("{k} of {n}"),
            k=self.count(part, part_of, at),
            n=self.count(whole, whole_of, at),
        )
        if whole < formats.RATE_MINIMUM:
            return counts
        share = formats.rate(part, whole, self.style)
        return line("{share} ({counts})", share=share, counts=counts)

    @staticmethod
    def link(text: str, href: str) -> SafeString:
        """A number as a link that does not shout."""
        return format_html('<a class="behind" href="{}">{}</a>', href, text)


def plain(text: str | None) -> Line:
    """Words without a number of deals."""
    return Line(text or "", format_html("{}", text or ""))


def line(template: str, **parts: Line | str | None) -> Line:
    """A sentence with its parts put in; everything is escaped but the links."""
    whole = {k: part if isinstance(part, Line) else plain(part) for k, part in parts.items()}
    return Line(
        template.format(**{k: part.text for k, part in whole.items()}),
        format_html(template, **{k: part.linked for k, part in whole.items()}),
    )


def bold(part: Line) -> Line:
    """A figure or name of the lede in bold; a short figure is not broken."""
    short = len(part.text) < 24 and any(c.isdigit() for c in part.text)
    html = '<strong class="nowrap">{}</strong>' if short else "<strong>{}</strong>"
    return Line(part.text, format_html(html, part.linked))


def joined(lines: Iterable[Line], separator: str = " ") -> Line:
    """Lines one after the other."""
    told = [one for one in lines if one]
    linked = format_html_join(separator, "{}", ((one.linked,) for one in told))
    return Line(separator.join(one.text for one in told), linked)
