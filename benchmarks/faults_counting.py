"""What the fault run left behind, counted against the facts. Reads only, but for the last look.

Nothing is taken from what the run itself believes, but for two lists that it kept while it ran:
the moves that somebody was told are recorded, and the letters that arrived.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from accounts.models import Company, Notification
from accounts.selectors.news import sentence_of
from accounts.tenancy.context import company_context
from metrics.calc.calendar import Quarter, as_of_for, moment, status
from metrics.calc.figures import quarter_table
from metrics.calc.nothing import no_deals
from metrics.calc.segments import ALL
from metrics.calc.stored import changed_fields, from_json, keep_open_amount, to_json
from metrics.calc.stored_rows import SegmentRows
from metrics.models import Snapshot
from metrics.readers import read_rates, stages_of
from metrics.services.recompute import all_quarters, recompute_all
from metrics.services.recount import Facts, known_history, read_facts
from metrics.services.verifying import verify_snapshots
from pipeline.models import StageTransition

# A version is known by its number in its quarter; a row beside it says the figures of a segment.
_VERSIONS = """
    WITH rows AS (
        SELECT pipeline_id, quarter_start, segment, version, figures, cause,
               lag(figures) OVER w AS before
        FROM metrics_snapshot WHERE status = 'final'
        WINDOW w AS (PARTITION BY pipeline_id, quarter_start, segment ORDER BY version)
    )
    SELECT count(*), count(DISTINCT (pipeline_id, quarter_start, version)),
           count(*) FILTER (WHERE before = figures),
           count(*) FILTER (WHERE version > 1
               AND coalesce(jsonb_array_length(cause -> 'facts'), 0) = 0)
    FROM rows
"""
_GAPS = """
    SELECT coalesce(sum(top - n), 0) FROM (
        SELECT max(version) AS top, count(DISTINCT version) AS n
        FROM metrics_snapshot WHERE status = 'final' GROUP BY pipeline_id, quarter_start) q
"""
# By person and version, whatever the kind: one thing may not be told twice in two ways. What a
# person does not wish to hear (the review as a letter) is a row too, of which nothing is told.
_TOLD = """
    SELECT count(*), count(*) - count(DISTINCT (user_id, key))
    FROM accounts_notification WHERE shown OR mailing <> 'off'
"""
_UNTOLD = """
    SELECT count(*) FROM (
        SELECT DISTINCT pipeline_id, quarter_label, version FROM metrics_snapshot
        WHERE status = 'final' AND NOT imported) v
    CROSS JOIN accounts_membership m
    WHERE NOT EXISTS (
        SELECT FROM accounts_notification n WHERE n.user_id = m.user_id
          AND n.key = v.pipeline_id || ':' || v.quarter_label || ':' || v.version)
