"""Part: COPY the two long files of an exchange folder into bare tables, and nothing else.

    python -m benchmarks.bare_copy FOLDER

No keys, no indexes, no checks, no company: what the disk and the parser cost. As the owner, in
tables of its own that are dropped again.
"""

import os
import sys
from pathlib import Path

import psycopg

from benchmarks.measuring import Meter, say

_CHUNK = 1 << 20
_TABLES = {
    "deals": "id bigint, name text, account text, channel text, source text, product text,"
    " rep text, team text, amount numeric, currency text, lost_reason text, competitor text,"
    " path text",
    "transitions": "id bigint, deal_id bigint, from_stage text, to_stage text,"
    " occurred_at timestamptz, recorded_at timestamptz, replaces bigint",
}


def main(folder: Path) -> None:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as server:
        meter = Meter(server.info.backend_pid)
        for name, columns in _TABLES.items():
            server.execute(f"DROP TABLE IF EXISTS bare_{name}")  # type: ignore[arg-type]
            server.execute(f"CREATE TABLE bare_{name} ({columns})")  # type: ignore[arg-type]
        rows = {}
        with meter.measured() as spent:
            for name in _TABLES:
                with server.cursor() as cursor:
                    into = f"COPY bare_{name} FROM STDIN WITH (FORMAT csv, HEADER true)"
                    with (
                        (folder / f"{name}.csv").open("rb") as file,
                        cursor.copy(into) as copy,  # type: ignore[arg-type]
                    ):
                        while chunk := file.read(_CHUNK):
                            copy.write(chunk)
                    rows[name] = cursor.rowcount
        for name in _TABLES:
            server.execute(f"DROP TABLE bare_{name}")  # type: ignore[arg-type]
        say("bare COPY", **rows, **spent.as_json(), **meter.peaks())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
