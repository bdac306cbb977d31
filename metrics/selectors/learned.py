"""What the team has learned and does, named by its rows: the same mark, the same answers.

A page that asks a dozen small questions about findings, danger points and changes can ask this
one instead, and hand out what it answered the last time while nothing has changed.
"""

from datetime import date

from django.db import connection

from accounts.models import Company
from metrics.calc.segments import ALL

_TABLES = (
    "metrics_finding",
    "metrics_findingdeal",
    "metrics_dangerpoint",
    "metrics_recordedchange",
    "metrics_experiment",
    "pipeline_stage",
    "pipeline_pipeline",
    "pipeline_theme",
)
# Every version of a row has a place and a transaction of its own, so that no change is missed.
_ROWS = """
    (SELECT md5(string_agg(t.id || '.' || t.xmin || t.ctid, ',' ORDER BY t.id))
     FROM {table} t WHERE t.company_id = %(company)s)
"""
_PEOPLE = """
    (SELECT md5(string_agg(u.id || '.' || u.name || u.email, ',' ORDER BY u.id))
     FROM accounts_user u
     WHERE u.id IN (SELECT author_id FROM metrics_finding WHERE company_id = %(company)s)
        OR u.id IN (SELECT owner_id FROM metrics_dangerpoint WHERE company_id = %(company)s))
"""
# Whether a finding is in a segment, its deals decide, by the names in the catalogues.
_CATALOGUES = ("pipeline_source", "pipeline_product", "pipeline_rep", "pipeline_team")
_DEALS = """
    (SELECT md5(string_agg(d.id || '.' || d.xmin || d.ctid, ',' ORDER BY d.id))
     FROM pipeline_deal d
     WHERE d.company_id = %(company)s
       AND d.id IN (SELECT deal_id FROM metrics_findingdeal WHERE company_id = %(company)s))
"""
_SNAPSHOT = """
    (SELECT id || '.' || xmin || ctid FROM metrics_snapshot
     WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s AND segment = 'all'
       AND quarter_start = %(start)s
     ORDER BY version DESC LIMIT 1)
"""
_MARK = "SELECT " + ", ".join(
    [*(_ROWS.format(table=table) for table in _TABLES), _PEOPLE, _SNAPSHOT]
)
_MARK_OF_SEGMENT = ", ".join([_MARK, *(_ROWS.format(table=table) for table in _CATALOGUES), _DEALS])


def learned_mark(
    *, company: Company, pipeline_id: int, start: date, segment: str
) -> tuple[str | None, ...]:
    """A name for all rows that findings, coverage, danger points and marks of a segment are made
    of, in the quarter that begins on `start`: one query."""
    mark = _MARK if segment == ALL else _MARK_OF_SEGMENT
    with connection.cursor() as cursor:
        cursor.execute(mark, {"company": company.pk, "pipeline": pipeline_id, "start": start})
        row: tuple[str | None, ...] = cursor.fetchone()
    return row
