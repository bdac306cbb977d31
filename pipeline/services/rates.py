"""Monthly exchange rates: one unit of a currency in the company's own."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.retries import retry_deadlocks
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from pipeline.models import Deal, ExchangeRate
from pipeline.services.dirty import mark_dirty
from pipeline.services.history import StaleVersion
from pipeline.services.refusals import both_values
from pipeline.services.rewriting import NOTHING, Rewriting, closed_quarters, counted

_LARGEST = Decimal(10) ** 10
_SMALLEST_STEP = Decimal(1).scaleb(-10)
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
NOT_SEEN = Decimal(-1)


@dataclass(frozen=True, slots=True)
class RateChange:
    """A rate to keep, or None to forget it. `seen` is what the screen showed (None: nothing;
    NOT_SEEN where it showed none of it)."""

    currency: str
    month: date
    rate: Decimal | None
    seen: Decimal | None = NOT_SEEN


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _check(company: Company, changes: Iterable[RateChange]) -> None:
    for change in changes:
        if not re.fullmatch("[A-Z]{3}", change.currency):
            raise DomainError(_("A currency has three letters, such as USD."))
        if change.currency == company.currency:
            raise DomainError(
                _("{currency} is the company's own currency: it needs no rate.").format(
                    currency=company.currency
                )
            )
        if change.month.day != 1 or not _FIRST_YEAR <= change.month.year <= _LAST_YEAR:
            raise DomainError(_("A rate belongs to a month. Write it as 2026-03."))
        rate = change.rate
        if rate is None:
            continue
        if not rate.is_finite() or not 0 < rate < _LARGEST:
            raise DomainError(_("A rate is a number above zero."))
        if rate != rate.quantize(_SMALLEST_STEP):
            raise DomainError(_("A rate has at most ten decimals."))


def _differing(changes: Sequence[RateChange]) -> list[tuple[RateChange, Decimal | None]]:
    """The changes that change something, with what is kept now."""
    kept = {
        (currency, month): rate
        for currency, month, rate in ExchangeRate.objects.filter(
            currency__in={c.currency for c in changes}
        ).values_list("currency", "month", "rate")
    }
    pairs = [(change, kept.get((change.currency, change.month))) for change in changes]
    return [(change, now) for change, now in pairs if change.rate != now]


def rates_rewrite(*, changes: Sequence[RateChange], now: datetime) -> Rewriting:
    """The closed quarters that these rates would restate, and how many deals are converted."""
    differing = [change for change, _kept in _differing(changes)]
    if not differing:
        return NOTHING
    company = Company.objects.get(pk=require_company_id())
    since = min(change.month for change in differing)
    # The deals that were open at the end of the quarter before are converted in this one.
    before = date.fromordinal(company.quarter_start(since).toordinal() - 1)
    deals = Deal.objects.filter(amount__isnull=False)
    quarters, conditions = [], []
    for quarter in closed_quarters(company=company, since=before, now=now):
        condition = None
        for change in differing:
            found = _converted(change, quarter.start, quarter.end, quarter.as_of)
            if found is not None:
                condition = found if condition is None else condition | found
        if condition is not None:
            quarters.append(quarter)
            conditions.append(condition)
    if not quarters:
        return Rewriting(since=since)
    return counted(company, deals, quarters, conditions, since)


def _converted(change: RateChange, start: date, end: date, as_of: date) -> Q | None:
    """The deals of a quarter's figures that are converted at this rate; None where none can be.

    Closed before as_of: the month of closing. Open then: the month of as_of.
    """
    last = next_month(change.month)
    if last <= start or change.month > as_of:
        return None
    mine = Q(currency=change.currency, opened_on__lt=end)
    closed = Q(closed_on__gte=max(start, change.month), closed_on__lt=min(last, as_of))
    if change.month <= as_of < last:
        still = Q(closed_on=None) | Q(closed_on__gte=as_of)
        return mine & (closed | still)
    return mine & closed


@retry_deadlocks
def set_rates(*, by: Actor, changes: Sequence[RateChange], now: datetime) -> int:
    """Keep, change or forget rates; how many changed. All of them or none.

    A rate that somebody else changed since the screen showed it is told and not overwritten.
    """
    with transaction.atomic():
        company = Company.objects.get(pk=require_company_id())
        _check(company, changes)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('rates', %s))", [company.pk]
            )
        differing = _differing(changes)
        stale = [(c, kept) for c, kept in differing if c.seen not in (NOT_SEEN, kept)]
        if stale:
            told = both_values(
                (
                    _("{currency} of {month}").format(
                        currency=c.currency, month=f"{c.month:%Y-%m}"
                    ),
                    shown(kept),
                    shown(c.rate),
                )
                for c, kept in stale[:5]
            )
            raise StaleVersion(
                _(
                    "Somebody else changed rates while you were looking: {told}."
                    " Nothing was changed; look at it and decide again."
                ).format(told=told)
            )
        if not differing:
            return 0
        plan = rates_rewrite(changes=changes, now=now)
        for change, kept in differing:
            same = {"currency": change.currency, "month": change.month}
            if change.rate is None:
                ExchangeRate.objects.filter(**same).delete()
            elif kept is None:
                ExchangeRate.objects.create(**same, rate=change.rate)
            else:
                ExchangeRate.objects.filter(**same).update(rate=change.rate)
        record_audit(
            by=by,
            at=now,
            action="rates.changed",
            object_type="exchange_rates",
            object_id=None,
            before=_written((c, kept) for c, kept in differing),
            after={
                "rates": _written((c, c.rate) for c, _kept in differing),
                "name": ", ".join(sorted({c.currency for c, _kept in differing})),
                "marked_since": plan.since.isoformat() if plan.since else "",
                "closed_quarters": list(plan.quarters),
            },
        )
        if plan.since is not None:
            mark_dirty(company=company, since=plan.since, now=now)
        return len(differing)


def shown(rate: Decimal | None) -> str:
    """A rate without the zeros that the table adds: 0.92; "" for none."""
    return "" if rate is None else format(rate.normalize(), "f")


def _written(pairs: Iterable[tuple[RateChange, Decimal | None]]) -> dict[str, Any]:
    return {
        f"{change.currency} {change.month:%Y-%m}": None if rate is None else shown(rate)
        for change, rate in pairs
    }
