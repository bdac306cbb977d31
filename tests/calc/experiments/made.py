"""Observations and histories made by hand, for the tests of experiments."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from metrics.calc.experiments.measures import Observations, Side
from tests.calc.companies import Company, Deal, Row, as_history

DAY0 = 20_000  # 2024-10-04
HOUR = 3_600_000_000


def side(measure, values, *, young=0, first=0, days=91, units=1, matured=None, **changes):
    """One side with these values, one maturing a day unless told otherwise."""
    values = np.asarray(values, np.float64)
    n = len(values)
    matured = np.arange(first, first + n) if matured is None else np.asarray(matured)
    fields = {
        "measure": measure,
        "deal": np.arange(n),
        "started_on": matured.astype(np.int32),
        "matured_on": matured.astype(np.int32),
        "value": values,
        "belonging": n + young,
        "reached": n + young,
        "mature": n,
        "young": young,
        "path_unknown": 0,
        "without_amount": 0,
        "overlapping": 0,
        "first_day": first,
        "days": days,
        "units": units,
    }
    return Observations(**{**fields, **changes})


def conversion(k, n, **more):
    """k of n mature deals were won."""
    return side("won_within", [1.0] * k + [0.0] * (n - k), **more)


def opened(x, days, **more):
    """x deals opened in so many days, all on the first one."""
    first = more.pop("first", 0)
    matured = np.full(x, first)
    return side("opened_per_week", np.ones(x), first=first, days=days, matured=matured, **more)


def history_of(*deals, stages=2):
    """Deals as (amount, [(day, to), ...]) with days counted from DAY0, and optional attributes."""
    made = []
    for number, (amount, path, *rest) in enumerate(deals, start=1):
        start = datetime(2024, 10, 4, 9, tzinfo=UTC)
        rows = tuple(
            Row(number * 100 + place, start + timedelta(days=day, minutes=place), to)
            for place, (day, to) in enumerate(path)
        )
        more = rest[0] if rest else {}
        made.append(
            Deal(
                number,
                rows,
                amount,
                path_known=more.get("path_known", True),
                attributes={k: v for k, v in more.items() if k != "path_known"},
            )
        )
    return as_history(Company(stages, ZoneInfo("UTC"), tuple(made)))


def everyone(history, first, end, **more):
    """A side of all deals opened on the days [first, end), counted from DAY0."""
    return Side(np.ones(history.size, np.bool_), DAY0 + first, DAY0 + end, **more)


def over(day):
    """The instant at which a day, counted from DAY0, is over."""
    return (DAY0 + day + 1) * 24 * HOUR
