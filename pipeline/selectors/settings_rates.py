"""The company's exchange rates as a grid of months and currencies, and those that are missing.

A deal in another currency is converted at the rate of the month of its closing; while it is open,
at the one of this month, and in a quarter's figures at the one of the day on which the quarter
was closed (docs/metrics.md, A deal's history).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from babel.dates import format_date
from django.db.models import Count, Min, Q
from django.db.models.functions import ExtractMonth, ExtractYear

from accounts.formats import Style, number
from accounts.models import Company
from pipeline.models import Deal, ExchangeRate

Need = tuple[str, date]
SHOWN_DEALS = 100
_LISTED = 12


@dataclass(frozen=True, slots=True)
class RateCell:
    """One rate of the grid. `deals`: how many need it, "" where none does."""

    name: str  # of its field: rate-USD-2026-03
    label: str
    currency: str
    month: date
    value: str
    missing: bool
    deals: str


@dataclass(frozen=True, slots=True)
class RateRow:
    """A month of the grid, latest month first."""

    text: str
    cells: tuple[RateCell, ...]


@dataclass(frozen=True, slots=True)
class MissingRate:
    """A rate that deals need and that is not there."""

    currency: str
    month: date
    text: str
    deals: str
    key: str  # 2026-03


@dataclass(frozen=True, slots=True)
class RatesPage:
    """The grid of one year, the years to choose from, and all that is missing in any year."""

    year: int
    years: tuple[int, ...]
    currencies: tuple[str, ...]
    rows: tuple[RateRow, ...]
    missing: tuple[MissingRate, ...]
    more_missing: str


def field_name(currency: str, month: date) -> str:
    """The name of a rate's field in the form."""
    return f"rate-{currency}-{month:%Y-%m}"


def month_text(month: date, style: Style) -> str:
    """A month for people: March 2026."""
    return format_date(month, "LLLL y", locale=style.babel)


def plain(rate: Decimal | None) -> str:
    """A rate as it is typed, without the zeros of its ten decimals."""
    return "" if rate is None else format(rate.normalize(), "f")


def _foreign(company: Company) -> Any:
    return (
        Deal.objects.filter(amount__isnull=False, opened_on__isnull=False)
        .exclude(currency=company.currency)
        .order_by()
    )


def _month(day: date) -> date:
    return day.replace(day=1)


def _ends(company: Company, first: date, today: date) -> list[tuple[date, date]]:
    """(end, day of as_of) of the quarters that have ended since `first`, settled or not."""
    found: list[tuple[date, date]] = []
    start = company.quarter_start(first)
    while True:
        end = _add_months(start, 3)
        if end > today:
            return found
        as_of = min(date.fromordinal(end.toordinal() + company.settle_days), today)
        found.append((end, as_of))
        start = end


def _past(day: date, today: date) -> bool:
    """Does the day lie in a month before this one?"""
    return _month(day) != _month(today)


def _add_months(day: date, months: int) -> date:
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def needed(*, company: Company, today: date) -> Mapping[Need, int]:
    """How many deals need the rate of a currency and month, at most: four queries."""
    foreign = _foreign(company)
    found: Counter[Need] = Counter()
    first = foreign.aggregate(first=Min("opened_on"))["first"]
    if first is None:
        return found
    closed = foreign.filter(closed_on__isnull=False).values_list(
        "currency", ExtractYear("closed_on"), ExtractMonth("closed_on")
    )
    for currency, year, month, count in closed.annotate(n=Count("pk")):
        found[(currency, date(year, month, 1))] += count
    still = foreign.filter(closed_on=None).values_list("currency").annotate(n=Count("pk"))
    for currency, count in still:
        found[(currency, _month(today))] += count
    # Open on the day of a quarter's as_of, and not counted above as closed in its month.
    ends = [(end, as_of) for end, as_of in _ends(company, first, today) if _past(as_of, today)]
    open_then = {
        f"q{n}": Count(
            "pk",
            filter=Q(opened_on__lt=end)
            & (Q(closed_on=None) | Q(closed_on__gte=_add_months(_month(as_of), 1))),
        )
        for n, (end, as_of) in enumerate(ends)
    }
    for row in foreign.values("currency").annotate(**open_then) if ends else ():
        for n, (_end, as_of) in enumerate(ends):
            found[(row["currency"], _month(as_of))] += row[f"q{n}"]
    return +found


