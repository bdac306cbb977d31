"""The stored figures again, as slowly and plainly as METRICS.md words them.

Shares no code with metrics.calc: loops, sets and fractions over the raw transitions. Returns what
`stored.to_json` returns, for every segment with a deal in play.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import combinations
from statistics import mean, median

from tests.calc.companies import LOST, WON, Company, Deal, Row

LEVELS = ("unknown", "competitor", "no decision", "other")
ORDER = ("channel", "source", "product", "rep", "team")


class State:
    """One deal as of an instant."""

    def __init__(self, deal: Deal, company: Company, as_of: datetime) -> None:
        self.deal = deal
        k = company.stages
        rows = [row for row in effective(deal.rows) if row.at < as_of]
        self.exists = bool(rows)
        if not rows:
            return
        steps = [(row.at.astimezone(company.tz).date(), row.to) for row in rows]
        self.opened_on = steps[0][0]
        last_day, last = steps[-1]
        self.outcome = last if last in (WON, LOST) else "open"
        self.closed_on = last_day if self.outcome != "open" else None
        self.reached: dict[int, date] = {1: self.opened_on}
        for s in range(2, k + 1):
            days = [day for day, to in steps if isinstance(to, int) and to >= s]
            if self.outcome == WON:
                days.append(last_day)
            if days:
                self.reached[s] = min(days)
        if self.outcome == WON:
            self.reached[k + 1] = last_day
        self.furthest = max(s for s in self.reached if s <= k)
        self.visited = set()
        for _, to in steps:
            if isinstance(to, int) and not any(beyond > to for beyond in self._stood(steps, to)):
                self.visited.add(to)

    @staticmethod
    def _stood(steps: list[tuple[date, int | str]], s: int) -> set[int]:
        """The open stages in which it stood before it first stood in s."""
        found: set[int] = set()
        for _, to in steps:
            if to == s:
                break
            if isinstance(to, int):
                found.add(to)
        return found


def effective(rows: Iterable[Row]) -> list[Row]:
    rows = list(rows)
    kept = []
    for row in rows:
        if row.replaces is None:
            while True:
                followers = [other for other in rows if other.replaces == row.id]
                if not followers:
                    break
                row = max(followers, key=lambda other: other.id)
            if row.to is not None:
                kept.append(row)
    return sorted(kept, key=lambda row: (row.at, row.id))


def segments_of(deal: Deal) -> set[str]:
    values = {d: (deal.attributes.get(d) or "").strip() or "unknown" for d in ORDER}
    names = {"all"} | {f"{d}={values[d]}" for d in ORDER}
    return names | {f"{a}={values[a]}&{b}={values[b]}" for a, b in combinations(ORDER, 2)}


def amount_of(state: State, company: Company, as_of: datetime) -> tuple[float | None, bool]:
    """The amount in the company's currency, and whether a rate was missing."""
    deal = state.deal
    if deal.amount is None or deal.currency == 0:
        return deal.amount, False
    day = state.closed_on or as_of.astimezone(company.tz).date()
    rate = company.rates.get((deal.currency, day.year, day.month))
    return (None, True) if rate is None else (deal.amount * rate, False)


def total(deals: list[State], amounts: dict[int, float | None]) -> tuple[int, float | None]:
    known = [amounts[s.deal.id] for s in deals if amounts[s.deal.id] is not None]
    return len(known), (None if deals and not known else float(sum(known)))


def percentile(values: list[int], share: float) -> float | None:
    if not values:
        return None
    values = sorted(values)
    place = (len(values) - 1) * share
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def survival_median(cases: list[tuple[int, bool]]) -> int | None:
    left = Fraction(1)
    for day in sorted({days for days, event in cases if event}):
        at_risk = sum(days >= day for days, _ in cases)
        gone = sum(event and days == day for days, event in cases)
        left *= 1 - Fraction(gone, at_risk)
        if left <= Fraction(1, 2):
            return day
    return None


def stored(company: Company, a: date, b: date, as_of: datetime) -> dict[str, dict[str, object]]:
    """Every segment's stored figures of the quarter [a, b) as of an instant."""
    assert as_of.tzinfo is UTC
    states = [State(deal, company, as_of) for deal in company.deals]
    states = [
        s for s in states if s.exists and s.opened_on < b and not (s.closed_on and s.closed_on < a)
    ]
    names = sorted(set().union(*(segments_of(s.deal) for s in states))) if states else []
    return {
        name: _segment(company, [s for s in states if name in segments_of(s.deal)], a, b, as_of)
        for name in names
    }


