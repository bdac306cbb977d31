"""`python -m benchmarks.faults`: do killed workers, a lost Redis and a moved clock change a figure?

Ten thousand moves while quarters close, with a hundred kills of workers and fifty of a Redis that
keeps nothing, two beats running, and a clock that closes three quarters too early and is set back
each time. Prints what was counted; fails when a promise is broken.
"""

import argparse
import json
import sys
from typing import Any

from benchmarks.ground import FOLDER, ground

DRAINED_WITHIN = 30.0  # seconds after the last kill


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=100, help="kills of workers")
    parser.add_argument("--redis", type=int, default=50, help="kills of Redis")
    parser.add_argument("--backs", type=int, default=3, help="how often the clock is set back")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the database and the logs")
    given = parser.parse_args()
    with ground(keep=given.keep, folder=FOLDER.with_name("bench-faults")) as place:
        [measured] = place.part(
            "faults_run",
            given.moves,
            given.workers,
            given.redis,
            given.backs,
            given.seed,
            place.files,
        )
    print(json.dumps(measured, indent=1))
    return report(measured)


def promises(measured: dict[str, Any], *, timed: bool = True) -> dict[str, bool]:
    """What a run must keep, in words, and whether it did; without `timed` but for the seconds."""

    def none(*names: str) -> bool:
        return not any(measured[name] for name in names)

    kept = {
        "no move lost or doubled": none("moves_lost", "moves_doubled"),
        "no wrong snapshot against a full recount": none("wrong_rows", "rows_to_rewrite"),
        "every version is what was known at its time": none("wrong_versions", "unproved_versions"),
        "no version lost, doubled or without a cause": none(
            "versions_missing",
            "versions_doubled",
            "versions_without_cause",
            "final_quarters_missing",
        ),
        "every version told to everybody, once": none("untold", "told_twice"),
        "no mail lost or doubled": none("letters_lost", "letters_doubled"),
        "the clock came to the end, and nothing was stuck": None
        not in (measured["arrived_s"], measured["drained_s"], measured["told_and_mailed_s"]),
    }
    if timed:
        drained = measured["drained_s"]
        in_time = drained is not None and drained <= DRAINED_WITHIN
        kept[f"drained within {DRAINED_WITHIN:.0f} s after the last kill"] = in_time
    return kept


def report(measured: dict[str, Any]) -> int:
    """Print the promises; 1 when one is broken."""
    kept = promises(measured)
    for promise, held in kept.items():
        print(f"{'kept  ' if held else 'BROKEN'} {promise}")
    return 0 if all(kept.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
