"""The facts: a deal moved from one stage to another. Appended, never edited."""

from typing import ClassVar

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import OwnersFunction, RowSecurity, TenantForeignKey, TenantModel

# The one thing about a recorded move that may change: which local day its instant falls on, when
# the company moves to another time zone. Never by more than zones can differ.
_MOVE_DAYS = """
    WITH moved AS (
        UPDATE pipeline_stagetransition t SET occurred_on = v.day
        FROM unnest(ids, days) AS v(id, day)
        WHERE t.company_id = (SELECT NULLIF(current_setting('app.company_id', true), '')::bigint)
          AND t.id = v.id
          AND v.day BETWEEN (t.occurred_at AT TIME ZONE 'UTC')::date - 1
                        AND (t.occurred_at AT TIME ZONE 'UTC')::date + 1
        RETURNING 1
    )
    SELECT count(*) FROM moved
"""


class StageTransition(TenantModel):
    """One move of a deal.

    A correction names the row it `replaces` and may change its stage or time; without a
    `to_stage` it withdraws it. `from_stage` is kept for display, never used in arithmetic.
    """

    row_security: ClassVar[RowSecurity] = RowSecurity(
        rights=("SELECT", "INSERT"),
        functions=(
            OwnersFunction(
                "app_move_transition_days",
                (("ids", "bigint[]"), ("days", "date[]")),
                "bigint",
                _MOVE_DAYS,
                changes=True,
            ),
        ),
    )

    class Origin(models.TextChoices):
        OPENING = "opening", "Opened"
        MOVE = "move", "Moved"
        CORRECTION = "correction", "Corrected"
        WITHDRAWAL = "withdrawal", "Withdrawn"
        IMPORT = "import", "Imported"
        LOAD = "load", "Loaded"

    deal = TenantForeignKey("pipeline.Deal", related_name="transitions")
    # Running number of the deal's moves: two writers cannot both be the fifth.
    number = models.PositiveIntegerField()
    from_stage = TenantForeignKey("pipeline.Stage", null=True, blank=True, related_name="+")
    to_stage = TenantForeignKey("pipeline.Stage", null=True, blank=True, related_name="+")
    occurred_at = models.DateTimeField()
    # The company's local day of occurred_at, computed once, here: never in a query.
    occurred_on = models.DateField()
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    origin = models.CharField(max_length=12, choices=Origin)
    replaces = TenantForeignKey("self", null=True, blank=True, related_name="replaced_by")
    reason = models.CharField(max_length=300, blank=True)
    idempotency_key = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001
    import_batch = TenantForeignKey(
        "pipeline.ImportBatch", null=True, blank=True, related_name="transitions"
    )

    class Meta:
        constraints = [
            *tenant_constraints(
                "pipeline_stagetransition",
                "deal",
                "from_stage",
                "to_stage",
                "replaces",
                "import_batch",
            ),
            models.UniqueConstraint(
                fields=["company", "deal", "number"], name="pipeline_stagetransition_number"
            ),
            models.UniqueConstraint(
                fields=["company", "idempotency_key"],
                name="pipeline_stagetransition_key",
                condition=models.Q(idempotency_key__isnull=False),
            ),
            models.CheckConstraint(
                name="pipeline_stagetransition_goes_somewhere",
                condition=models.Q(to_stage__isnull=False) | models.Q(replaces__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["company", "recorded_at"], name="transition_by_recorded"),
            # Is this row replaced? Asked of every row when a company is removed.
            models.Index(
                fields=["company", "replaces"],
                name="transition_by_replaced",
                condition=models.Q(replaces__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"deal {self.deal_id} #{self.number}"
