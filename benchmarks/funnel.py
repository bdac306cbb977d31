"""`python -m benchmarks.funnel`: is the funnel page of a large company answered from snapshots?

Loads the benchmark's company, computes its snapshots, lets it learn a few things (findings, a
danger point, a recorded change), and sets the page beside an empty signed-in page of the same
company. Prints queries, times and ratios; fails when a promise is broken.
"""

import argparse
import sys

from benchmarks.company import write_company
from benchmarks.ground import FOLDER, ground

RATIO_LIMIT = 2.0  # of an empty signed-in page, in CPU: others' load does not enter it


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=100_000, help="1000000 takes minutes")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--keep", action="store_true", help="keep the database for the next run")
    given = parser.parse_args()
    with ground(keep=given.keep, folder=FOLDER.with_name("bench-funnel")) as place:
        folder = place.files / f"{given.deals}-{given.seed}"
        marker = folder / "company-id"
        if not marker.exists():
            write_company(folder, deals=given.deals, seed=given.seed)
            with place.without_foreign_key_checks():
                [loaded] = place.part("build", folder, f"bench-{given.deals}")
            place.part("recompute_ours", loaded["company_id"], "stored")
            marker.write_text(str(loaded["company_id"]))
        place.settle()
        [measured] = place.part("funnel_page", marker.read_text(), given.rounds)
    return report(measured, given.deals)


def report(measured: dict[str, dict[str, float]], deals: int) -> int:
    """Print the promises with what was measured; 1 when one is broken."""
    empty = measured["empty"]
    for name, row in measured.items():
        print(
            f"{name:12} {row['queries']:3.0f} queries, CPU {1000 * row['cpu']:6.1f} ms, wall"
            f" {1000 * row['wall']:6.1f} ms, {row['bytes'] / 1000:.0f} kB; : empty ="
            f" {row['cpu'] / empty['cpu']:.2f} CPU, {row['wall'] / empty['wall']:.2f} wall"
        )
    promise = f"funnel of {deals} deals within {RATIO_LIMIT} x an empty signed-in page, in CPU"
    kept = measured["funnel"]["cpu"] <= RATIO_LIMIT * empty["cpu"]
    print(f"{'kept  ' if kept else 'BROKEN'} {promise}")
    print("`first` is the same page right after a figure changed: nothing of it is remembered.")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
