"""How long does the arithmetic alone take: all quarters and segments, from arrays in memory.

    python -m benchmarks.recompute_calc [DEALS ...] [--quarters 20] [--seed 7]

Prints one JSON line per size: deals, visits, segments, rows stored, CPU and wall seconds of
computing every quarter (each with its own as_of), of building the stored figures as JSON-able
rows, and the peak memory of the process. Synthetic and seeded; each size in its own process.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from metrics.calc import calendar
from metrics.calc.figures import quarter_tables
from metrics.calc.history import History, Rates
from metrics.calc.stored import to_json
from metrics.calc.stored_rows import stored_figures

STAGES = ("Call booked", "Discovery held", "Coach met", "Proposal sent")
SOURCES, PRODUCTS, REPS, TEAMS = 12, 6, 60, 6
_DAY = 86_400_000_000
_FIRST = calendar.day_number(calendar.date(2021, 1, 1))


def synthetic(deals: int, quarters: int, seed: int) -> History:
    """A made-up company: about 5.5 visits a deal, jumps, steps back, deals that come back.

    Days are UTC days. Stage durations are lognormal with a long tail, about a third of the deals
    get through each stage, 4 % come back after a loss, 3 % of the amounts are empty.
    """
    rng = np.random.default_rng(seed)
    k = len(STAGES)
    opened = _FIRST + rng.integers(0, quarters * 91, deals)
    length = 2 + rng.geometric(0.205, deals).clip(max=14) - 1
    start = np.zeros(deals + 1, np.int64)
    np.cumsum(length, out=start[1:])
    m = int(start[-1])
    deal = np.repeat(np.arange(deals), length)
    place = np.arange(m) - start[deal]

    # Mostly forwards by one; some jump a stage, some fall back, some repeat.
    step = rng.choice([1, 1, 1, 1, 2, 0, -1], m)
    step[start[:-1]] = 0
    running = np.cumsum(step)
    stage = np.clip(1 + running - running[start[deal]], 1, k)
    last = start[1:] - 1
    ended = rng.random(deals)
    stage[last] = np.where(ended < 0.22, k + 1, np.where(ended < 0.93, k + 2, stage[last]))
    middle = (place > 1) & (place + 2 < length[deal]) & (rng.random(m) < 0.02)
    stage[middle] = k + 2  # lost, and came back

    wait = np.minimum(rng.lognormal(np.log(9 * _DAY), 0.9, m), 400 * _DAY).astype(np.int64)
    wait[start[:-1]] = 0
    clock = np.cumsum(wait)
    noon = opened * _DAY + rng.integers(0, _DAY, deals)
    entered_at = noon[deal] + clock - clock[start[deal]]

    rep = rng.zipf(1.3, deals) % REPS
    source = rng.integers(0, SOURCES, deals)
    amount = np.round(rng.lognormal(8.3, 0.6, deals), 2)
    amount[rng.random(deals) < 0.03] = np.nan

    def labels(name: str, many: int) -> tuple[str, ...]:
        return ("unknown", *(f"{name} {number}" for number in range(1, many)))

    return History(
        stages=STAGES,
        deal_id=np.arange(1, deals + 1),
        visit_start=start,
        entered_at=entered_at,
        entered_on=(entered_at // _DAY).astype(np.int32),
        stage=stage.astype(np.int32),
        amount=amount,
        currency=np.zeros(deals, np.int32),
        path_known=np.ones(deals, np.bool_),
        lost_level=rng.integers(0, 4, deals).astype(np.int8),
        channel=(1 + source % 2).astype(np.int32),
        source=source.astype(np.int32),
        product=rng.integers(0, PRODUCTS, deals).astype(np.int32),
        rep=rep.astype(np.int32),
        team=(rep % TEAMS).astype(np.int32),
        labels={
            "channel": ("unknown", "inbound", "outbound"),
            "source": labels("source", SOURCES),
            "product": labels("product", PRODUCTS),
            "rep": labels("rep", REPS),
            "team": labels("team", TEAMS),
        },
    )


def calendar_of(quarters: int) -> list[tuple[calendar.Quarter, calendar.Moment]]:
    """The quarters from the first on, each final seven days after its end."""
    found, day = [], calendar.day_of_number(_FIRST)
    for _ in range(quarters):
        quarter = calendar.quarter_of(day, 1)
        final = quarter.end_day + 7
        found.append((quarter, calendar.Moment(final * _DAY, final)))
        day = quarter.end
    return found


def measure(deals: int, quarters: int, seed: int) -> dict[str, object]:
    history = synthetic(deals, quarters, seed)
    wanted = calendar_of(quarters)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu, wall = time.process_time(), time.perf_counter()
    rows, in_play, segments, rows_cpu = 0, 0, set(), 0.0
    for table in quarter_tables(history, wanted, Rates.none()):
        in_play += int(table.sums["in_play"][0])
        at = time.process_time()
        for name, figures in stored_figures(table):
            to_json(figures)
            segments.add(name)
            rows += 1
        rows_cpu += time.process_time() - at
    return {
        "deals": deals,
        "visits": len(history.stage),
        "quarters": quarters,
        "in_play": in_play,
        "segments": len(segments),
        "rows": rows,
        "cpu_s": round(time.process_time() - cpu - rows_cpu, 3),
        "rows_cpu_s": round(rows_cpu, 3),
        "wall_s": round(time.perf_counter() - wall, 3),
        "history_mib": round(before),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("deals", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--quarters", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    if len(options.deals) == 1:
        print(json.dumps(measure(options.deals[0], options.quarters, options.seed)))
        return
    for deals in options.deals:  # peak memory is per process
        arguments = [str(deals), "--quarters", str(options.quarters), "--seed", str(options.seed)]
        subprocess.run([sys.executable, "-m", "benchmarks.recompute_calc", *arguments], check=True)


if __name__ == "__main__":
    main()
