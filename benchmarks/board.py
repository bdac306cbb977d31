"""`python -m benchmarks.board`: does the board of ten thousand open deals stay usable?

Prints the number of queries, the time beside an empty signed-in page of the same company and
beside the board of a hundred deals, and the size of the page; fails when a promise is broken.
"""

import argparse
import sys

from benchmarks.ground import FOLDER, ground

GZIP_LIMIT = 120_000
RATIO_LIMIT = 1.5  # of the same page with nothing to show, in CPU: others' load does not enter it


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--keep", action="store_true", help="keep the database for the next run")
    given = parser.parse_args()
    with ground(keep=given.keep, folder=FOLDER.with_name("bench-board")) as place:
        [measured] = place.part("board_page", given.deals, given.rounds)
    return report(measured)


def report(measured: dict[str, dict[str, float]]) -> int:
    """Print the promises with what was measured; 1 when one is broken."""
    many, few = measured["many"], measured["few"]
    for name, row in measured.items():
        print(
            f"{name:5} {row['deals']:6.0f} open deals: {row['queries']:.0f} queries,"
            f" CPU {1000 * row['cpu']:.1f} ms, with nothing to show {1000 * row['empty_cpu']:.1f},"
            f" wall {1000 * row['wall']:.1f} ms, {1000 * row['empty_wall']:.1f},"
            f" {row['bytes'] / 1000:.0f} kB, {row['gzip_bytes'] / 1000:.1f} kB gzip"
        )
    kilobytes = (many["bytes"] - measured["none"]["bytes"]) / 1000
    print(
        f"board of {many['deals']:.0f} : the same page with nothing to show ="
        f" {many['cpu'] / many['empty_cpu']:.2f} CPU, {many['wall'] / many['empty_wall']:.2f} wall,"
        f" for {kilobytes:.0f} kB more markup"
    )
    print(
        f"board of {many['deals']:.0f} : board of {few['deals']:.0f} ="
        f" {many['cpu'] / few['cpu']:.2f} CPU, {many['wall'] / few['wall']:.2f} wall"
    )
    promises = {
        f"queries of {many['deals']:.0f} deals = of {few['deals']:.0f}": many["queries"]
        == few["queries"],
        f"page under {RATIO_LIMIT} x the CPU of the same page with nothing to show": many["cpu"]
        < RATIO_LIMIT * many["empty_cpu"],
        f"page under {GZIP_LIMIT / 1000:.0f} kB gzip": many["gzip_bytes"] < GZIP_LIMIT,
    }
    for promise, kept in promises.items():
        print(f"{'kept  ' if kept else 'BROKEN'} {promise}")
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
