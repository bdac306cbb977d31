"""Who and what caused a restatement: facts and settings recorded since the version before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import Company

_LISTED = 50
# The attributes that a stored figure or a segment rests on; a next step changes no number.
COUNTED = (
    "amount",
    "currency",
    "rep_id",
    "product_id",
    "source_id",
    "lost_reason_id",
    "path_known",
)
_FACTS = """
    SELECT 'move' AS what, t.id, t.deal_id, d.name, t.occurred_at, t.recorded_at,
           coalesce(u.email, t.origin) AS who
    FROM pipeline_stagetransition t
    JOIN pipeline_deal d ON d.company_id = t.company_id AND d.id = t.deal_id
    LEFT JOIN accounts_user u ON u.id = t.recorded_by_id
    WHERE t.company_id = %(company)s AND (t.recorded_at > %(since)s OR t.id > %(moves)s)
      AND (%(until)s::timestamptz IS NULL OR t.recorded_at <= %(until)s)
      AND (t.occurred_at < %(as_of)s OR t.replaces_id IN (
           SELECT r.id FROM pipeline_stagetransition r
           WHERE r.company_id = %(company)s AND r.occurred_at < %(as_of)s))
    UNION ALL
    SELECT 'change of ' || c.field, c.id, c.deal_id, d.name, c.changed_at, c.changed_at,
           coalesce(u.email, c.origin)
    FROM pipeline_dealchange c
    JOIN pipeline_deal d ON d.company_id = c.company_id AND d.id = c.deal_id
    LEFT JOIN accounts_user u ON u.id = c.changed_by_id
    WHERE c.company_id = %(company)s AND (c.changed_at > %(since)s OR c.id > %(changes)s)
      AND (%(until)s::timestamptz IS NULL OR c.changed_at <= %(until)s)
      AND c.field = ANY(%(counted)s)
      -- A deal without a move before then is not in the quarter, whatever is said of it.
      AND EXISTS (SELECT FROM pipeline_stagetransition m
                  WHERE m.company_id = c.company_id AND m.deal_id = c.deal_id
                    AND m.occurred_at < %(as_of)s)
    UNION ALL
    -- Changes of settings say from which day on they change figures.
    SELECT a.action, a.id, NULL, coalesce(a.after ->> 'name', a.before ->> 'name', ''),
           a.at, a.at, a.actor_label
    FROM accounts_auditentry a
    WHERE a.company_id = %(company)s AND (a.at > %(since)s OR a.id > %(audit)s)
      AND (%(until)s::timestamptz IS NULL OR a.at <= %(until)s)
      AND a.after ->> 'marked_since' BETWEEN '0' AND %(day)s
"""


_ANY = 2**63 - 1  # no id is larger: nothing counts by its id alone
_NEWEST = """
    SELECT (SELECT coalesce(max(id), 0) FROM pipeline_stagetransition WHERE company_id = %(c)s),
           (SELECT coalesce(max(id), 0) FROM pipeline_dealchange WHERE company_id = %(c)s),
           (SELECT coalesce(max(id), 0) FROM accounts_auditentry WHERE company_id = %(c)s)
"""


@dataclass(frozen=True, slots=True)
class Known:
    """The newest facts of a company that were there at some moment, by id.

    Beside the time, since a clock can be set back: what is entered then bears an earlier time
    than what is stored already, but never a smaller id.
    """

    moves: int
    changes: int
    audit: int

    def as_json(self) -> dict[str, int]:
        return {"moves": self.moves, "changes": self.changes, "audit": self.audit}

    @classmethod
    def of(cls, stored: Mapping[str, int]) -> "Known | None":
        return cls(stored["moves"], stored["changes"], stored["audit"]) if stored else None


_ALL = Known(_ANY, _ANY, _ANY)


def known_now(*, company: Company) -> Known:
    """What is there now."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {"c": company.pk})
        return Known(*cursor.fetchone())


@dataclass(frozen=True, slots=True)
class Cause:
    """The facts behind a restatement, at most fifty listed, and how many there are in all."""

    facts: tuple[dict[str, Any], ...] = ()
    count: int = 0
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"facts": list(self.facts), "count": self.count, "text": self.text}


def facts_since(
    *,
    company: Company,
    since: datetime,
    as_of: datetime,
    known: Known | None = None,
    until: datetime | None = None,
) -> Cause:
    """What was recorded after `since` that may count before `as_of`, oldest first.

    `known`: what bears an earlier time, but came after these facts, counts too. `until`: and
    nothing that was recorded later than this. A change of settings, such as a source's channel,
    has no deal: `deal` is then its name.
    """
    with connection.cursor() as cursor:
        day = company.local_day(as_of).isoformat()
        cursor.execute(
            _FACTS,
            {
                "company": company.pk,
                "since": since,
                "as_of": as_of,
                "until": until,
                "day": day,
                **(known or _ALL).as_json(),
                "counted": list(COUNTED),
            },
        )
        # A change of settings stands before the deals that it changed.
        rows = sorted(cursor.fetchall(), key=lambda row: (row[5], row[2] is not None, row[1]))
    facts = tuple(
        {
            "what": what,
            "id": row_id,
            "deal_id": deal_id,
            "deal": name,
            "occurred_at": occurred_at.isoformat(),
            "recorded_at": recorded_at.isoformat(),
            "by": who,
        }
        for what, row_id, deal_id, name, occurred_at, recorded_at, who in rows[:_LISTED]
    )
    return Cause(facts, len(rows))
