"""`python -m benchmarks.funnel`: is the funnel page of a large company answered from snapshots?

Loads the benchmark's company, computes its snapshots, lets it learn a few things (findings,
danger points, a recorded change), and sets the page beside the same page of a company without a
deal: of all deals, of a segment, of two segments side by side; asked again in the same process, in
another one that runs, as the first page of a new process, after a change that the worker has
prepared the page for, and as nobody has ever asked for it. Prints queries, times and ratios; fails
when one that is promised is above the limit. The CPU is that of the process and of PostgreSQL, not
of Redis.
"""

import argparse
import statistics
import sys
from typing import Any

from benchmarks.company import write_company
from benchmarks.ground import FOLDER, Ground, ground

RATIO_LIMIT = 2.0  # of the empty page, in CPU (others' load does not enter it) and in wall time
PAGES = ("empty", "all deals", "a segment", "two segments")
WHEN = {
    "again": "asked again",
    "elsewhere": "asked before in another process",
    "cold": "the same as the first page of a new process",
    "changed": "asked before, then something changed and the worker prepared the page",
    "first": "not asked for within a week: whoever asks waits for the page to be made",
}
UNPROMISED = {"first"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=100_000, help="1000000 takes minutes")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=5, help="new ones for each page")
    parser.add_argument("--keep", action="store_true", help="keep the database for the next run")
    given = parser.parse_args()
    with ground(keep=given.keep, folder=FOLDER.with_name("bench-funnel"), with_redis=True) as place:
        folder = place.files / f"{given.deals}-{given.seed}"
        marker = folder / "company-id"
        if not marker.exists():
            write_company(folder, deals=given.deals, seed=given.seed)
            with place.without_foreign_key_checks():
                [loaded] = place.part("build", folder, f"bench-{given.deals}")
            place.part("recompute_ours", loaded["company_id"], "stored")
            marker.write_text(str(loaded["company_id"]))
        empty = folder / "empty-company-id"
        if not empty.exists():
            [learned] = place.part("funnel_page", "learn", marker.read_text())
            empty.write_text(str(learned["empty_id"]))
        place.settle()
        ids = marker.read_text(), empty.read_text()
        measured = place.part("funnel_page", "warm", *ids, given.rounds)
        measured += cold(place, ids, given.processes)
    return report(measured, given.deals)


def cold(place: Ground, ids: tuple[str, str], processes: int) -> list[dict[str, Any]]:
    """The median of new processes, in turns; the imports of the first request are in it."""
    rows = [
        place.part("funnel_page", "cold", *ids, page)[0]
        for _turn in range(processes)
        for page in PAGES
    ]
    return [
        {"what": page, "when": "cold"}
        | {
            key: statistics.median(row[key] for row in rows if row["what"] == page)
            for key in ("cpu", "wall")
        }
        for page in PAGES
    ]


def report(measured: list[dict[str, Any]], deals: int) -> int:
    """Print the promise for each page and moment with what was measured; 1 when one is broken."""
    found = {(row["when"], row["what"]): row for row in measured}
    broken = 0
    for when, said in WHEN.items():
        empty = found[when, "empty"]
        print(f"{said}:")
        for page in PAGES:
            row = found[when, page]
            cpu, wall = row["cpu"] / empty["cpu"], row["wall"] / empty["wall"]
            more = (
                f"{row['queries']} queries, {row['bytes'] / 1000:.0f} kB"
                if "queries" in row
                else ""
            )
            kept = max(cpu, wall) <= RATIO_LIMIT
            word = "-" if when in UNPROMISED else "kept" if kept else "BROKEN"
            broken += word == "BROKEN"
            print(
                f"  {word:6} {page:12} CPU {1000 * row['cpu']:6.1f} ms,"
                f" wall {1000 * row['wall']:6.1f} ms; : empty = {cpu:.2f} CPU, {wall:.2f} wall;"
                f" {more}"
            )
    print(
        f"promised, of {deals} deals, where it does not say '-':"
        f" within {RATIO_LIMIT} x the empty page, in CPU and in wall"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
