"""What a quarter looked like."""

from typing import ClassVar

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import RowSecurity, TenantForeignKey, TenantModel


class Snapshot(TenantModel):
    """The stored figures of one segment in one quarter.

    While a quarter runs or settles there is one row a segment, version 0, replaced in place.
    Final rows start at version 1 and are never updated or deleted (row security refuses it to
    the runtime role); a restatement is the next version, with what caused it.

    A quarter that a clock closed before its time, having run ahead, keeps those final rows; what
    runs on beside them bears the number that its closing will have (docs/adr/0010).
    """

    row_security: ClassVar[RowSecurity] = RowSecurity(changeable="status <> 'final'")

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        SETTLING = "settling", "Settling"
        FINAL = "final", "Final"

    # The rows in which a quarter closed: its first final ones, and where a clock that ran ahead
    # had closed it too early, those of its own midnight.
    CLOSING: ClassVar[models.Q] = models.Q(version=1) | models.Q(
        status="final", cause__reopened=True
    )

    pipeline = TenantForeignKey("pipeline.Pipeline", related_name="+")
    quarter_start = models.DateField()
    quarter_end = models.DateField()  # the first day after it
    quarter_label = models.CharField(max_length=12)
    segment = models.CharField(max_length=450)
    version = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=8, choices=Status)
    first = models.BooleanField(default=False)
    as_of = models.DateTimeField()
    computed_at = models.DateTimeField()
    # What the figures were computed with: calendar, options, stages, code, definition version.
    definitions = models.JSONField()
    figures = models.JSONField()
    # Of the figures as computed: tells an unchanged row without making or reading its JSON.
    digest = models.CharField(max_length=32)
    # Restatements: who and what caused it, and the fields that differ with both values.
    cause = models.JSONField(default=dict, blank=True)
    imported = models.BooleanField(default=False)
    # Final rows: the newest move, change of a deal and audit entry that were there when it was
    # computed, by id. Times tell the same unless a clock was set back; empty where times decided.
    known = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("metrics_snapshot", "pipeline"),
            models.UniqueConstraint(
                fields=["company", "pipeline", "segment", "quarter_start", "version"],
                name="metrics_snapshot_version",
            ),
            models.CheckConstraint(
                name="metrics_snapshot_final_has_version",
                condition=(
                    models.Q(status="final", version__gte=1)
                    | (~models.Q(status="final") & ~models.Q(version=1))
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["company", "pipeline", "quarter_start"], name="snapshot_quarter"),
        ]

    def __str__(self) -> str:
        return f"{self.quarter_label} {self.segment} v{self.version}"
