"""Who stands behind which version of a quarter, and what was restated since."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from accounts.models import Company
from metrics.calc.sealing import Sealed, seal
from metrics.models import SignOff, Snapshot

_LATER = """
    SELECT quarter_start, version, min(computed_at), count(*)
    FROM metrics_snapshot
    WHERE company_id = %s AND pipeline_id = %s AND version > 1 AND status = 'final'
      AND (%s::date IS NULL OR quarter_start = %s)
    GROUP BY quarter_start, version ORDER BY quarter_start, version
"""
_NAMED = """
    SELECT s.segment, s.version, s.id
    FROM metrics_snapshot s
    JOIN unnest(%s::text[], %s::int[]) AS n(segment, version)
      ON n.segment = s.segment AND n.version = s.version
    WHERE s.company_id = %s AND s.pipeline_id = %s AND s.quarter_start = %s
"""


@dataclass(frozen=True, slots=True)
class RestatedSince:
    """A version that came after a signature, and how many segments it changed."""

    version: int
    at: datetime
    segments: int


@dataclass(frozen=True, slots=True)
class SignedOff:
    """One signature with its countersignature. Instants are on the company's clock.

    `version` is the version of the quarter that was signed: the address that shows it says v=.
    `restated` are the versions since; empty while the signature stands behind the newest.
    """

    id: int
    quarter_start: date
    quarter_label: str
    version: int
    digest: str
    by_id: int | None
    by: str
    at: datetime
    comment: str
    countersigned_by_id: int | None
    countersigned_by: str
    countersigned_at: datetime | None
    countersigned_comment: str
    restated: tuple[RestatedSince, ...]


def sign_offs_of(
    *, company: Company, pipeline_id: int, quarter_start: date | None = None
) -> dict[date, tuple[SignedOff, ...]]:
    """Every signature of a pipeline's quarters (or of one), the newest of each first.

    Two queries, whatever the number of quarters.
    """
    rows = SignOff.objects.filter(pipeline_id=pipeline_id)
    if quarter_start is not None:
        rows = rows.filter(quarter_start=quarter_start)
    signed = list(rows.select_related("by").order_by("-at", "-pk"))
    second = {row.countersigns_id: row for row in signed if row.countersigns_id is not None}
    later: dict[date, list[RestatedSince]] = {}
    if signed:
        with connection.cursor() as cursor:
            cursor.execute(_LATER, [company.pk, pipeline_id, quarter_start, quarter_start])
            for start, version, at, segments in cursor.fetchall():
                at = at.astimezone(company.zone)
                later.setdefault(start, []).append(RestatedSince(version, at, segments))
    found: dict[date, list[SignedOff]] = {}
    for row in signed:
        if row.kind == SignOff.Kind.SIGNED:
            start = row.quarter_start
            of = _signed(row, second.get(row.pk), later.get(start, []), company)
            found.setdefault(start, []).append(of)
    return {start: tuple(rows) for start, rows in found.items()}


def _signed(
    row: SignOff, second: SignOff | None, later: list[RestatedSince], company: Company
) -> SignedOff:
    version = signed_version(row.versions)
    return SignedOff(
        id=row.pk,
        quarter_start=row.quarter_start,
        quarter_label=row.quarter_label,
        version=version,
        digest=row.digest,
        by_id=row.by_id,
        by=shown_name(row),
        at=row.at.astimezone(company.zone),
        comment=row.comment,
        countersigned_by_id=second.by_id if second else None,
        countersigned_by=shown_name(second) if second else "",
        countersigned_at=second.at.astimezone(company.zone) if second else None,
        countersigned_comment=second.comment if second else "",
        restated=tuple(one for one in later if one.version > version),
    )


def shown_name(row: SignOff) -> str:
    """Who signed, by the name that people know; as it was recorded where the user has gone."""
    return str(row.by) if row.by is not None else row.by_label


def signed_version(versions: Mapping[str, int]) -> int:
    """Which version of the quarter a signature names: a restatement keeps what it left alone."""
    return max(versions.values(), default=0)


def newest_rows(*, company: Company, pipeline_id: int, quarter_start: date) -> list[Snapshot]:
    """The newest final row of each segment of a quarter."""
    return list(
        Snapshot.objects.filter(
            company=company,
            pipeline_id=pipeline_id,
            quarter_start=quarter_start,
            status=Snapshot.Status.FINAL,
        )
        .order_by("segment", "-version")
        .distinct("segment")
    )


def named_rows(*, company: Company, sign_off: SignOff) -> list[Snapshot]:
    """The rows that a signature names, as far as they are there."""
    segments, versions = list(sign_off.versions), list(sign_off.versions.values())
    with connection.cursor() as cursor:
        cursor.execute(
            _NAMED,
            [segments, versions, company.pk, sign_off.pipeline_id, sign_off.quarter_start],
        )
        ids = [row[2] for row in cursor.fetchall()]
    return list(Snapshot.objects.filter(company=company, pk__in=ids))


def seal_of(quarter_label: str, rows: list[Snapshot]) -> str:
    """The hash over these rows, as a signature keeps it."""
    return seal(
        quarter_label,
        [Sealed(r.segment, r.version, r.as_of, r.definitions, r.figures) for r in rows],
    )
