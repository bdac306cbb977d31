"""Which arms deals are in: for the card on the board and the page of a deal."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import BigIntegerField, Func, OuterRef, Q, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat, NullIf
from django.utils.translation import gettext as _

from accounts.models import Company
from metrics.models import Assignment, Experiment
from pipeline.models import DealChange
from pipeline.selectors.card_tags import Remark

_BAR = "|"  # no arm has one
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
    ids = list(deal_ids)
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, {"company": company.pk, "deals": ids})
        rows = [ArmRow(*row) for row in cursor.fetchall()]
    found: dict[int, list[ArmRow]] = {}
    for row in rows:
        found.setdefault(row.deal_id, []).append(row)
    return {deal: tuple(arms) for deal, arms in found.items()}


def arms_expression() -> Any:
    """The arms of a deal as an array of texts ("test|title"), over the deals of another query.

    What `arms_of_deals` answers, for a page that reads its deals anyway: the board. Two
    subqueries, each by an index: the deal's own arms, and those of the rep that it opened with.
    """
    said = Concat("arm", Value(_BAR), "experiment__title", output_field=TextField())
    running = Assignment.objects.filter(experiment__state=Experiment.State.RUNNING)
    own = running.filter(deal_id=OuterRef("pk"))
    changes = DealChange.objects.filter(deal_id=OuterRef(OuterRef("pk")), field="rep_id")
    was = Cast(NullIf("before", Value("")), BigIntegerField())
    first = Subquery(changes.order_by("pk").annotate(was=was).values("was")[:1])
    theirs = running.filter(
        Q(experiment__ends_on=None) | Q(experiment__ends_on__gt=OuterRef("opened_on")),
        experiment__design=Experiment.Design.ARMS_BY_REP,
        experiment__pipeline_id=OuterRef("pipeline_id"),
        experiment__starts_on__lte=OuterRef("opened_on"),
        rep_id=Coalesce(first, OuterRef("rep_id")),
    )
    parts = [
        ArraySubquery(found.order_by("experiment_id").annotate(said=said).values("said"))
        for found in (own, theirs)
    ]
    return Func(*parts, function="array_cat", output_field=ArrayField(TextField()))


def arms_remark(value: Iterable[str] | None) -> Remark | None:
    """What a card says of the arms that `arms_expression` found: "Test: Shorter offers".

    None for a deal in no arm. One that gets any change stands out, one in control does not.
    """
    arms = [(arm, title) for arm, _bar, title in (text.partition(_BAR) for text in value or ())]
    if not arms:
        return None
    text = ", ".join(f"{arm_text(arm)}: {title}" for arm, title in arms)
    return Remark(text, max(_tone(arm) for arm, _title in arms))


def _tone(arm: str) -> str:
    return "accent" if arm == Assignment.Arm.TEST else ""
