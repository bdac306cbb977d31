"""`make bench`: what recomputing and loading cost, beside DuckDB and bare COPY.

    python -m benchmarks [--deals 1000000] [--seed 7] [--rounds 3] [--load-rows 1000000]
                         [--only recompute,quarter,load] [--keep]

One JSON line per result, then a table. Everything runs on a private PostgreSQL as the product
ships it and is removed afterwards; `--keep` leaves it for the next run with the same sizes.
`--deals 100000 --load-rows 100000` is the quick form. See docs/how-to/benchmark.md.
"""

import argparse
import json
import os
import pickle
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.agreement import compare
from benchmarks.company import write_company
from benchmarks.duckdb_store import build, labels
from benchmarks.ground import FOLDER, Ground, ground
from config.launch.places import REPOSITORY
from config.launch.refusal import Refusal

PARTS = ("recompute", "quarter", "load")
_SIZES = (10_000, 100_000, 1_000_000)
Result = dict[str, Any]


class Bench:
    """One run: prints every result as it comes and keeps it for the table."""

    def __init__(self, here: Ground, options: argparse.Namespace) -> None:
        self.here, self.options = here, options
        self.companies: dict[int, int] = {}  # deals -> company id
        self.lines: list[tuple[str, str]] = []

    def say(self, result: Result) -> Result:
        print(json.dumps(result), flush=True)
        return result

    def part(self, module: str, *arguments: object) -> Result:
        (result,) = self.here.part(module, *arguments)
        return self.say({**result, "load": round(os.getloadavg()[0], 2)})

    def row(self, what: str, value: str) -> None:
        self.lines.append((what, value))

    def machine(self) -> None:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        self.say(
            {
                "what": "machine",
                "commit": commit,
                "seed": self.options.seed,
                "cores": os.cpu_count(),
                "machine": platform.machine(),
                "python": platform.python_version(),
                "load": [round(number, 2) for number in os.getloadavg()],
            }
        )

    def company(self, deals: int) -> int:
        """The id of the company of so many deals, written and loaded on first use."""
        if deals not in self.companies:
            folder = self.files(deals)
            marker = folder / "company-id"
            if marker.exists():  # kept from the run before
                self.companies[deals] = int(marker.read_text())
            else:
                with self.here.without_foreign_key_checks():
                    found = self.part("build", folder, f"bench-{deals}")
                marker.write_text(str(found["company_id"]))
                self.companies[deals] = found["company_id"]
        return self.companies[deals]

    def files(self, deals: int) -> Path:
        folder = self.here.files / f"{deals}-{self.options.seed}"
        if not (folder / "company.json").exists():
            write_company(folder, deals=deals, seed=self.options.seed)
        return folder

    # Recomputing all history ------------------------------------------------------------------

    def recompute(self) -> None:
        deals = self.options.deals
        company_id = self.company(deals)
        store = self.files(deals) / "duckdb.db"
        if not store.exists():
            fresh = store.with_suffix(".new")
            build(fresh, self.files(deals), threads=os.cpu_count() or 1)
            fresh.rename(store)
        self.here.settle()
        self._agree(company_id, store)
        ours: list[Result] = []
        theirs: list[Result] = []
        both: list[Result] = []
        for _ in range(self.options.rounds):  # A B A B: the machine's mood is shared
            ours.append(self.part("recompute_ours", company_id, "arrays"))
            theirs.append(self.part("recompute_duckdb", store))
            both.append(self.part("recompute_duckdb", store, "--threads", 2))
        name = f"all quarters and segments of {deals:,} deals"
        self.row(f"{name}, ours", _spent(ours))
        self.row("  the same by DuckDB, 1 thread", _spent(theirs))
        self.row("  the same by DuckDB, 2 threads", _spent(both))
        best = min(_median(theirs, "cpu_s"), _median(both, "cpu_s"))
        self.row("  ours / DuckDB, CPU", f"{_median(ours, 'cpu_s') / best:.2f}")
        quickest = min(_median(theirs, "wall_s"), _median(both, "wall_s"))
        self.row("  ours / DuckDB, wall", f"{_median(ours, 'wall_s') / quickest:.2f}")
        first = self.part("recompute_ours", company_id, "stored")
        self.row(f"  with writing {first['rows']:,} snapshots", _spent([first]))
        again = self.part("recompute_ours", company_id, "stored")
        self.row(f"  again, writing {again['rows']:,}", _spent([again]))

    def _agree(self, company_id: int, store: Path) -> None:
        mine, other = self.here.files / "ours.pickle", self.here.files / "duckdb.pickle"
        self.part("recompute_ours", company_id, "arrays", mine)
        self.part("recompute_duckdb", store, other)
        found = compare(  # both files were written a moment ago by the two parts above
            pickle.loads(mine.read_bytes()), pickle.loads(other.read_bytes()), labels(store)
        )
        self.say(
            {
                "what": "agreement",
                "quarters": found.quarters,
                "rows": found.rows,
                "figures": found.fields,
                "differences": list(found.differences[:20]),
            }
        )
        if found.differences:
            raise Refusal(f"The two sides differ in {len(found.differences)} places; see above.")
        self.row("figures compared, all equal", f"{found.fields:,}")

    # One quarter after one move ---------------------------------------------------------------

    def quarter(self) -> None:
        for deals in (size for size in _SIZES if size <= self.options.deals):
            company_id = self.company(deals)
            self.part("recompute_ours", company_id, "stored")
            self.here.settle()
            found = self.part("recompute_quarter", company_id, 4 + 2 * self.options.rounds)
            self.row(f"one quarter after one move, {deals:,} deals", _spent([found]))
            inner = found["read_and_compute"]
            self.row("  of which reading and computing", _spent([inner]))

    # Loading ----------------------------------------------------------------------------------

    def load(self) -> None:
        rows = self.options.load_rows
        folder = self.files(max(100, round(rows / 6.5749)))
        loads, bare = [], []
        for number in range(self.options.rounds):
            self.here.settle()
            bare.append(self.part("bare_copy", folder))
            self.here.settle()
            slug = f"bench-load-{os.getpid()}-{number}"
            loads.append(self.part("build", folder, slug))
        many = f"{loads[0]['transitions']:,} transitions and {loads[0]['deals']:,} deals"
        self.row(f"load_company of {many}", _spent(loads))
        self.row("  bare COPY of the same two files", _spent(bare))
        for unit in ("cpu_s", "wall_s"):
            ratio = _median(loads, unit) / _median(bare, unit)
            self.row(f"  load / bare COPY, {unit[:-2]}", f"{ratio:.1f}")


def _median(results: Sequence[Result], field: str) -> float:
    return float(median(result[field] for result in results))


def _spent(results: Sequence[Result]) -> str:
    text = f"{_median(results, 'cpu_s'):8.3f} s CPU {_median(results, 'wall_s'):8.3f} s wall"
    if "peak_mib" in results[0]:
        text += f" {_median(results, 'peak_mib'):6.0f} MiB"
        if "server_private_peak_mib" in results[0]:
            text += f" + {_median(results, 'server_private_peak_mib'):.0f} in the server"
    return text


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__
    )
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--load-rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if not set(wanted) <= set(PARTS):
        parser.error(f"--only takes some of {', '.join(PARTS)}")
    try:
        with ground(keep=options.keep) as here:
            bench = Bench(here, options)
            bench.machine()
            for name in wanted:
                getattr(bench, name)()
    except Refusal as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"\nThe part {error.cmd[2]} failed; what it said stands above.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    width = max(len(what) for what, _ in bench.lines)
    print()
    for what, value in bench.lines:
        print(f"{what:<{width}}  {value}")
    if options.keep:
        print(f"\nKept for the next run: {FOLDER.relative_to(REPOSITORY)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
