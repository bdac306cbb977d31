"""Write a quarter's figures: replace running rows, freeze final ones, restate with the cause."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg import Cursor

from accounts.models import Company
from metrics.calc.calendar import Quarter
from metrics.calc.nothing import no_deals
from metrics.calc.segments import ALL
from metrics.calc.stored import (
    DEFINITIONS,
    StoredFigures,
    changed_fields,
    from_json,
    keep_open_amount,
    to_json,
)
from metrics.calc.stored_rows import SegmentRows
from metrics.calc.types import SnapshotStatus
from metrics.models import Snapshot
from metrics.services.causes import Cause, Known
from metrics.services.closing import was_recorded_before


@dataclass(frozen=True, slots=True)
class Computed:
    """One quarter of one pipeline, computed: segment -> figures, with all that they rest on."""

    pipeline_id: int
    quarter: Quarter
    status: SnapshotStatus
    first: bool
    as_of: datetime
    definitions: Mapping[str, Any]
    stages: Sequence[str]
    days: int
    figures: SegmentRows
    reopened: bool = False  # it ran on after a clock had closed it too early: this is its closing


@dataclass(frozen=True, slots=True)
class Published:
    """How many rows were written, replaced and removed; `restated` tells a new version."""

    written: int
    removed: int
    restated: bool


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    version: int
    status: str
    digest: str
    first: bool
    definitions: str


_NEWEST = """
    SELECT DISTINCT ON (segment) segment, id, version, status, digest, first, definitions::text
    FROM metrics_snapshot
    WHERE company_id = %s AND pipeline_id = %s AND quarter_start = %s
      AND (status = 'final') = %s
    ORDER BY segment, version DESC
"""
_INSERT = """
    INSERT INTO metrics_snapshot (company_id, pipeline_id, quarter_start, quarter_end,
        quarter_label, version, status, first, as_of, computed_at, definitions, cause, imported,
        known, segment, figures, digest)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, c::jsonb, %s,
           %s::jsonb, s, f::jsonb, d
    FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS t(s, f, d, c)
"""
_REPLACE = """
    UPDATE metrics_snapshot m
    SET figures = f::jsonb, digest = d, status = %s, first = %s, as_of = %s, computed_at = %s,
        definitions = %s::jsonb, quarter_end = %s, quarter_label = %s
    FROM unnest(%b::bigint[], %b::text[], %b::text[]) AS t(i, f, d)
    WHERE m.company_id = %s AND m.id = t.i