def _segment(
    company: Company, deals: list[State], a: date, b: date, as_of: datetime
) -> dict[str, object]:
    today = as_of.astimezone(company.tz).date()
    converted = {s.deal.id: amount_of(s, company, as_of) for s in deals}
    amounts = {number: amount for number, (amount, _) in converted.items()}

    def within(day: date | None) -> bool:
        return day is not None and a <= day < b

    opened = [s for s in deals if within(s.opened_on)]
    won = [s for s in deals if s.outcome == WON and within(s.closed_on)]
    lost = [s for s in deals if s.outcome == LOST and within(s.closed_on)]
    at_end = [s for s in deals if not (s.closed_on and s.closed_on < b)]
    days, open_days, day = 0, 0, a
    while day < min(b, today):
        days += 1
        open_days += sum(
            s.opened_on <= day and (s.closed_on is None or day < s.closed_on) for s in deals
        )
        day += timedelta(days=1)

    cycles_won = [(s.closed_on - s.opened_on).days for s in won]
    cycles = [(s.closed_on - s.opened_on).days for s in won + lost]
    won_with, revenue = total(won, amounts)
    lost_with, amount_lost = total(lost, amounts)
    open_with, amount_open = total(at_end, amounts)
    pairs = [
        (amounts[s.deal.id], (s.closed_on - s.opened_on).days)
        for s in won
        if amounts[s.deal.id] is not None
    ]
    known = [s for s in deals if s.deal.path_known]
    return {
        "definitions": "1",
        "days": days,
        "open_days": open_days,
        "opened": len(opened),
        "won": len(won),
        "lost": len(lost),
        "open_at_start": sum(s.opened_on < a for s in deals),
        "open_at_end": len(at_end),
        "in_play": len(deals),
        "path_unknown": sum(not s.deal.path_known for s in deals),
        "rate_missing": sum(missing for _, missing in converted.values()),
        "won_with_amount": won_with,
        "revenue_won": revenue,
        "lost_with_amount": lost_with,
        "amount_lost": amount_lost,
        "open_with_amount": open_with,
        "amount_open_at_end": amount_open,
        "cycle_won_days": sum(cycles_won),
        "cycle_won_median": float(median(cycles_won)) if cycles_won else None,
        "cycle_won_p90": percentile(cycles_won, 0.9),
        "cycle_closed_days": sum(cycles),
        "cycle_closed_median": float(median(cycles)) if cycles else None,
        "cycle_closed_p90": percentile(cycles, 0.9),
        "amount_variance": _moment(pairs, 0, 0),
        "cycle_variance": _moment(pairs, 1, 1),
        "amount_cycle_covariance": _moment(pairs, 0, 1),
        "cohort_won": sum(s.outcome == WON for s in known if within(s.opened_on)),
        "stages": [
            _stage(company, known, amounts, s, a, b, today) for s in range(1, company.stages + 1)
        ],
    }


def _moment(pairs: list[tuple[float, int]], one: int, other: int) -> float | None:
    if len(pairs) < 2:
        return None
    mean1, mean2 = mean(p[one] for p in pairs), mean(p[other] for p in pairs)
    return sum((p[one] - mean1) * (p[other] - mean2) for p in pairs) / (len(pairs) - 1)


def _stage(
    company: Company,
    deals: list[State],
    amounts: dict[int, float | None],
    s: int,
    a: date,
    b: date,
    today: date,
) -> dict[str, object]:
    cohort = [d for d in deals if a <= d.opened_on < b]
    lost = [d for d in deals if d.outcome == LOST and d.furthest == s and a <= d.closed_on < b]
    advanced = [d for d in deals if s + 1 in d.reached and a <= d.reached[s + 1] < b]
    left = [d for d in deals if not (d.closed_on and d.closed_on < b) and d.furthest == s]
    spent = [(d.reached[s + 1] - d.reached[s]).days for d in advanced if s in d.visited]
    spent += [(d.closed_on - d.reached[s]).days for d in lost if s in d.visited]
    cases = []
    for d in deals:
        if s in d.visited and a <= d.reached[s] < b:
            if s + 1 in d.reached:
                cases.append(((d.reached[s + 1] - d.reached[s]).days, True))
            elif d.outcome == LOST:
                cases.append(((d.closed_on - d.reached[s]).days, True))
            else:
                cases.append(((today - d.reached[s]).days, False))
    with_amount, value = total(lost, amounts)
    open_with, open_amount = total(left, amounts)
    by_reason = {}
    for level, label in enumerate(LEVELS):
        some = [d for d in lost if d.deal.lost_level == level]
        if some:
            by_reason[label] = [len(some), *total(some, amounts)]
    return {
        "name": f"Stage {s}",
        "cohort_reached": sum(s in d.reached for d in cohort),
        "cohort_lost": sum(d.outcome == LOST and d.furthest == s for d in cohort),
        "cohort_pending": sum(d.outcome == "open" and d.furthest == s for d in cohort),
        "advanced": len(advanced),
        "lost_at": len(lost),
        "value_lost": value,
        "value_lost_with_amount": with_amount,
        "value_lost_by_reason": by_reason,
        "days_count": len(spent),
        "days_median": float(median(spent)) if spent else None,
        "days_p90": percentile(spent, 0.9),
        "days_median_km": survival_median(cases),
        "open_deals": len(left),
        "open_with_amount": open_with,
        "open_amount": open_amount,
    }
