"""A seeded, made-up company as an exchange folder, of any size and within seconds.

Twenty quarters of a coaching business in Paris: about 6.5 transitions a deal, jumps, steps back,
deals that were lost or won and came back, corrections and withdrawals (also of corrections),
late entries, deals without amount or path. About 1,500 segments. Columns are drawn with NumPy
and written by DuckDB, since Python's csv module would take minutes.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np

STAGES = ("Call booked", "Discovery held", "Coach met", "Proposal sent")
WON, LOST = len(STAGES) + 1, len(STAGES) + 2
STAGE_NAMES = (*STAGES, "Won", "Lost")
TIMEZONE = "Europe/Paris"
AS_OF = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)  # in the twentieth quarter
FIRST = datetime(2021, 4, 1, tzinfo=UTC)
QUARTERS = 20
SOURCES, PRODUCTS, REPS, TEAMS = 12, 6, 58, 6
REASONS = ("", "competitor", "no decision", "price", "timing")
_DAY = 86_400_000_000  # microseconds
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Rows:
    """What was written: rows of deals.csv and of transitions.csv."""

    deals: int
    transitions: int


def write_company(
    folder: Path, *, deals: int, seed: int, first: datetime = FIRST, reps: int = REPS
) -> Rows:
    """Write company.json, stages.csv, deals.csv and transitions.csv into `folder`.

    The deals are opened evenly from `first` on, by so many reps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with duckdb.connect() as duck:
        duck.execute("SET threads = 1")
        moves = _moves(rng, deals, first)
        _write_moves(duck, folder / "transitions.csv", moves)
        _write_deals(duck, folder / "deals.csv", rng, deals, reps)
    head = {
        "name": f"Bench of {deals} deals",
        "timezone": TIMEZONE,
        "fiscal_year_start_month": 1,
        "currency": "EUR",
        "settle_days": 7,
        "as_of": AS_OF.isoformat().replace("+00:00", "Z"),
    }
    (folder / "company.json").write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
    lines = ["stage,position,kind", *(f"{s},{n},open" for n, s in enumerate(STAGES, start=1))]
    lines += ["Won,,won", "Lost,,lost"]
    (folder / "stages.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Rows(deals, len(moves["id"]))


def _moves(rng: np.random.Generator, deals: int, since: datetime) -> dict[str, np.ndarray]:
    """The columns of transitions.csv; stages as codes, 0 for none."""
    k = len(STAGES)
    first, last = (int(t.timestamp()) * 1_000_000 for t in (since, AS_OF))
    opened = np.sort(first + rng.integers(0, last - first, deals))
    length = 2 + rng.geometric(0.2135, deals).clip(max=14)
    start = np.zeros(deals + 1, np.int64)
    np.cumsum(length, out=start[1:])
    m = int(start[-1])
    deal = np.repeat(np.arange(deals), length)
    place = np.arange(m) - start[deal]
    final = start[1:] - 1

    # Mostly forwards by one; some jump a stage, some stay, some fall back.
    step = rng.choice(np.array([1, 1, 1, 1, 2, 0, -1], np.int8), m).astype(np.int64)
    step[start[:-1]] = 0
    running = np.cumsum(step)
    stage = np.clip(1 + running - running[start[deal]], 1, k)
    stage[start[:-1][rng.random(deals) < 0.01]] = 2  # a few begin in the second stage
    fate = rng.random(deals)
    stage[final] = np.where(fate < 0.22, WON, np.where(fate < 0.93, LOST, stage[final]))
    chance = rng.random(m)
    middle = (place > 1) & (place + 1 < length[deal])
    stage[middle & (chance < 0.02)] = LOST  # and came back
    stage[middle & (chance > 0.996)] = WON  # undone
    del chance, middle, running, step

    wait = np.minimum(rng.lognormal(np.log(8 * _DAY), 0.9, m), 400 * _DAY).astype(np.int64)
    wait[stage == 2] //= 2
    wait[rng.random(m) < 0.01] = 0  # two moves of one instant: their ids tell the order
    wait[start[:-1]] = 0
    clock = np.cumsum(wait)
    at = opened[deal] + clock - clock[start[deal]]
    at -= at % 1_000_000  # whole seconds, as most systems write them
    came = np.zeros(m, np.int64)
    came[1:] = stage[:-1]
    came[start[:-1]] = 0
    exists = at < last
    deal, stage, at, came = deal[exists], stage[exists], at[exists], came[exists]
    del wait, clock, place, exists

    late = np.where(rng.random(len(at)) < 0.05, rng.integers(1, 20, len(at)) * _DAY, 0)
    recorded = np.minimum(at + late + rng.integers(0, 30, len(at)) * _MINUTE, last - _MINUTE)
    recorded = np.maximum(recorded, at)
    rows = {"deal": deal, "came": came, "stage": stage, "at": at, "recorded": recorded}
    replaced = np.full(len(at), -1)
    for share in (0.03, 0.05):  # corrections of rows, then corrections of some of those
        rows, replaced = _correct(rng, rows, replaced, share, first, last)

    order = np.argsort(rows["recorded"], kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(1, len(order) + 1)
    replaces = np.where(replaced >= 0, number[replaced], 0)
    out = {name: values[order] for name, values in rows.items()}
    return {"id": np.arange(1, len(order) + 1), **out, "replaces": replaces[order]}


def _correct(
    rng: np.random.Generator,
    rows: dict[str, np.ndarray],
    replaced: np.ndarray,
    share: float,
    first: int,
    last: int,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Add corrections of a share of the rows: another time, another stage, or withdrawn.

    The second round draws from the corrections alone, so that there are chains; a few rows are
    replaced twice. First rows of deals are corrected too, so some deals move in time or vanish.
    """
    again = (replaced >= 0).any()
    pool = np.flatnonzero(replaced >= 0) if again else np.arange(len(replaced))
    pool = pool[rows["recorded"][pool] < last - 2 * _MINUTE]
    chosen = rng.choice(pool, int(share * len(pool)), replace=True)
    kind = rng.random(len(chosen))
    at = rows["at"][chosen]
    moved = kind < 0.6
    at = np.where(moved, np.maximum(at - rng.integers(0, 6, len(chosen)) * _DAY, first), at)
    stage = rows["stage"][chosen]
    other = rng.integers(1, len(STAGES) + 1, len(chosen))
    stage = np.where((kind >= 0.6) & (kind < 0.85) & (stage <= len(STAGES)), other, stage)
    stage = np.where(kind >= 0.85, 0, stage)
    wait = rng.integers(1, 90, len(chosen)) * _DAY
    recorded = np.minimum(rows["recorded"][chosen] + wait, last - 1)
    more = {
        "deal": rows["deal"][chosen],
        "came": rows["came"][chosen],
        "stage": stage,
        "at": at,
        "recorded": recorded,
    }
    # A correction of a withdrawal would bring the row back without a time: leave those alone.
    fits = (rows["stage"][chosen] > 0) & (recorded > rows["recorded"][chosen])
    joined = {name: np.concatenate([rows[name], more[name][fits]]) for name in rows}
    return joined, np.concatenate([replaced, chosen[fits]])


def _write_moves(
    duck: duckdb.DuckDBPyConnection, path: Path, columns: dict[str, np.ndarray]
) -> None:
    names = ", ".join(f"'{name}'" for name in STAGE_NAMES)
    instant = "strftime(make_timestamp({}), '%Y-%m-%dT%H:%M:%SZ')"
    duck.register("moves", columns)
    duck.execute(
        f"""
        COPY (
            SELECT id, deal + 1 AS deal_id,
                   CASE WHEN came > 0 THEN [{names}][came] END AS from_stage,
                   CASE WHEN stage > 0 THEN [{names}][stage] END AS to_stage,
                   {instant.format('"at"')} AS occurred_at,
                   {instant.format("recorded")} AS recorded_at,
                   CASE WHEN replaces > 0 THEN replaces END AS replaces
            FROM moves
        ) TO '{path}' (HEADER, DELIMITER ',')
        """
    )


def _write_deals(
    duck: duckdb.DuckDBPyConnection, path: Path, rng: np.random.Generator, deals: int, reps: int
) -> None:
    source = rng.integers(0, SOURCES + 1, deals)  # 0 is no value
    product = rng.integers(0, PRODUCTS + 1, deals)
    rep = (rng.zipf(1.25, deals) + rng.integers(0, reps, deals)) % (reps + 1)
    amount = np.round(rng.lognormal(8.3, 0.6, deals), 2)
    amount[rng.random(deals) < 0.03] = -1
    columns = {
        "id": np.arange(1, deals + 1),
        "account": rng.integers(0, max(1, deals // 3), deals),
        "source": source,
        "product": product,
        "rep": rep,
        "amount": amount,
        "reason": rng.choice(len(REASONS), deals, p=(0.1, 0.2, 0.3, 0.25, 0.15)),
        "known": rng.random(deals) >= 0.01,
    }
    reasons = ", ".join(f"'{reason}'" for reason in REASONS)
    duck.register("deals", columns)
    duck.execute(
        f"""
        COPY (
            SELECT id, 'Deal ' || id AS name, 'Account ' || account AS account,
                   CASE WHEN source = 0 THEN NULL WHEN source % 2 = 0 THEN 'inbound'
                        ELSE 'outbound' END AS channel,
                   CASE WHEN source > 0 THEN 'Source ' || source END AS source,
                   CASE WHEN product > 0 THEN 'Product ' || product END AS product,
                   CASE WHEN rep > 0 THEN 'Rep ' || rep END AS rep,
                   CASE WHEN rep > 3 THEN 'Team ' || (rep % {TEAMS} + 1) END AS team,
                   CASE WHEN amount >= 0 THEN CAST(amount AS DECIMAL(14, 2)) END AS amount,
                   'EUR' AS currency, nullif([{reasons}][reason + 1], '') AS lost_reason,
                   CASE WHEN [{reasons}][reason + 1] = 'competitor'
                        THEN 'Rival ' || id % 9 END AS competitor,
                   CASE WHEN known THEN 'known' ELSE 'unknown' END AS path
            FROM deals
        ) TO '{path}' (HEADER, DELIMITER ',')
        """
    )
