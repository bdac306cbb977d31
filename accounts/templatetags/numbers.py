"""Template filters, one per kind of number; each takes the page's `style`.

{{ figures.velocity|money_per_day:style }}
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from django import template

from accounts import formats
from accounts.formats import Style

register = template.Library()


def _filter(name: str, write: Callable[[Any, Style], str | None]) -> None:
    def apply(value: Any, style: Style) -> str:
        return write(value, style) or ""

    apply.__doc__ = write.__doc__
    register.filter(name, apply)


_filter("number", formats.number)
_filter("average", formats.average)
_filter("money", formats.money)
_filter("signed_money", formats.signed_money)
_filter("money_per_day", formats.money_per_day)
_filter("pts", formats.pts)
_filter("days", formats.days)
_filter("interval", formats.interval)
_filter("money_interval", formats.money_interval)
_filter("chance", formats.chance)


@register.filter
def rate(counts: tuple[int, int], style: Style) -> str:
    """(k, n) as a rate by the rule of its n."""
    return formats.rate(*counts, style)


@register.filter
def day(value: date, style: Style) -> str:
    """A date with its year."""
    return formats.day(value, style)


@register.filter
def quarter(label: str) -> str:
    """A quarter's label for people."""
    return formats.quarter(label)
