"""Small made-up companies: plain deals with their raw transitions, and the same as arrays."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from metrics.calc import calendar, history, paths
from tests.calc import histories

WON, LOST = "won", "lost"


@dataclass(frozen=True)
class Row:
    """A transition; `to` is an open stage's position, "won", "lost" or None (withdraws)."""

    id: int
    at: datetime
    to: int | str | None
    replaces: int | None = None


@dataclass(frozen=True)
class Deal:
    id: int
    rows: tuple[Row, ...]
    amount: float | None = None
    currency: int = 0
    path_known: bool = True
    lost_level: int = 0
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Company:
    stages: int
    tz: ZoneInfo
    deals: tuple[Deal, ...]
    rates: dict[tuple[int, int, int], float] = field(default_factory=dict)  # currency, year, month


def code(company: Company, to: int | str) -> int:
    if to == WON:
        return company.stages + 1
    return company.stages + 2 if to == LOST else int(to)


def as_history(company: Company) -> history.History:
    """The company as arrays, its paths packed and unpacked on the way, as stored ones are."""
    kept, blobs = [], []
    for deal in company.deals:
        path = histories.effective(
            histories.Transition(
                row.id,
                calendar.microseconds(row.at),
                calendar.day_number(calendar.local_day(row.at, company.tz)),
                None if row.to is None else 1000 + code(company, row.to),
                row.replaces,
            )
            for row in deal.rows
        )
        if path:
            kept.append(deal)
            blobs.append(histories.pack_path(path))
    visits = paths.unpack_paths(
        b"".join(blobs),
        np.array([len(blob) for blob in blobs], np.int64),
        {1000 + number: number for number in range(1, company.stages + 3)},
    )
    columns, labels = {}, {}
    for dimension in history.DIMENSIONS:
        columns[dimension], labels[dimension] = history.dimension_codes(
            [deal.attributes.get(dimension) for deal in kept]
        )
    return history.History(
        stages=tuple(f"Stage {number}" for number in range(1, company.stages + 1)),
        deal_id=np.array([deal.id for deal in kept], np.int64),
        visit_start=visits.visit_start,
        entered_at=visits.entered_at,
        entered_on=visits.entered_on,
        stage=visits.stage,
        amount=np.array([np.nan if d.amount is None else d.amount for d in kept], np.float64),
        currency=np.array([deal.currency for deal in kept], np.int32),
        path_known=np.array([deal.path_known for deal in kept], np.bool_),
        lost_level=np.array([deal.lost_level for deal in kept], np.int8),
        labels=labels,
        **columns,
    )


def as_rates(company: Company) -> history.Rates:
    if not company.rates:
        return history.Rates.none(3)
    months = [(year - 1970) * 12 + month - 1 for _, year, month in company.rates]
    first = min(months)
    table = np.full((3, max(months) - first + 1), np.nan)
    for (currency, year, month), rate in company.rates.items():
        table[currency, (year - 1970) * 12 + month - 1 - first] = rate
    return history.Rates(first, table)


def instant(text: str) -> datetime:
    """An instant in UTC, such as 2026-01-05T10:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def path(deal_id: int, *steps: tuple[str, int | str]) -> tuple[Row, ...]:
    """Plain transitions from (instant or day, stage) pairs; a day means noon UTC."""
    return tuple(
        Row(deal_id * 100 + number, instant(at if "T" in at else f"{at}T12:00"), to)
        for number, (at, to) in enumerate(steps)
    )


ZONES = ("UTC", "Europe/Paris", "America/Los_Angeles", "Pacific/Auckland", "America/Sao_Paulo")


def random_company(seed: int) -> Company:
    """About 30 deals with everything that goes wrong in real histories, over about a year."""
    rng = random.Random(seed)
    stages = rng.randint(1, 5)
    first = datetime(2025, 1, 1, tzinfo=UTC)
    next_id = iter(rng.sample(range(1, 5000), 4000))
    deals = tuple(
        Deal(
            id=number,
            rows=_random_rows(rng, stages, first, next_id),
            amount=rng.choice([None, 0.0, *[round(rng.uniform(50, 9000), 2) for _ in range(8)]]),
            currency=rng.choice([0, 0, 0, 1, 2]),
            path_known=rng.random() > 0.15,
            lost_level=rng.randrange(4),
            attributes={
                "channel": rng.choice(["inbound", "outbound", ""]),
                "source": rng.choice(["web", " web ", "fair", "unknown"]),
                "product": rng.choice(["A", "B", ""]),
                "rep": rng.choice(["Ada", "Bo", "Cy"]),
                "team": rng.choice(["", "North"]),
            },
        )
        for number in rng.sample(range(1, 999), rng.randint(3, 30))
    )
    rates = {
        (currency, year, month): rng.uniform(0.2, 3)
        for currency in (1, 2)
        for year in (2024, 2025, 2026)
        for month in range(1, 13)
        if rng.random() < 0.8
    }
    return Company(stages, ZoneInfo(rng.choice(ZONES)), deals, rates)


def _random_rows(
    rng: random.Random, stages: int, first: datetime, next_id: "object"
) -> tuple[Row, ...]:
    rows: list[Row] = []
    at = first + timedelta(minutes=rng.randrange(400 * 24 * 60))
    position = 1
    for _ in range(rng.randint(1, 7)):
        to: int | str = position
        if rows:
            draw = rng.random()
            if draw < 0.18:
                to = LOST
            elif draw < 0.32:
                to = WON  # and may go on: a winning that is undone
            else:
                to = rng.choice([min(stages, position + 1)] * 3 + list(range(1, stages + 1)))
        elif rng.random() < 0.15:
            to = rng.choice([rng.randint(1, stages), LOST, WON])
        position = to if isinstance(to, int) else position
        rows.append(Row(next(next_id), at, to))
        if rng.random() < 0.1:  # several at one instant: the id decides
            continue
        at += timedelta(minutes=rng.randrange(1, rng.choice([60, 20 * 24 * 60, 90 * 24 * 60])))
    for _ in range(rng.choice([0, 0, 0, 1, 2, 3])):
        target = rng.choice(rows)
        to = rng.choice([target.to, rng.randint(1, stages), LOST, WON, None])
        shift = timedelta(minutes=rng.choice([0, rng.randrange(-20000, 20000)]))
        rows.append(Row(next(next_id), target.at + shift, to, target.id))
    rng.shuffle(rows)
    return tuple(rows)


def quarter(start: date) -> calendar.Quarter:
    """The quarter of a company with a calendar year that contains a day."""
    return calendar.quarter_of(start, 1)
