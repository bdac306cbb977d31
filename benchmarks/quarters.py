"""`python -m benchmarks.quarters`: do the pages of forty quarters and sixty reps come in time?

Loads such a company with the product's own loader, computes its snapshots, enters losses late so
that closed quarters are restated, lets it learn a few things, and asks for every page and file
about quarters. Prints seconds beside the limits of a request; fails when one is over.
"""

import argparse
import sys
from datetime import UTC, datetime

from benchmarks.company import write_company
from benchmarks.ground import FOLDER, ground
from config.launch.postgres import APP_LIMITS

FIRST = datetime(2016, 4, 1, tzinfo=UTC)  # forty quarters before the end of the company's data
REPS = 60
# The web server runs requests in threads and cuts none off. What ends one is the database: a
# statement that takes too long, and a transaction in which nothing is asked for too long.
STATEMENT = float(APP_LIMITS["statement_timeout"].removesuffix("s"))
IDLE = float(APP_LIMITS["idle_in_transaction_session_timeout"].removesuffix("s"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="keep the database for the next run")
    given = parser.parse_args()
    with ground(keep=given.keep, folder=FOLDER.with_name("bench-quarters")) as place:
        folder = place.files / f"{given.deals}-{given.seed}"
        marker = folder / "company-id"
        if not marker.exists():
            write_company(folder, deals=given.deals, seed=given.seed, first=FIRST, reps=REPS)
            with place.without_foreign_key_checks():
                [loaded] = place.part("build", folder, f"quarters-{given.deals}")
            place.part("recompute_ours", loaded["company_id"], "stored")
            place.part("quarters_restated", loaded["company_id"])
            marker.write_text(str(loaded["company_id"]))
        place.settle()
        measured = place.part("quarters_pages", marker.read_text(), given.rounds)
    return report(measured)


def report(measured: list[dict[str, float]]) -> int:
    """Print the company and each page with what was measured; 1 when one is over a limit."""
    company, start, *pages = measured
    print(
        f"{company['deals']} deals, {company['quarters']} quarters, {company['reps']} reps,"
        f" {company['segments']} segments in the newest, {company['snapshots']} snapshots,"
        f" {company['restated']} quarters restated"
    )
    print(
        f"the first request of a process loads its code: {start['wall']:.2f} s wall,"
        f" {start['cpu']:.2f} s CPU; after that, each for the first time and the median of more:"
    )
    limit = min(STATEMENT, IDLE)
    for page in pages:
        print(
            f"{page['what']:14} {page['queries']:3.0f} queries, {page['first_wall']:5.2f} s wall,"
            f" {page['first_cpu']:.2f} s CPU; then {page['wall']:5.2f} s wall,"
            f" {page['cpu']:.2f} s CPU; {page['bytes'] / 1000:.0f} kB"
        )
    worst = max(pages, key=lambda page: page["first_wall"])
    kept = worst["first_wall"] <= limit
    print(
        f"{'kept  ' if kept else 'BROKEN'} each within {limit:.0f} s, the stricter limit of the"
        f" database ({STATEMENT:.0f} s a statement, {IDLE:.0f} s idle in a transaction);"
        f" slowest: {worst['what']}, {worst['first_wall']:.2f} s"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
