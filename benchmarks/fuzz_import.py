# ruff: noqa: E501 - a table of nasty values
"""Does any file make the importer fail otherwise than with a sentence?

    python -m benchmarks.fuzz_import [INPUTS] [SEED]

Damages the sample exports and the broken files of the tests (bytes, cells, whole columns, what is
told) and reads each. Every input must end as deals, as rejected rows or as a refusal; anything
else is printed with the seed of its input and fails. No database.
"""

import json
import random
import sys
import time
import traceback
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.importers.columns import FIELDS
from pipeline.importers.grid import ImportRefused
from pipeline.importers.rejected import rejected_csv
from pipeline.importers.report import Written, as_json, batch_lines, reading_lines
from tests.pipeline.importers.broken_files import broken_files
from tests.pipeline.importers.make_samples import samples
from tests.pipeline.importers.reading import batch

NASTY = (
    b"\0", b"\r", b"\n", b'"', b'""', b",", b";", b"\t", b"'", b"=1+1", b"\xff", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b"\xff\xfe", b"1e400", b"-0", b"31.02.2025", b"03/04/2025", b"2025-01-13",
    "\u0661\u0662".encode(), "\u202e".encode(), b"NaN", b"9" * 60, b"Won", b"lost", b" ", b"\x1b[31m",
    b"0000-00-00", b"2025-01-13T25:61:61Z", b"2025-03-30 02:30", b"(5)", b"1.234", b"1,234", b"1.2.3",
)  # fmt: skip
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Paris", "America/Santiago", "Pacific/Apia")]


def damaged(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0:
                data = data[:at] + rng.choice(NASTY) + data[at:]
            case 1:
                data = data[:at] + rng.choice(NASTY) + data[at + rng.randrange(12) :]
            case 2:
                data = data[:at]
            case 3:
                end = at + rng.randrange(200)
                data = data[:at] + data[at:end] * rng.choice((2, 3)) + data[end:]
            case 4:
                data = data[:at] + rng.randbytes(rng.randrange(1, 6)) + data[at:]
            case 5:
                signs = [b",", b";", b"\t", b"\n", b"\r\n", b"-", b"/", b"."]
                data = data.replace(rng.choice(signs), rng.choice(signs))
            case 6:
                lines = data.splitlines(keepends=True)
                rng.shuffle(lines)
                data = b"".join(lines)
    return data


def told(rng: random.Random) -> dict[str, Any]:
    chosen: dict[str, Any] = {"company_zone": rng.choice(ZONES)}
    if rng.random() < 0.3:
        chosen["order"] = rng.choice(("day_first", "month_first"))
    if rng.random() < 0.1:
        chosen["decimal_mark"] = rng.choice((".", ","))
    if rng.random() < 0.2:
        chosen["columns"] = {
            rng.choice(list(FIELDS)): f"#{rng.randrange(1, 9)}" for _ in range(rng.randrange(4))
        }
    if rng.random() < 0.1:
        chosen["stage_map"] = {"Engaging": rng.choice(("Won", "Talking", "Lost"))}
    return chosen


def survives(data: bytes, arguments: dict[str, Any]) -> str:
    try:
        found = batch(data, "deals.csv", **arguments)
    except ImportRefused as refused:
        if not refused.sentence.strip():
            raise AssertionError("a refusal without a sentence") from None
        return "refused"
    rows = sum(len(f.table.rows) + len(f.table.broken) for f in found.files)
    if len(found.deals) + len(found.rejected) != rows:
        raise AssertionError("a row is neither a deal nor rejected")
    for planned in found.deals:
        instants = [event.at for event in planned.events]
        if instants != sorted(instants):
            raise AssertionError("a history out of order")
        f"{planned.deal.name}{planned.deal.external_id}{planned.source}".encode()
    rejected_csv(found.files, found.rejected).encode("utf-8")
    reading_lines(found.files[0])
    batch_lines(found)
    json.dumps(as_json(found, Written()))
    return "rejected" if not found.deals else "read"


def main(arguments: list[str]) -> int:
    inputs = int(arguments[0]) if arguments else 10_000
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    originals = [*samples().values(), *(b.data for b in broken_files() if len(b.data) < 5_000)]
    ends = {"read": 0, "rejected": 0, "refused": 0, "failed": 0}
    start = time.perf_counter()
    for number in range(inputs):
        rng = random.Random(f"{seed}-{number}")
        data = damaged(rng.choice(originals), rng)
        try:
            ends[survives(data, told(rng))] += 1
        except Exception:
            ends["failed"] += 1
            print(f"seed {seed}-{number}:", traceback.format_exc()[-1_500:], data[:300])
    seconds = round(time.perf_counter() - start, 1)
    print(
        json.dumps({"check": "import fuzz", "seed": seed, "inputs": inputs, **ends, "s": seconds})
    )
    return 1 if ends["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