def rates_page(
    *, company: Company, today: date, year: int | None, also: str, style: Style
) -> RatesPage:
    """The grid of a year (this one by default); `also` is a currency to add a column for."""
    needs = needed(company=company, today=today)
    kept = {
        (currency, month): rate
        for currency, month, rate in ExchangeRate.objects.values_list("currency", "month", "rate")
        if currency != company.currency
    }
    years = {month.year for _currency, month in [*needs, *kept]} | {today.year}
    shown = year if year is not None and min(years) <= year <= max(years) + 1 else today.year
    currencies = {currency for currency, _month in [*needs, *kept]}
    if also and also != company.currency:
        currencies.add(also)
    missing = sorted(
        ((n, need) for need, n in needs.items() if need not in kept),
        key=lambda pair: (-pair[1][1].toordinal(), pair[1][0]),
    )
    ordered = tuple(sorted(currencies))
    rows = tuple(
        _row(date(shown, month, 1), ordered, kept, needs, style) for month in range(12, 0, -1)
    )
    return RatesPage(
        year=shown,
        years=tuple(range(min(years), max(years) + 1)),
        currencies=ordered,
        rows=rows,
        missing=tuple(
            MissingRate(
                currency=need[0],
                month=need[1],
                text=month_text(need[1], style),
                deals=number(n, style) or "",
                key=f"{need[1]:%Y-%m}",
            )
            for n, need in missing[:_LISTED]
        ),
        more_missing=number(max(0, len(missing) - _LISTED), style) or "0",
    )


def _row(
    month: date,
    currencies: tuple[str, ...],
    kept: Mapping[Need, Decimal],
    needs: Mapping[Need, int],
    style: Style,
) -> RateRow:
    text = month_text(month, style)
    return RateRow(
        text,
        tuple(
            RateCell(
                name=field_name(currency, month),
                label=f"{currency}, {text}",
                currency=currency,
                month=month,
                value=plain(kept.get((currency, month))),
                missing=(currency, month) in needs and (currency, month) not in kept,
                deals=(number(needs[(currency, month)], style) or "")
                if (currency, month) in needs
                else "",
            )
            for currency in currencies
        ),
    )


@dataclass(frozen=True, slots=True)
class NeedingDeals:
    """The deals that need one rate, as (id, name, amount); `total` may be more than are listed."""

    text: str
    rows: tuple[tuple[int, str, str], ...]
    total: int


def deals_needing(
    *, company: Company, currency: str, month: date, today: date, style: Style
) -> NeedingDeals:
    """Which deals are converted at the rate of this currency and month?"""
    after = _add_months(month, 1)
    condition = Q(closed_on__gte=month, closed_on__lt=after)
    if _month(today) == month:
        condition |= Q(closed_on=None)
    first = _foreign(company).aggregate(first=Min("opened_on"))["first"]
    for end, as_of in _ends(company, first, today) if first else ():
        if _month(as_of) == month:
            condition |= Q(opened_on__lt=end) & (Q(closed_on=None) | Q(closed_on__gte=as_of))
    deals = _foreign(company).filter(condition, currency=currency)
    rows = deals.order_by("name", "pk").values_list("pk", "name", "amount")[:SHOWN_DEALS]
    return NeedingDeals(
        text=month_text(month, style),
        rows=tuple(
            (pk, name, f"{currency} {number(float(amount), style, decimals=2)}")
            for pk, name, amount in rows
        ),
        total=deals.count(),
    )
