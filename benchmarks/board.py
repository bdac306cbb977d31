"""`python -m benchmarks.board`: does the board of ten thousand open deals stay usable?

Prints the number of queries, the time of the board beside that of an empty signed-in page plus
the bytes, and beside the board of a hundred deals, and the size of the page; fails when a
promise is broken.

The board is asked for as a team asks for it all day: most cards were on the page before, and the
process has kept them. "new" is the same board with every card to be written; what that takes is
printed, and not promised.

The empty page is the board of a company without deals. What the bytes cost is measured too: the
same bytes, standing ready, through the same middleware, less the bytes of the empty page sent so.
"""

import argparse
import sys

from benchmarks.ground import FOLDER, ground

GZIP_LIMIT = 120_000
RATIO_LIMIT = 1.5  # of an empty page plus the bytes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--keep", action="store_true", help="keep the database for the next run")
    given = parser.parse_args()
    with ground(keep=given.keep, folder=FOLDER.with_name("bench-board")) as place:
        [measured] = place.part("board_page", given.deals, given.rounds)
    return report(measured)


def more_bytes(many: dict[str, float], none: dict[str, float], what: str) -> float:
    """Seconds that the bytes cost which the board has more than an empty page."""
    return max(0.0, many[f"ready_{what}"] - none[f"ready_{what}"])


def report(measured: dict[str, dict[str, float]]) -> int:
    """Print the promises with what was measured; 1 when one is broken."""
    many, few, none = measured["many"], measured["few"], measured["none"]
    for name, row in measured.items():
        print(
            f"{name:5} {row['deals']:6.0f} open deals: {row['queries']:.0f} queries,"
            f" CPU {1000 * row['cpu']:.1f} ms, its bytes alone {1000 * row['ready_cpu']:.1f},"
            f" wall {1000 * row['wall']:.1f} ms, {1000 * row['ready_wall']:.1f},"
            f" {row['bytes'] / 1000:.0f} kB, {row['gzip_bytes'] / 1000:.1f} kB gzip"
        )
    extra = {what: more_bytes(many, none, what) for what in ("cpu", "wall")}
    ratios = {what: many[what] / (none[what] + extra[what]) for what in extra}
    print(
        f"board of {many['deals']:.0f} : an empty page plus the bytes ="
        f" {ratios['cpu']:.2f} CPU, {ratios['wall']:.2f} wall,"
        f" for {(many['bytes'] - none['bytes']) / 1000:.0f} kB more markup"
    )
    print(
        f"board of {many['deals']:.0f} : board of {few['deals']:.0f} ="
        f" {many['cpu'] / few['cpu']:.2f} CPU, {many['wall'] / few['wall']:.2f} wall"
    )
    fresh = measured["new"]
    new = {what: fresh[what] / (fresh[f"none_{what}"] + extra[what]) for what in extra}
    print(f"the same with every card new = {new['cpu']:.2f} CPU, {new['wall']:.2f} wall")
    promises = {
        f"queries of {many['deals']:.0f} deals = of {few['deals']:.0f}": many["queries"]
        == few["queries"],
        f"page under {RATIO_LIMIT} x an empty page plus the bytes, CPU": ratios["cpu"]
        < RATIO_LIMIT,
        f"page under {RATIO_LIMIT} x an empty page plus the bytes, wall": ratios["wall"]
        < RATIO_LIMIT,
        f"page under {GZIP_LIMIT / 1000:.0f} kB gzip": many["gzip_bytes"] < GZIP_LIMIT,
    }
    for promise, kept in promises.items():
        print(f"{'kept  ' if kept else 'BROKEN'} {promise}")
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
