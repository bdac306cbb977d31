"""Which arms deals are in: for the card on the board and the page of a deal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext as _

from accounts.models import Company
from accounts.tenancy.context import require_company_id
from metrics.models import Assignment
from pipeline.selectors.card_tags import Remark

_ROWS = """
    SELECT deal, experiment_id, title, arm, by_rep
    FROM (
        SELECT a.deal_id AS deal, e.id AS experiment_id, e.title, a.arm, false AS by_rep
        FROM metrics_assignment a
        JOIN metrics_experiment e ON e.company_id = a.company_id AND e.id = a.experiment_id
        WHERE a.company_id = %(company)s AND a.deal_id = ANY(%(deals)s) AND e.state = 'running'
        UNION ALL
        SELECT d.id, e.id, e.title, a.arm, true
        FROM pipeline_deal d
        JOIN metrics_experiment e ON e.company_id = d.company_id
            AND e.pipeline_id = d.pipeline_id AND e.state = 'running'
            AND e.design = 'arms_by_rep'
            AND d.opened_on >= e.starts_on AND (e.ends_on IS NULL OR d.opened_on < e.ends_on)
        JOIN metrics_assignment a ON a.company_id = e.company_id AND a.experiment_id = e.id
            AND a.rep_id = coalesce(
                (SELECT nullif(c.before, '')::bigint FROM pipeline_dealchange c
                 WHERE c.company_id = d.company_id AND c.deal_id = d.id AND c.field = 'rep_id'
                 ORDER BY c.id LIMIT 1),
                d.rep_id)
        WHERE d.company_id = %(company)s AND d.id = ANY(%(deals)s)
    ) AS found
    ORDER BY deal, experiment_id
"""


def arm_text(arm: str) -> str:
    """An arm in a word."""
    return _("Test") if arm == Assignment.Arm.TEST else _("Control")


@dataclass(frozen=True, slots=True)
class ArmRow:
    """A deal's place in a running experiment. `by_rep`: from the rep that it had when it opened."""

    deal_id: int
    experiment_id: int
    title: str
    arm: str  # Assignment.Arm: test, control
    by_rep: bool

    @property
    def word(self) -> str:
        """The arm in a word."""
        return arm_text(self.arm)

    @property
    def tone(self) -> str:
        """The arm's tone: the one with the change stands out."""
        return _tone(self.arm)


def arms_of_deals(*, company: Company, deal_ids: Iterable[int]) -> dict[int, tuple[ArmRow, ...]]:
    """The arms of these deals in running experiments, by deal; who is in none is left out.

    One query, none for no deals. An arm by rep is shown for every deal that the rep opened in the
    window, whether the segment counts it or not: the rep works in that way.
    """
    return _arms(company.pk, list(deal_ids))


def arms_remarks(deal_ids: Sequence[int]) -> dict[int, Remark]:
    """What the cards of these deals say of their arms: "Test: Shorter offers". One query.

    A deal that gets any change stands out, one in control does not.
    """
    found = _arms(require_company_id(), deal_ids)
    return {
        deal: Remark(
            ", ".join(f"{arm.word}: {arm.title}" for arm in arms), max(arm.tone for arm in arms)
        )
        for deal, arms in found.items()
    }


def _arms(company_id: int, deal_ids: Sequence[int]) -> dict[int, tuple[ArmRow, ...]]:
    if not deal_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, {"company": company_id, "deals": list(deal_ids)})
        rows = [ArmRow(*row) for row in cursor.fetchall()]
    found: dict[int, list[ArmRow]] = {}
    for row in rows:
        found.setdefault(row.deal_id, []).append(row)
    return {deal: tuple(arms) for deal, arms in found.items()}


def _tone(arm: str) -> str:
    return "accent" if arm == Assignment.Arm.TEST else ""
