"""The history of a loaded transitions.csv: resolved, inserted, and packed into the deals."""

from datetime import date
from itertools import groupby
from operator import itemgetter

from django.db import connection

from accounts.models import Company
from pipeline import paths
from pipeline.models import StageTransition
from pipeline.services import bulk
from pipeline.services.load_dimensions import SPACES, Unfit

_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"

# The packed history of one deal: see pipeline/paths.py for the record.
PACKED = """
    string_agg(
        int8send(CAST(extract(epoch FROM occurred_at) * 1000000 AS bigint))
        || int4send(occurred_on - DATE '1970-01-01') || int4send(CAST(to_stage_id AS integer)),
        ''::bytea ORDER BY occurred_at, id
    )
"""

# The usual form is told apart by LIKE, which costs a tenth of the pattern; what is only shaped
# like an instant fails at the cast.
_NO_INSTANT = """
    ({0} IS NULL OR ({0} NOT LIKE '____-__-__T__:__:__Z' AND btrim({0}, %(spaces)s) !~ %(instant)s))
"""
_CHECK = (
    "SELECT coalesce(bool_or(id IS NULL OR id <= 0 OR deal_id IS NULL), false),"  # noqa: S608
    " coalesce(bool_or("
    + " OR ".join(map(_NO_INSTANT.format, ("occurred_at", "recorded_at")))
    + "), false) FROM load_moves"
)

# The session's time zone is the company's here, so that the cast to a date gives its local day.
_RESOLVE = """
    CREATE TEMPORARY TABLE load_rows ON COMMIT DROP AS
    SELECT id, deal_id, from_stage_id, to_stage_id, occurred_at,
           CAST(occurred_at AS date) AS occurred_on, recorded_at, replaces_id,
           CAST(row_number() OVER (PARTITION BY deal_id ORDER BY id) AS integer) AS number
    FROM (
        SELECT m.new_id AS id, d.new_id AS deal_id, f.id AS from_stage_id, t.id AS to_stage_id,
               CAST(m.occurred_at AS timestamptz) AS occurred_at,
               CAST(m.recorded_at AS timestamptz) AS recorded_at, r.new_id AS replaces_id
        FROM load_moves m
        JOIN (
            SELECT d.id, d.new_id, p.id AS pipeline_id FROM load_deals d JOIN load_pipelines p
            ON p.name = coalesce(nullif(btrim(d.pipeline, %(spaces)s), ''), %(pipeline)s)
        ) AS d ON d.id = m.deal_id
        LEFT JOIN load_stage_cells f ON f.pipeline_id = d.pipeline_id AND f.raw = m.from_stage
        LEFT JOIN load_stage_cells t ON t.pipeline_id = d.pipeline_id AND t.raw = m.to_stage
        LEFT JOIN (
            SELECT id, deal_id, new_id FROM load_moves
            WHERE id IN (SELECT replaces FROM load_moves WHERE replaces IS NOT NULL)
        ) AS r ON r.id = m.replaces AND r.deal_id = m.deal_id AND r.id < m.id
        WHERE (f.id IS NOT NULL OR coalesce(btrim(m.from_stage, %(spaces)s), '') = '')
          AND (t.id IS NOT NULL OR coalesce(btrim(m.to_stage, %(spaces)s), '') = '')
          AND (r.id IS NOT NULL OR m.replaces IS NULL)
          AND (t.id IS NOT NULL OR m.replaces IS NOT NULL)
    ) AS known
"""