"""


@contextmanager
def inside(company_id: int) -> Iterator[None]:
    """One transaction in which the rows of this company can be seen."""
    with company_context(company_id), transaction.atomic():
        yield


def counted(
    *, company_id: int, acknowledged: Sequence[int], letters: Path, now: datetime
) -> dict[str, Any]:
    """Every figure that `benchmarks.faults.promises` asks for."""
    with inside(company_id):
        recorded = Counter(StageTransition.objects.values_list("id", flat=True))
        moves = Counter(acknowledged)
        rows, versions, doubled, without_cause = _row(_VERSIONS)
        (missing,) = _row(_GAPS)
        told, told_twice = _row(_TOLD)
        (untold,) = _row(_UNTOLD)
        wrong = wrong_rows(company_id=company_id, now=now)
        due, final = _quarters(company_id, now)
    verified = verify_snapshots(company_id=company_id)
    # Last, since it would mend what is wrong: what the product itself would write differently.
    again = recompute_all(company_id=company_id, now=now)
    return {
        "moves_lost": (moves - recorded).total(),
        "moves_doubled": (recorded - moves).total(),
        "final_quarters": final,
        "final_quarters_missing": due - final,
        "versions": versions,
        "final_rows": rows,
        "wrong_rows": len(wrong),
        "rows_to_rewrite": sum(one.written + one.removed for one in again),
        "wrong_versions": len({(one.quarter, one.version, one.segment) for one in verified.wrong}),
        "unproved_versions": len(verified.unproved),
        "examples": [*wrong[:3], *map(str, verified.wrong[:3])],
        "versions_doubled": doubled,
        "versions_missing": int(missing),
        "versions_without_cause": without_cause,
        "told": told,
        "told_twice": told_twice,
        "untold": untold,
        **letters_counted(company_id=company_id, letters=letters),
    }


def wrong_rows(*, company_id: int, now: datetime) -> list[str]:
    """The newest rows of every quarter that a recount of the whole history does not give.

    From the append-only facts, row by row: no cached path, no dirty mark and no digest is asked.
    The arithmetic is the product's, held against the golden company elsewhere.
    """
    company = Company.objects.get(pk=company_id)
    found = []
    pipelines = Snapshot.objects.values_list("pipeline_id", flat=True).distinct()
    for pipeline_id in sorted(pipelines):
        facts = read_facts(company=company, pipeline_id=pipeline_id)
        for quarter in all_quarters(company=company, now=now):
            found += _wrong_of(company, pipeline_id, facts, quarter, now)
    return found


def _wrong_of(
    company: Company, pipeline_id: int, facts: Facts, quarter: Quarter, now: datetime
) -> Iterator[str]:
    stages = stages_of(pipeline_id=pipeline_id)
    history = known_history(facts, cut=now, stages=stages, zone=None)
    as_of = as_of_for(quarter, company.settle_days, company.zone, now)
    table = quarter_table(
        history, quarter, moment(as_of, company.zone), read_rates(company=company)
    )
    expected = dict(SegmentRows(table))
    wanted = status(quarter, company.settle_days, company.zone, now)
    kept = Snapshot.objects.filter(pipeline_id=pipeline_id, quarter_start=quarter.start)
    rows = {row.segment: row for row in kept.order_by("version")}  # the newest stays
    closing = kept.filter(Snapshot.CLOSING).order_by("version")
    first = {row.segment: row.figures for row in closing}
    nothing = no_deals(stages=table.stages, days=table.days)
    for segment in sorted({ALL, *rows, *expected}):
        name = f"{quarter.label} {segment}"
        if segment not in rows:
            yield f"{name}: no row"
            continue
        row = rows[segment]
        figures = expected.get(segment, nothing)
        if row.version > 1 and segment in first:
            figures = keep_open_amount(figures, from_json(first[segment]))
        fields = changed_fields(row.figures, to_json(figures))
        if fields or row.status != wanted:
            yield f"{name} v{row.version}: {row.status} instead of {wanted}, {fields}"


def _quarters(company_id: int, now: datetime) -> tuple[int, int]:
    """How many quarters must be final by now, and how many are."""
    company = Company.objects.get(pk=company_id)
    due = [
        quarter
        for quarter in all_quarters(company=company, now=now)
        if status(quarter, company.settle_days, company.zone, now) == "final"
    ]
    final = Snapshot.objects.filter(status="final", segment=ALL, version=1)
    return len(due), final.values("quarter_start").distinct().count()


def letters_counted(*, company_id: int, letters: Path) -> dict[str, int]:
    """Letters that arrived against pieces of news that were to be mailed at once.

    As mailboxes count: copies of one Message-ID are one letter. How many copies came is told too.
    """
    lines = letters.read_text().splitlines() if letters.exists() else []
    copies = [tuple(json.loads(line)) for line in lines]
    arrived = Counter((to, subject) for to, subject, _message_id in set(copies))
    with inside(company_id):
        company = Company.objects.get(pk=company_id)
        # A letter's subject is "company: sentence", cut to 200 characters.
        due: Counter[tuple[str, str]] = Counter()
        for one in Notification.objects.filter(mailing="at_once").select_related("user"):
            subject = " ".join(f"{company.name}: {sentence_of(one.kind, one.values)}".split())
            due[(one.user.email, subject[:200])] += 1
    return {
        "letters": arrived.total(),
        "copies_of_a_letter": len(copies) - len(set(copies)),
        "letters_lost": (due - arrived).total(),
        "letters_doubled": (arrived - due).total(),
    }


def _row(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()
