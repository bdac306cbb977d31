"""Part: the same figures by DuckDB over its own storage.

python -m benchmarks.recompute_duckdb STORE [RESULT] [--threads 1] [--together 32]
"""

import argparse
import pickle
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from benchmarks.company import AS_OF, TIMEZONE
from benchmarks.duckdb_figures import Plan, figures
from benchmarks.measuring import Meter, say
from metrics.calc.calendar import (
    Moment,
    Quarter,
    as_of_for,
    day_of_number,
    moment,
    quarters_between,
)


def quarters_of_the_company(duck: duckdb.DuckDBPyConnection) -> list[tuple[Quarter, Moment]]:
    """Every quarter since the first transition, with its as_of by what company.json says."""
    row = duck.execute("SELECT min(opened_on) FROM deals").fetchone()
    assert row is not None
    zone = ZoneInfo(TIMEZONE)
    found = quarters_between(day_of_number(row[0]), AS_OF.astimezone(zone).date(), 1)
    return [(quarter, moment(as_of_for(quarter, 7, zone, AS_OF), zone)) for quarter in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("result", type=Path, nargs="?")
    parser.add_argument("--threads", type=int, default=Plan().threads)
    parser.add_argument("--together", type=int, default=Plan().together)
    options = parser.parse_args()
    plan = Plan(threads=options.threads, together=options.together)
    meter = Meter()
    with meter.measured() as spent, duckdb.connect(str(options.store), read_only=True) as duck:
        found = list(figures(duck, quarters_of_the_company(duck), plan))
    if options.result:
        options.result.write_bytes(pickle.dumps(found))
    rows = sum(len(family["quarter"]) for some in found for family in some.sums)
    say(f"DuckDB, {plan.threads} threads", rows=rows, **spent.as_json(), **meter.peaks())


if __name__ == "__main__":
    main()
