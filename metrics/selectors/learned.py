"""What the team has learned and does, named by its rows: the same mark, the same answers.

A page that asks a dozen small questions about findings, danger points and changes can ask this
one instead, and hand out what it answered the last time while nothing has changed.
"""

from datetime import date

from django.db import connection

from accounts.models import Company

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
_SNAPSHOT = """
    (SELECT id || '.' || xmin || ctid FROM metrics_snapshot
     WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s AND segment = 'all'
       AND quarter_start = %(start)s
     ORDER BY version DESC LIMIT 1)
"""
_MARK = "SELECT " + ", ".join(
    [*(_ROWS.format(table=table) for table in _TABLES), _PEOPLE, _SNAPSHOT]
)


def learned_mark(*, company: Company, pipeline_id: int, start: date) -> tuple[str | None, ...]:
    """A name for all rows that findings, coverage, danger points and marks of `all` deals are made
    of, in the quarter that begins on `start`: one query. A segment's also depend on its deals."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK, {"company": company.pk, "pipeline": pipeline_id, "start": start})
        row: tuple[str | None, ...] = cursor.fetchone()
    return row
