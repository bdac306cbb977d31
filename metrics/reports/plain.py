"""Text for files: what pages mark up, as plain words."""

import html

from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.reports.document import Cell


def plain(text: str) -> str:
    """A sentence of a page without its marks: bold figures lose their tags, nothing else."""
    return html.unescape(strip_tags(text)) if hasattr(text, "__html__") else text


def count(value: int, style: Style) -> Cell:
    return Cell(formats.number(value, style) or "", value, "count")


def average(value: float | None, style: Style) -> Cell:
    return Cell(formats.average(value, style) or _("not computable"), value, "average")


def money(value: float | None, style: Style, *, none: str = "") -> Cell:
    return Cell(formats.money(value, style) or none or _("not computable"), value, "money")


def share(value: float | None, style: Style, *, none: str = "", text: str = "") -> Cell:
    """A share; `text` where people read more than the percentage, such as 20 of 100 (20%)."""
    shown = text or formats.percent(value, style, decimals=1) or none or _("not computable")
    return Cell(shown, value, "share")


def days(value: float | None, style: Style, *, none: str = "") -> Cell:
    return Cell(formats.days(value, style) or none or _("not computable"), value, "days")
