"""What is left to do, and who does it now."""

import os
import socket
from datetime import date, datetime, timedelta

from django.db import connection

# The next local midnight is at most 25 hours away. What is due later than this was written by a
# clock that ran ahead and was set back since: waiting for it would mean waiting for that clock.
_FAR = timedelta(days=2)
_BEHIND = """
    SELECT company_id, quarter_start FROM pipeline_dirtyquarter
    WHERE (gen > done_gen OR due_at <= %(now)s OR due_at > %(far)s)
      AND (%(company)s::bigint IS NULL OR company_id = %(company)s)
    ORDER BY company_id, quarter_start
"""
_SKEW = timedelta(minutes=1)  # by which the clocks of two machines may differ
_LEASE = """
    INSERT INTO metrics_lease (name, holder, expires_at, last_run_at)
    VALUES (%(name)s, %(holder)s, %(until)s, %(now)s)
    ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, expires_at = excluded.expires_at, last_run_at = %(now)s
    WHERE metrics_lease.expires_at <= %(now)s
       OR metrics_lease.expires_at > %(void)s
"""


def behind(*, now: datetime, company_id: int | None = None) -> list[tuple[int, date]]:
    """The quarters whose figures may be stale, of one company or of all."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"now": now, "far": now + _FAR, "company": company_id})
        return [(row[0], row[1]) for row in cursor.fetchall()]


def is_due(due_at: datetime | None, now: datetime) -> bool:
    """Does the calendar alone make a quarter stale, as `behind` sees it?"""
    return due_at is not None and not now < due_at <= now + _FAR


def companies() -> list[int]:
    """Every company that has a history: who may have experiments."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT company_id FROM pipeline_dirtyquarter ORDER BY company_id")
        return [row[0] for row in cursor.fetchall()]


def leased(*, name: str, seconds: int, now: datetime) -> bool:
    """Take the lease of a periodic job: True for one caller until it expires.

    A lease that lasts longer than it can comes from a clock that was set back since: it is void.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LEASE,
            {
                "name": name,
                "holder": f"{socket.gethostname()}:{os.getpid()}",
                "until": now + timedelta(seconds=seconds),
                "void": now + timedelta(seconds=seconds) + _SKEW,
                "now": now,
            },
        )
        return bool(cursor.rowcount == 1)
