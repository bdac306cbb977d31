"""DuckDB's own storage of the same company, from the same CSV files, by SQL of its own.

Corrections are applied here anew, so that the comparison also checks our effective histories.
Stored is what DuckDB can use best and our side stores too in its packed paths: the visits in
their order, with the first day and the last closing of their deal beside them.
"""

from pathlib import Path

import duckdb

from benchmarks.company import STAGE_NAMES, TIMEZONE
from metrics.calc.history import LOST_LEVELS

DIMENSIONS = ("channel", "source", "product", "rep", "team")
# A visit's day and its place in the path in one number, whose order is that of the path.
PLACES = 1 << 12

_HOLDING = """
    CREATE TEMPORARY TABLE holding AS
    WITH RECURSIVE
    heir AS (SELECT replaces AS id, max(id) AS heir FROM raw WHERE replaces IS NOT NULL GROUP BY 1),
    chain AS (
        SELECT id AS root, id FROM raw WHERE replaces IS NULL
            AND id IN (SELECT id FROM heir)
        UNION ALL
        SELECT chain.root, heir.heir FROM chain JOIN heir ON heir.id = chain.id
    )
    SELECT max(id) AS id FROM chain GROUP BY root
"""
_VISITS = """
    CREATE TEMPORARY TABLE ordered AS
    SELECT deal_id AS deal, epoch_us(occurred_at) AS entered_at,
           CAST(timezone('{zone}', occurred_at) AS DATE) - DATE '1970-01-01' AS day,
           list_position([{stages}], to_stage) AS stage,
           row_number() OVER (PARTITION BY deal_id ORDER BY occurred_at, id) AS place
    FROM raw
    WHERE to_stage IS NOT NULL
      AND ((replaces IS NULL AND id NOT IN (SELECT replaces FROM raw WHERE replaces IS NOT NULL))
           OR id IN (SELECT id FROM holding))
"""


def build(store: Path, folder: Path, *, threads: int = 1) -> None:
    """Make the database file `store` from an exchange folder."""
    store.unlink(missing_ok=True)
    with duckdb.connect(str(store)) as duck:
        duck.execute(f"SET threads = {threads}; SET TimeZone = 'UTC'")
        duck.execute(
            f"CREATE TEMPORARY TABLE raw AS FROM read_csv('{folder}/transitions.csv', header=true,"
            " columns={id: 'BIGINT', deal_id: 'BIGINT', from_stage: 'VARCHAR', to_stage: 'VARCHAR',"
            " occurred_at: 'TIMESTAMPTZ', recorded_at: 'TIMESTAMPTZ', replaces: 'BIGINT'})"
        )
        duck.execute(_HOLDING)
        names = ", ".join(f"'{name}'" for name in STAGE_NAMES)
        duck.execute(_VISITS.format(zone=TIMEZONE, stages=names))
        won = STAGE_NAMES.index("Won") + 1
        duck.execute(
            f"CREATE TEMPORARY TABLE ends AS SELECT deal, min(day) AS opened_on,"
            f" CASE WHEN arg_max(stage, place) >= {won} THEN max(day) END AS closed_on"
            " FROM ordered GROUP BY deal"
        )
        duck.execute(
            f"CREATE TEMPORARY TABLE csv AS FROM read_csv('{folder}/deals.csv', header=true,"
            " all_varchar=true)"
        )
        for name in DIMENSIONS:
            duck.execute(
                f"CREATE TABLE {name}s AS SELECT row_number() OVER (ORDER BY text) AS code, text"
                f" FROM (SELECT DISTINCT trim({name}) AS text FROM csv WHERE trim({name}) <> '')"
            )
        codes = ", ".join(
            f"CAST(coalesce({name}s.code, 0) AS UTINYINT) AS {name}" for name in DIMENSIONS
        )
        joins = " ".join(
            f"LEFT JOIN {name}s ON {name}s.text = trim(csv.{name})" for name in DIMENSIONS
        )
        levels = ", ".join(f"'{level}'" for level in LOST_LEVELS)
        duck.execute(
            f"""
            CREATE TABLE deals AS
            SELECT CAST(csv.id AS INTEGER) AS deal, {codes}, CAST(amount AS DOUBLE) AS amount,
                   CAST(CASE WHEN coalesce(lost_reason, '') = '' THEN 0
                        ELSE coalesce(list_position([{levels}], lost_reason), 4) - 1
                        END AS UTINYINT) AS level,
                   path IS DISTINCT FROM 'unknown' AS known,
                   CAST(ends.opened_on AS INTEGER) AS opened_on,
                   CAST(ends.closed_on AS INTEGER) AS closed_on
            FROM csv JOIN ends ON ends.deal = CAST(csv.id AS BIGINT) {joins}
            ORDER BY deal
            """
        )
        duck.execute(
            f"""
            CREATE TABLE visits AS
            SELECT CAST(ordered.deal AS INTEGER) AS deal, entered_at,
                   (day * {PLACES} + place) * 8 + stage AS code, CAST(stage AS UTINYINT) AS stage,
                   CAST(opened_on AS INTEGER) AS opened_on, CAST(closed_on AS INTEGER) AS closed_on
            FROM ordered JOIN ends USING (deal) ORDER BY ordered.deal, place
            """
        )
        duck.execute("CHECKPOINT")


def labels(store: Path) -> dict[str, list[str]]:
    """The text of each attribute's codes; 0 is no value."""
    found = {}
    with duckdb.connect(str(store), read_only=True) as duck:
        for name in DIMENSIONS:
            rows = duck.execute(f"SELECT text FROM {name}s ORDER BY code").fetchall()
            found[name] = ["unknown", *(text for (text,) in rows)]
    return found
