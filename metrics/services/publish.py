"""Write a quarter's figures: replace running rows, freeze final ones, restate with the cause."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

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
from metrics.calc.types import SnapshotStatus
from metrics.models import Snapshot
from metrics.services.causes import Cause


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
    figures: Mapping[str, StoredFigures]


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
    ORDER BY segment, version DESC
"""
_INSERT = """
    INSERT INTO metrics_snapshot (company_id, pipeline_id, quarter_start, quarter_end,
        quarter_label, version, status, first, as_of, computed_at, definitions, cause, imported,
        segment, figures, digest)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, c::jsonb, %s, s, f::jsonb, d
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS t(s, f, d, c)
"""
_REPLACE = """
    UPDATE metrics_snapshot m
    SET figures = f::jsonb, digest = d, status = %s, first = %s, as_of = %s, computed_at = %s,
        definitions = %s::jsonb, quarter_end = %s, quarter_label = %s
    FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS t(i, f, d)
    WHERE m.company_id = %s AND m.id = t.i
"""


def text_of(figures: StoredFigures) -> str:
    """The figures as the JSON text that is stored and whose digest tells a change."""
    return json.dumps(to_json(figures), separators=(",", ":"), sort_keys=True)


def digest_of(text: str) -> str:
    """A short fingerprint of stored figures; not a security measure."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def publish(
    *, company: Company, computed: Computed, now: datetime, cause: Callable[[], Cause]
) -> Published:
    """Store what was computed. Writes nothing where nothing changed.

    Running and settling rows (version 0) are replaced in place. A final row is never touched: a
    difference becomes the next version beside it, with the fields that differ and its `cause`,
    which is asked for only then.
    """
    if ALL not in computed.figures:
        # A quarter in which nothing was open is still a quarter, and pages show it as such.
        figures = {ALL: _nothing(computed), **computed.figures}
        computed = replace(computed, figures=figures)
    newest = _newest(company, computed)
    if computed.status == "final":
        return _publish_final(company, computed, newest, now, cause)
    return _publish_running(company, computed, newest, now)


def _newest(company: Company, computed: Computed) -> dict[str, _Row]:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [company.pk, computed.pipeline_id, computed.quarter.start])
        return {segment: _Row(*row) for segment, *row in cursor.fetchall()}


def _publish_running(
    company: Company, computed: Computed, newest: dict[str, _Row], now: datetime
) -> Published:
    definitions = json.dumps(dict(computed.definitions), sort_keys=True)
    added: list[tuple[str, str, str]] = []
    replaced: list[tuple[int, str, str]] = []
    for segment, figures in computed.figures.items():
        text = text_of(figures)
        digest = digest_of(text)
        row = newest.get(segment)
        if row is None:
            added.append((segment, text, digest))
        elif (row.digest, row.status, row.first) != (digest, computed.status, computed.first) or (
            json.loads(row.definitions) != dict(computed.definitions)
        ):
            replaced.append((row.id, text, digest))
    gone = [row.id for segment, row in newest.items() if segment not in computed.figures]
    _insert(company, computed, now, 0, False, [(*row, "{}") for row in added])
    quarter = computed.quarter
    with connection.cursor() as cursor:
        if replaced:
            cursor.execute(
                _REPLACE,
                [
                    computed.status,
                    computed.first,
                    computed.as_of,
                    now,
                    definitions,
                    quarter.end,
                    quarter.label,
                    *(list(column) for column in zip(*replaced, strict=True)),
                    company.pk,
                ],
            )
        if gone:
            cursor.execute(
                "DELETE FROM metrics_snapshot WHERE company_id = %s AND id = ANY(%s)",
                [company.pk, gone],
            )
    return Published(len(added) + len(replaced), len(gone), restated=False)


def _publish_final(
    company: Company,
    computed: Computed,
    newest: dict[str, _Row],
    now: datetime,
    cause: Callable[[], Cause],
) -> Published:
    final = {segment: row for segment, row in newest.items() if row.status == "final"}
    if not final:
        # The first final version; the rows of its running time have done their work.
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM metrics_snapshot WHERE company_id = %s AND pipeline_id = %s"
                " AND quarter_start = %s AND version = 0",
                [company.pk, computed.pipeline_id, computed.quarter.start],
            )
            removed = cursor.rowcount
        imported = not newest and (now - computed.as_of).days >= 1
        texts = [(segment, text_of(figures)) for segment, figures in computed.figures.items()]
        rows = [(segment, text, digest_of(text), "{}") for segment, text in texts]
        _insert(company, computed, now, 1, imported, rows)
        return Published(len(rows), removed, restated=False)

    if any(json.loads(row.definitions)["definitions"] != DEFINITIONS for row in final.values()):
        # New definitions restate only on request (docs/metrics.md, Snapshots).
        return Published(0, 0, restated=False)
    first_open = _first_open_amounts(company, computed)
    version = max(row.version for row in final.values()) + 1
    changed: list[tuple[str, str, str, str]] = []
    told: dict[str, Any] = {}
    for segment in sorted({*computed.figures, *final}):
        figures = computed.figures.get(segment) or _nothing(computed)
        if segment in first_open:
            figures = keep_open_amount(figures, first_open[segment])
        text = text_of(figures)
        digest = digest_of(text)
        row = final.get(segment)
        if row is not None and row.digest == digest:
            continue
        was = _figures_of(company, row.id) if row is not None else to_json(_nothing(computed))
        differing = changed_fields(was, json.loads(text))
        if differing:
            told = told or cause().as_json()
            why = {**told, "fields": differing}
            changed.append((segment, text, digest, json.dumps(why)))
    _insert(company, computed, now, version, False, changed)
    return Published(len(changed), 0, restated=bool(changed))


def _insert(
    company: Company,
    computed: Computed,
    now: datetime,
    version: int,
    imported: bool,
    rows: list[tuple[str, str, str, str]],
) -> None:
    if not rows:
        return
    quarter = computed.quarter
    with connection.cursor() as cursor:
        cursor.execute(
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
                *(list(column) for column in zip(*rows, strict=True)),
            ],
        )


def _figures_of(company: Company, snapshot_id: int) -> dict[str, Any]:
    figures: dict[str, Any] = Snapshot.objects.values_list("figures", flat=True).get(
        company=company, pk=snapshot_id
    )
    return figures


def _first_open_amounts(company: Company, computed: Computed) -> dict[str, StoredFigures]:
    """The quarter's first final version: `amount_open_at_end` stays as it was in it."""
    rows = Snapshot.objects.filter(
        company=company,
        pipeline_id=computed.pipeline_id,
        quarter_start=computed.quarter.start,
        version=1,
    ).values_list("segment", "figures")
    return {segment: from_json(figures) for segment, figures in rows}


def _nothing(computed: Computed) -> StoredFigures:
    """The figures of a segment without a deal in play: counts and sums of nothing."""
    return no_deals(stages=computed.stages, days=computed.days)