def resolve_moves(company: Company, *, expected: int) -> None:
    """Turn load_moves into load_rows: our ids, instants, local days, running numbers.

    Raises Unfit where a row names a deal, stage or row that is not there, or breaks a rule.
    """
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX ON load_moves (id)")  # raises on a repeated id
        _in_order_of_the_file(cursor)
        cursor.execute("ANALYZE load_moves")
        cursor.execute(_CHECK, {"spaces": SPACES, "instant": _INSTANT})
        no_id, no_instant = cursor.fetchone()
        if no_id or no_instant:
            raise Unfit("an id or an instant of a transition is not one")
        _stage_cells(cursor)
        cursor.execute("SELECT name FROM load_pipelines ORDER BY id LIMIT 1")
        (pipeline,) = cursor.fetchone()
        cursor.execute("SELECT set_config('timezone', %s, true)", [company.timezone])
        cursor.execute(_RESOLVE, {"spaces": SPACES, "pipeline": pipeline})
        resolved = cursor.rowcount
        cursor.execute("SELECT set_config('timezone', 'UTC', true)")
        if resolved != expected:
            raise Unfit("a transition names a deal, a stage or a row that is not there")
        cursor.execute("ANALYZE load_rows")
        cursor.execute(
            "SELECT coalesce(bool_or(occurred_at < '1970-01-02Z' OR occurred_at >= '2200-01-01Z'"
            " OR recorded_at < '1970-01-02Z' OR recorded_at >= '2200-01-01Z'), false)"
            " FROM load_rows"
        )
        if cursor.fetchone()[0]:
            raise Unfit("an instant lies before 1970 or after 2200")


def _in_order_of_the_file(cursor: object) -> None:
    """Ids tell the order of moves of one instant, so ours must rise with those of the file."""
    execute = cursor.execute  # type: ignore[attr-defined]
    execute(
        "SELECT coalesce(bool_and(new_id - id = (SELECT new_id - id FROM load_moves LIMIT 1)),"
        " true) FROM load_moves"
    )
    if cursor.fetchone()[0]:  # type: ignore[attr-defined]
        return  # running numbers, as most files have
    execute(
        "SELECT coalesce(bool_or(id < before), false) FROM"
        " (SELECT id, lag(id) OVER (ORDER BY new_id) AS before FROM load_moves) AS pairs"
    )
    if cursor.fetchone()[0]:  # type: ignore[attr-defined]
        execute(
            "UPDATE load_moves m SET new_id = sorted.new_id FROM ("
            " SELECT by_id.id, by_new.new_id"
            " FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM load_moves) AS by_id"
            " JOIN (SELECT new_id, row_number() OVER (ORDER BY new_id) AS n FROM load_moves)"
            " AS by_new USING (n)) AS sorted WHERE sorted.id = m.id"
        )


def _stage_cells(cursor: object) -> None:
    """Every text that stands for a stage, spaces around it or not, and the stage it means."""
    execute = cursor.execute  # type: ignore[attr-defined]
    execute(
        "CREATE TEMPORARY TABLE load_stage_cells ON COMMIT DROP AS"
        " SELECT s.pipeline_id, cells.raw, s.id FROM load_stages s JOIN ("
        " SELECT DISTINCT to_stage AS raw FROM load_moves UNION"
        " SELECT DISTINCT from_stage FROM load_moves) AS cells"
        " ON btrim(cells.raw, %s) = s.name",
        [SPACES],
    )
    execute("ANALYZE load_stage_cells")


def insert_moves(company: Company) -> None:
    """Append load_rows to the transitions, in the order of the file's ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO pipeline_stagetransition (id, company_id, deal_id, number,"
            " from_stage_id, to_stage_id, occurred_at, occurred_on, recorded_at, origin,"
            " replaces_id, reason)"
            " SELECT id, %s, deal_id, number, from_stage_id, to_stage_id, occurred_at,"
            " occurred_on, recorded_at, %s, replaces_id, '' FROM load_rows ORDER BY id",
            [company.pk, StageTransition.Origin.LOAD],
        )


def pack_paths() -> None:
    """From load_rows: load_paths, with each deal's packed effective history and what it says."""
    bulk.temporary_table("load_void", "id bigint PRIMARY KEY")
    bulk.copy_rows("load_void", ["id"], [(row_id,) for row_id in _void_rows()])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE load_void")
        cursor.execute(
            f"""
            CREATE TEMPORARY TABLE load_paths ON COMMIT DROP AS
            SELECT deal_id, packed,
                   DATE '1970-01-01' + {_integer("packed", "9")} AS opened_on,
                   DATE '1970-01-01' + {_integer("packed", "length(packed) - 7")} AS entered_on,
                   {_integer("packed", "length(packed) - 3")} AS stage_id,
                   moves
            FROM (
                SELECT deal_id, {PACKED} FILTER (WHERE holds) AS packed, count(*) AS moves
                FROM (
                    SELECT r.*, r.to_stage_id IS NOT NULL AND v.id IS NULL AS holds
                    FROM load_rows r LEFT JOIN load_void v ON v.id = r.id
                ) AS rows
                GROUP BY deal_id
            ) AS deals
            """  # noqa: S608
        )
        cursor.execute("ANALYZE load_paths")


