"""Who and what caused a restatement: facts and settings recorded since the version before."""

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
    WHERE t.company_id = %(company)s AND t.recorded_at > %(since)s
      AND (t.occurred_at < %(as_of)s OR t.replaces_id IN (
           SELECT r.id FROM pipeline_stagetransition r
           WHERE r.company_id = %(company)s AND r.occurred_at < %(as_of)s))
    UNION ALL
    SELECT 'change of ' || c.field, c.id, c.deal_id, d.name, c.changed_at, c.changed_at,
           coalesce(u.email, c.origin)
    FROM pipeline_dealchange c
    JOIN pipeline_deal d ON d.company_id = c.company_id AND d.id = c.deal_id
    LEFT JOIN accounts_user u ON u.id = c.changed_by_id
    WHERE c.company_id = %(company)s AND c.changed_at > %(since)s
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
    WHERE a.company_id = %(company)s AND a.at > %(since)s
      AND a.after ->> 'marked_since' BETWEEN '0' AND %(day)s
"""


@dataclass(frozen=True, slots=True)
class Cause:
    """The facts behind a restatement, at most fifty listed, and how many there are in all."""

    facts: tuple[dict[str, Any], ...] = ()
    count: int = 0
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"facts": list(self.facts), "count": self.count, "text": self.text}


def facts_since(*, company: Company, since: datetime, as_of: datetime) -> Cause:
    """What was recorded after `since` that may count before `as_of`, oldest first.

    A change of settings, such as a source's channel, has no deal: `deal` is then its name.
    """
    with connection.cursor() as cursor:
        day = company.local_day(as_of).isoformat()
        cursor.execute(
            _FACTS,
            {
                "company": company.pk,
                "since": since,
                "as_of": as_of,
                "day": day,
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