"""


def _text(figures: StoredFigures) -> str:
    return json.dumps(to_json(figures), separators=(",", ":"))


def publish(
    *,
    company: Company,
    computed: Computed,
    now: datetime,
    cause: Callable[[], Cause],
    known: Callable[[], Known] | None,
) -> Published:
    """Store what was computed. Writes nothing where nothing changed.

    Running and settling rows are replaced in place. A final row is never touched: a difference
    becomes the next version beside it, with the fields that differ and its `cause`, which is
    asked for only then, as is which facts it knows. `known` is None where `now` alone says that.
    """
    if computed.status == "final":
        return _publish_final(company, computed, now, cause, known)
    return _publish_running(company, computed, now)


def _newest(company: Company, computed: Computed, *, final: bool) -> dict[str, _Row]:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [company.pk, computed.pipeline_id, computed.quarter.start, final])
        return {segment: _Row(*row) for segment, *row in cursor.fetchall()}


def _digests(computed: Computed) -> Mapping[str, str]:
    """The fingerprints of the segments. Without a deal in play there still is `all`.

    A quarter in which nothing was open is still a quarter, and pages show it as such.
    """
    return computed.figures.digests or {ALL: computed.figures.digest_of_nothing}


def _made(computed: Computed, segments: Sequence[str]) -> dict[str, StoredFigures]:
    """The figures of these segments, of those not in play the figures of nothing."""
    found = computed.figures.several([s for s in segments if s in computed.figures])
    return {segment: found.get(segment) or _nothing(computed) for segment in segments}


def _running_version(company: Company, computed: Computed) -> int:
    """0; beside final rows of a clock that ran ahead the number of the closing to come."""
    final = Snapshot.objects.filter(
        company=company,
        pipeline_id=computed.pipeline_id,
        quarter_start=computed.quarter.start,
        status=Snapshot.Status.FINAL,
    )
    newest = final.order_by("-version").values_list("version", flat=True).first()
    return 0 if newest is None else newest + 1


def _publish_running(company: Company, computed: Computed, now: datetime) -> Published:
    newest = _newest(company, computed, final=False)
    digests = _digests(computed)
    wanted = dict(computed.definitions)
    # Rows of one quarter nearly always share one text: each text is read once.
    same_definitions = {
        text: json.loads(text) == wanted for text in {row.definitions for row in newest.values()}
    }

    def is_as_computed(row: _Row, digest: str) -> bool:
        kept, now_is = (
            (row.digest, row.status, row.first),
            (digest, computed.status, computed.first),
        )
        return kept == now_is and same_definitions[row.definitions]

    new = [segment for segment in digests if segment not in newest]
    stale = [
        segment
        for segment, digest in digests.items()
        if segment in newest and not is_as_computed(newest[segment], digest)
    ]
    texts = {s: _text(figures) for s, figures in _made(computed, [*new, *stale]).items()}
    if new:
        rows = [(s, texts[s], digests[s], "{}") for s in new]
        _insert(company, computed, now, _running_version(company, computed), rows)
    if stale:
        quarter = computed.quarter
        _write(
            _REPLACE,
            [
                computed.status,
                computed.first,
                computed.as_of,
                now,
                json.dumps(wanted, sort_keys=True),
                quarter.end,
                quarter.label,
                [newest[segment].id for segment in stale],
                [texts[segment] for segment in stale],
                [digests[segment] for segment in stale],
                company.pk,
            ],
        )
    gone = [row.id for segment, row in newest.items() if segment not in digests]
    if gone:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM metrics_snapshot WHERE company_id = %s AND id = ANY(%s)",
                [company.pk, gone],
            )
    return Published(len(texts), len(gone), restated=False)


def _publish_final(
    company: Company,
    computed: Computed,
    now: datetime,
    cause: Callable[[], Cause],
    known: Callable[[], Known] | None,
) -> Published:
    final = _newest(company, computed, final=True)
    digests = _digests(computed)
    removed = 0
    if not final or computed.reopened:
        # The rows of its running time have done their work.
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM metrics_snapshot WHERE company_id = %s AND pipeline_id = %s"
                " AND quarter_start = %s AND status <> 'final'",
                [company.pk, computed.pipeline_id, computed.quarter.start],
            )
            removed = cursor.rowcount
    if not final:
        imported = (
            not removed
            and (now - computed.as_of).days >= 1
            # A worker that was down all the time has written nothing; people have.
            and not was_recorded_before(
                company=company, pipeline_id=computed.pipeline_id, instant=computed.as_of
            )
        )
        figures = _made(computed, list(digests))
        rows = [(segment, _text(figures[segment]), digests[segment], "{}") for segment in digests]
        _insert(company, computed, now, 1, rows, imported=imported, known=known)
        return Published(len(rows), removed, restated=False)

    texts = {row.definitions for row in final.values()}
    if any(json.loads(text)["definitions"] != DEFINITIONS for text in texts):
        # New definitions restate only on request (docs/metrics.md, Snapshots).
        return Published(0, removed, restated=False)
    nothing = computed.figures.digest_of_nothing
    differing = sorted(
        segment
        for segment in {*digests, *final}
        if segment not in final or final[segment].digest != digests.get(segment, nothing)
    )
    changed = _restatements(company, computed, final, differing, cause) if differing else []
    version = max(row.version for row in final.values()) + 1
    _insert(company, computed, now, version, changed, known=known)
    return Published(len(changed), removed, restated=bool(changed))


def _restatements(
    company: Company,
    computed: Computed,
    final: Mapping[str, _Row],
    segments: Sequence[str],
    cause: Callable[[], Cause],
) -> list[tuple[str, str, str, str]]:
    """The rows (segment, figures, digest, cause) of those segments whose figures differ.

    A digest that differs is only a reason to look: figures that agree restate nothing.
    """
    made = _made(computed, segments)
    stored = _figures_of(company, [final[s].id for s in segments if s in final])
    first_open = {} if computed.reopened else _first_open_amounts(company, computed, segments)
    digests = computed.figures.digests
    rows: list[tuple[str, str, str, str]] = []
    told: dict[str, Any] = {}
    for segment in segments:
        figures = made[segment]
        if segment in first_open:
            figures = keep_open_amount(figures, first_open[segment])
        was = stored[final[segment].id] if segment in final else to_json(_nothing(computed))
        text = _text(figures)
        fields = changed_fields(was, json.loads(text))
        if fields:
            told = told or {**cause().as_json(), "reopened": computed.reopened}
            digest = digests.get(segment, computed.figures.digest_of_nothing)
            rows.append((segment, text, digest, json.dumps({**told, "fields": fields})))
    return rows


def _insert(
    company: Company,
    computed: Computed,
    now: datetime,
    version: int,
    rows: list[tuple[str, str, str, str]],
    *,
    imported: bool = False,
    known: Callable[[], Known] | None = None,
) -> None:
    if not rows:
        return
    quarter = computed.quarter
    _write(
        _INSERT,
        [
            company.pk,
            computed.pipeline_id,
            quarter.start,
            quarter.end,
            quarter.label,
            version,
            computed.status,
            computed.first,
            computed.as_of,
            now,
            json.dumps(dict(computed.definitions), sort_keys=True),
            imported,
            json.dumps(known().as_json() if known else {}),
            *(list(column) for column in zip(*rows, strict=True)),
        ],
    )


def _write(statement: str, parameters: Sequence[object]) -> None:
    """Execute with the lists as binary arrays.

    Django's cursor writes parameters into the text of the statement, which for JSON means an
    escape before every quotation mark, twice.
    """
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=False)


def _figures_of(company: Company, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    found = Snapshot.objects.filter(company=company, pk__in=ids)
    return dict(found.values_list("id", "figures"))


def _first_open_amounts(
    company: Company, computed: Computed, segments: Sequence[str]
) -> dict[str, StoredFigures]:
    """The version in which the quarter closed: `amount_open_at_end` stays as it was in it."""
    rows = Snapshot.objects.filter(
        Snapshot.CLOSING,
        company=company,
        pipeline_id=computed.pipeline_id,
        quarter_start=computed.quarter.start,
        segment__in=segments,
    ).order_by("version")  # of two closings the later one holds
    return {
        segment: from_json(figures) for segment, figures in rows.values_list("segment", "figures")
    }


def _nothing(computed: Computed) -> StoredFigures:
    """The figures of a segment without a deal in play: counts and sums of nothing."""
    return no_deals(stages=computed.stages, days=computed.days)