def insert_deals(company: Company, *, system: str) -> None:
    """Insert the deals with all that they cache of their effective history."""
    pack_paths()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO pipeline_deal (id, company_id, pipeline_id, name, customer_id, rep_id,
                product_id, source_id, amount, currency, lost_reason_id, competitor_id,
                external_system, external_id, path_known, version, stage_id, outcome, opened_on,
                closed_on, stage_entered_on, path, won_reason, next_step)
            SELECT d.new_id, %(company)s, p.id, btrim(d.name, %(spaces)s), c.id, r.id, pr.id, s.id,
                CAST(nullif(btrim(d.amount, %(spaces)s), '') AS numeric),
                coalesce(nullif(btrim(d.currency, %(spaces)s), ''), %(currency)s), lr.id, co.id,
                %(system)s, CAST(d.id AS text),
                coalesce(btrim(d.path, %(spaces)s), '') <> 'unknown',
                greatest(h.moves, 1), h.stage_id, coalesce(st.kind, ''), h.opened_on,
                CASE WHEN st.kind <> 'open' THEN h.entered_on END, h.entered_on,
                coalesce(h.packed, ''::bytea), '', ''
            FROM load_deals d
            JOIN load_pipelines p
                ON p.name = coalesce(
                    nullif(btrim(d.pipeline, %(spaces)s), ''),
                    (SELECT name FROM load_pipelines ORDER BY id LIMIT 1))
            LEFT JOIN load_paths h ON h.deal_id = d.new_id
            LEFT JOIN load_stages st ON st.id = h.stage_id
            LEFT JOIN load_customers c ON c.name = btrim(d.account, %(spaces)s)
            LEFT JOIN load_reps r ON r.raw = d.rep
            LEFT JOIN load_products pr ON pr.raw = d.product
            LEFT JOIN load_sources s ON s.raw = d.source
            LEFT JOIN load_reasons lr ON lr.raw = d.lost_reason
            LEFT JOIN load_competitors co ON co.raw = d.competitor
            ORDER BY d.new_id
            """,
            {
                "company": company.pk,
                "spaces": SPACES,
                "currency": company.currency,
                "system": system,
            },
        )


def first_day() -> date | None:
    """The day of the earliest transition that was loaded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(occurred_on) FROM load_rows")
        day: date | None = cursor.fetchone()[0]
        return day


def _void_rows() -> list[int]:
    """Rows that do not hold: replaced ones, and corrections that lost to a later one.

    Only the families of corrections come to Python, where the one rule for them lives, and only
    some deals at a time: as objects the rows of a large history would take a gigabyte.
    """
    void: list[int] = []
    with connection.wrap_database_errors, connection.connection.cursor(name="load_family") as rows:
        rows.itersize = 5_000
        rows.execute(
            "SELECT deal_id, id, to_stage_id, occurred_at, occurred_on, replaces_id FROM load_rows"
            " WHERE replaces_id IS NOT NULL"
            " OR id IN (SELECT replaces_id FROM load_rows WHERE replaces_id IS NOT NULL)"
            " ORDER BY deal_id"
        )
        for _, of_deal in groupby(rows, key=itemgetter(0)):
            family = [paths.Row(*row[1:]) for row in of_deal]
            holding = {row.id for row in paths.effective(family)}
            void += [row.id for row in family if row.id not in holding]
    return void


def _integer(packed: str, start: str) -> str:
    """SQL: the 32-bit number that begins at byte `start` (from 1) of a packed history.

    Days and ids are far below 2^31, so no sign has to be minded.
    """
    parts = " + ".join(f"(get_byte({packed}, {start} - 1 + {n}) << {24 - 8 * n})" for n in range(4))
    return f"({parts})"
