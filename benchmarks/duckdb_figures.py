"""The stored figures of a quarter by DuckDB, for all 16 families of segments, as columns.

The same rules as docs/metrics.md and our arithmetic: the state of every deal as of the quarter's
own instant, then sums per distinct combination of attributes rolled up to the families, and
quantiles and Kaplan-Meier medians per family.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import duckdb
import numpy as np

from benchmarks.duckdb_store import DIMENSIONS, PLACES
from metrics.calc.calendar import Moment, Quarter

Columns = dict[str, np.ndarray]
FAMILIES: tuple[tuple[str, ...], ...] = (
    (),
    *((name,) for name in DIMENSIONS),
    *combinations(DIMENSIONS, 2),
)
K = 4  # the open stages of benchmarks.company
_NEVER = 2**31 - 1
_KEY = ", ".join(DIMENSIONS)
_FURTHEST = "(" + " + ".join(f"(reached{s} IS NOT NULL)::INTEGER" for s in range(2, K + 1)) + ")"


@dataclass(frozen=True, slots=True)
class Plan:
    """How the figures are asked for. The defaults took the least CPU of those tried."""

    threads: int = 1
    together: int = 32  # quarters in one query: each query costs its planning
    rolled_up_in_sets: bool = True  # sums by GROUPING SETS, else one GROUP BY per family
    quantiles_in_sets: bool = False


@dataclass(frozen=True, slots=True)
class SomeFigures:
    """Per family of segments: columns with a row per quarter and segment (and slot).

    `quarter` counts from the first of `quarters`; slots of `quantiles` are 0 won cycles, 1 closed
    cycles, s + 1 days in stage s; of `survival` they are s.
    """

    quarters: Sequence[tuple[Quarter, Moment]]
    sums: Sequence[Columns]
    stages: Sequence[Columns]  # sums per furthest stage
    reasons: Sequence[Columns]  # sums of the lost per furthest stage and reason level
    quantiles: Sequence[Columns]
    survival: Sequence[Columns]


def figures(
    duck: duckdb.DuckDBPyConnection,
    quarters: Sequence[tuple[Quarter, Moment]],
    plan: Plan,
) -> Iterator[SomeFigures]:
    """The figures of the quarters, `plan.together` at a time."""
    duck.execute(f"SET threads = {plan.threads}; SET preserve_insertion_order = false")
    for start in range(0, len(quarters), plan.together):
        some = quarters[start : start + plan.together]
        for number, (quarter, moment) in enumerate(some):
            rows = _work(number, quarter.first_day, quarter.end_day, moment)
            into = "INSERT INTO work" if number else "CREATE OR REPLACE TEMPORARY TABLE work AS"
            duck.execute(f"{into} {rows}")
        sums = []
        for table in _TABLES:
            duck.execute(table.by_combination())
            in_sets = plan.rolled_up_in_sets
            sums.append(_per_family(duck, table.roll_up, table.table, table.more, in_sets))
        duck.execute(_durations())
        yield SomeFigures(
            some,
            *sums,
            _per_family(duck, _QUANTILES, "durations", ("slot",), plan.quantiles_in_sets),
            _survival(duck),
        )


def _per_family(
    duck: duckdb.DuckDBPyConnection, what: str, table: str, more: tuple[str, ...], in_sets: bool
) -> list[Columns]:
    keys = [["quarter", *family, *more] for family in FAMILIES]
    if in_sets:
        sets = ", ".join(f"({', '.join(columns)})" for columns in keys)
        every = ", ".join([f"grouping({_KEY}) AS bits, quarter", _KEY, *more])
        sql = f"SELECT {every}, {what} FROM {table} GROUP BY GROUPING SETS ({sets})"
        return _split(duck.execute(sql).fetchnumpy())
    found = []
    for columns in keys:
        by = ", ".join(columns)
        found.append(duck.execute(f"SELECT {by}, {what} FROM {table} GROUP BY {by}").fetchnumpy())
    return found


def _split(columns: Columns) -> list[Columns]:
    """The rows of one GROUPING SETS query, family by family."""
    found = []
    bits = np.asarray(columns.pop("bits"))
    for family in FAMILIES:
        wanted = sum(1 << (4 - n) for n, name in enumerate(DIMENSIONS) if name not in family)
        mask = bits == wanted
        names = [n for n in columns if n not in DIMENSIONS or n in family]
        found.append({name: np.asarray(columns[name])[mask] for name in names})
    return found


def _work(number: int, first: int, end: int, moment: Moment) -> str:
    """The deals in play with all that the quarter asks of them."""
    code = 8 * PLACES
    met = ", ".join(f"min(code) FILTER (stage = {s}) AS met{s}" for s in range(1, K + 1))

    def beyond(s: int) -> str:
        later = ", ".join(f"met{t}" for t in range(s, K + 1))
        return f"least({later})" if s < K else f"met{K}"

    reached = ", ".join(
        f"least({beyond(s)} // {code}, CASE WHEN won_once THEN last_on END) AS reached{s}"
        for s in range(2, K + 1)
    )
    visited = ", ".join(
        f"met{s} IS NOT NULL AND met{s} < coalesce({beyond(s + 1)}, {2**62}) AS visited{s}"
        if s < K
        else f"met{K} IS NOT NULL AS visited{K}"
        for s in range(1, K + 1)
    )
    left = ", ".join(
        f"coalesce(reached{s + 1} >= {first} AND reached{s + 1} < {end}, false) AS left{s}"
        for s in range(1, K + 1)
    )
    stay = ", ".join(_stay(s, first, end, moment) for s in range(1, K + 1))
    last_day = min(end, moment.day)
    return f"""
        WITH paths AS (
            SELECT deal, min(code) // {code} AS opened_on, max(code) AS last, {met}
            FROM visits
            WHERE opened_on < {end} AND (closed_on >= {first} OR closed_on IS NULL)
              AND entered_at < {moment.instant}
            GROUP BY deal
        ), ends AS (
            SELECT *, last // {code} AS last_on, last % 8 AS stage, last % 8 = {K + 1} AS won_once
            FROM paths
        ), states AS (
            SELECT deal, CAST(opened_on AS INTEGER) AS opened_on,
                   CAST(CASE WHEN stage > {K} THEN last_on END AS INTEGER) AS closed_on,
                   stage = {K + 1} AS is_won, stage = {K + 2} AS is_lost,
                   CAST(opened_on AS INTEGER) AS reached1, {reached},
                   CASE WHEN won_once THEN last_on END AS reached{K + 1}, {visited}
            FROM ends
        )
        SELECT CAST({number} AS UTINYINT) AS quarter, {_KEY}, known, level, amount,
               s.* EXCLUDE (deal),
               CAST(1 + {_FURTHEST} AS UTINYINT) AS furthest,
               s.opened_on >= {first} AS opened,
               coalesce(is_won AND s.closed_on < {end}, false) AS won,
               coalesce(is_lost AND s.closed_on < {end}, false) AS lost,
               s.closed_on IS NULL OR s.closed_on >= {end} AS open_at_end,
               greatest(0, least(coalesce(s.closed_on, {_NEVER}), {last_day})
                           - greatest(s.opened_on, {first})) AS open_days,
               s.closed_on - s.opened_on AS cycle, {left}, {stay}
        FROM states s JOIN deals USING (deal)
        WHERE s.opened_on < {end} AND (s.closed_on IS NULL OR s.closed_on >= {first})
    """


_COUNT = "count(*) FILTER ({})".format
_TOTAL = "coalesce(sum(amount) FILTER ({}), 0)".format
_PRICED = "amount IS NOT NULL"
_PAID = f"won AND {_PRICED}"
# The sums by their names in our tables: of the deals, of those at a furthest stage, of the lost.
_OF_DEALS = {
    "in_play": "count(*)",
    "opened": _COUNT("opened"),
    "won": _COUNT("won"),
    "lost": _COUNT("lost"),
    "open_at_start": _COUNT("NOT opened"),
    "open_at_end": _COUNT("open_at_end"),
    "open_days": "sum(open_days)",
    "path_unknown": _COUNT("NOT known"),
    "won_with_amount": _COUNT(_PAID),
    "revenue_won": _TOTAL("won"),
    "lost_with_amount": _COUNT(f"lost AND {_PRICED}"),
    "amount_lost": _TOTAL("lost"),
    "open_with_amount": _COUNT(f"open_at_end AND {_PRICED}"),
    "amount_open_at_end": _TOTAL("open_at_end"),
    "cycle_won_days": "coalesce(sum(cycle) FILTER (won), 0)",
    "cycle_closed_days": "coalesce(sum(cycle) FILTER (NOT open_at_end), 0)",
    "cohort_won": _COUNT("opened AND is_won AND known"),
    # Not about the quarter's means: at these sizes the digits suffice for a comparison to 1e-9.
    "cycle_paid": f"coalesce(sum(cycle) FILTER ({_PAID}), 0)",
    "amount_amount": f"coalesce(sum(amount * amount) FILTER ({_PAID}), 0)",
    "cycle_cycle": f"coalesce(sum(cycle * cycle) FILTER ({_PAID}), 0)",
    "amount_cycle": f"coalesce(sum(amount * cycle) FILTER ({_PAID}), 0)",
    **{f"advanced{s}": _COUNT(f"known AND left{s}") for s in range(1, K + 1)},
}
_OF_STAGES = {
    "cohort": _COUNT("opened"),
    "cohort_lost": _COUNT("opened AND is_lost"),
    "cohort_pending": _COUNT("opened AND closed_on IS NULL"),
    "open_deals": _COUNT("open_at_end"),
    "open_with_amount": _COUNT(f"open_at_end AND {_PRICED}"),
    "open_amount": _TOTAL("open_at_end"),
}
_OF_REASONS = {
    "lost_at": "count(*)",
    "value_lost_with_amount": "count(amount)",
    "value_lost": "coalesce(sum(amount), 0)",
}
_QUANTILES = (
    "count(*) AS n, quantile_cont(days, [0.5, 0.9])[1] AS median,"
    " quantile_cont(days, [0.5, 0.9])[2] AS p90"
)


@dataclass(frozen=True, slots=True)
class _Sums:
    """One table of sums per combination: its columns, what else it is grouped by, and of whom."""

    table: str
    columns: dict[str, str]
    more: tuple[str, ...]
    where: str

    def by_combination(self) -> str:
        keys = ", ".join(["quarter", *DIMENSIONS, *self.more])
        columns = ", ".join(f"{sql} AS {name}" for name, sql in self.columns.items())
        return (
            f"CREATE OR REPLACE TEMPORARY TABLE {self.table} AS"
            f" SELECT {keys}, {columns} FROM work{self.where} GROUP BY {keys}"
        )

    @property
    def roll_up(self) -> str:
        return ", ".join(f"sum({name}) AS {name}" for name in self.columns)


_TABLES = (
    _Sums("of_deals", _OF_DEALS, (), ""),
    _Sums("of_stages", _OF_STAGES, ("furthest",), " WHERE known"),
    _Sums("of_reasons", _OF_REASONS, ("furthest", "level"), " WHERE lost AND known"),
)


def _stay(s: int, first: int, end: int, moment: Moment) -> str:
    """Days in stage s of those who left it in Q; days until leaving of those who came in Q."""
    on = f"CASE WHEN is_lost AND 1 + {_FURTHEST} = {s} THEN s.closed_on ELSE reached{s + 1} END"
    left = f"known AND visited{s} AND {on} >= {first} AND {on} < {end}"
    came = f"known AND visited{s} AND reached{s} >= {first} AND reached{s} < {end}"
    return (
        f"CASE WHEN {left} THEN CAST({on} - reached{s} AS INTEGER) END AS exit{s},"
        f" CASE WHEN {came} THEN"
        f" CAST(coalesce({on}, {moment.day}) - reached{s} AS INTEGER) END AS stay{s},"
        f" {on} IS NOT NULL AS event{s}"
    )


def _durations() -> str:
    """Two tables: cycles (slots 0, 1) and days in the stages left in Q; times until leaving."""
    exits, stays = [], []
    for s in range(1, K + 1):
        exits.append(
            f"SELECT quarter, {_KEY}, {s + 1}, exit{s} FROM work WHERE exit{s} IS NOT NULL"
        )
        stays.append(
            f"SELECT quarter, {_KEY}, CAST({s} AS UTINYINT) AS slot, stay{s} AS days,"
            f" event{s} AS event FROM work WHERE stay{s} IS NOT NULL"
        )
    return f"""
        CREATE OR REPLACE TEMPORARY TABLE durations AS
        SELECT quarter, {_KEY}, CAST(0 AS UTINYINT) AS slot, CAST(cycle AS INTEGER) AS days
        FROM work WHERE won
        UNION ALL SELECT quarter, {_KEY}, 1, cycle FROM work WHERE NOT open_at_end
        UNION ALL {" UNION ALL ".join(exits)};
        CREATE OR REPLACE TEMPORARY TABLE stays AS {" UNION ALL ".join(stays)}
    """


def _survival(duck: duckdb.DuckDBPyConnection) -> list[Columns]:
    """Kaplan-Meier medians: at risk on a day are all but those who ended on an earlier one."""
    found = []
    for family in FAMILIES:
        keys = ", ".join(["quarter", *family, "slot"])
        found.append(
            duck.execute(
                f"""
                WITH days AS (
                    SELECT {keys}, days, count(*) AS ended, count(*) FILTER (event) AS gone
                    FROM stays GROUP BY {keys}, days
                ), risks AS (
                    SELECT *, sum(ended) OVER (PARTITION BY {keys} ORDER BY days DESC) AS risk
                    FROM days
                ), curve AS (
                    SELECT {keys}, days, product(1 - gone / risk)
                           OVER (PARTITION BY {keys} ORDER BY days) AS survival
                    FROM risks
                )
                SELECT {keys}, min(days) AS median FROM curve
                WHERE survival <= 0.5 + 1e-12 GROUP BY {keys}
                """
            ).fetchnumpy()
        )
    return found
