"""Danger points that a team works on: a stage, for a segment, with an owner and a due day."""

from typing import ClassVar

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import APPEND_ONLY, RowSecurity, TenantForeignKey, TenantModel


class DangerPoint(TenantModel):
    """An open stage of a pipeline, for a segment, that somebody took on.

    Its figures are those of the snapshots, quarter by quarter; nothing is copied here.
    """

    class State(models.TextChoices):
        WATCHING = "watching", "Watching"
        WORKING = "working", "Working"
        RESOLVED = "resolved", "Resolved"
        DISMISSED = "dismissed", "Dismissed"

    pipeline = TenantForeignKey("pipeline.Pipeline", related_name="danger_points")
    # Kept when the stage is retired; it counts as its replacement then.
    stage = TenantForeignKey("pipeline.Stage", related_name="danger_points")
    segment = models.CharField(max_length=450, default="all")
    state = models.CharField(max_length=9, choices=State, default=State.WATCHING)
    owner = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    due_on = models.DateField(null=True, blank=True)
    opened_quarter = models.CharField(max_length=12)  # the quarter that it was seen in
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    closed_at = models.DateTimeField(null=True, blank=True)  # resolved or dismissed
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            *tenant_constraints("metrics_dangerpoint", "pipeline", "stage"),
            # One that is worked on per stage and segment; ended ones stay beside it.
            models.UniqueConstraint(
                fields=["company", "stage", "segment"],
                name="metrics_dangerpoint_one_open",
                condition=models.Q(state__in=["watching", "working"]),
            ),
            models.CheckConstraint(
                name="metrics_dangerpoint_closed_pair",
                condition=models.Q(state__in=["watching", "working"], closed_at__isnull=True)
                | models.Q(state__in=["resolved", "dismissed"], closed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"stage {self.stage_id}, {self.segment}: {self.state}"


class DangerPointEntry(TenantModel):
    """What happened to a danger point: opened, another state, owner or due day, a remark."""

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    danger_point = TenantForeignKey(DangerPoint, related_name="entries")
    field = models.CharField(max_length=20)  # opened, state, owner, due_on, remark
    before = models.CharField(max_length=300, blank=True)
    after = models.CharField(max_length=300, blank=True)
    remark = models.CharField(max_length=1000, blank=True)  # a reason, or what was said
    at = models.DateTimeField()
    by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [*tenant_constraints("metrics_dangerpointentry", "danger_point")]
        indexes = [
            models.Index(fields=["company", "danger_point"], name="danger_entry_by_point"),
        ]

    def __str__(self) -> str:
        return f"{self.field} of danger point {self.danger_point_id}"


class RecordedChange(TenantModel):
    """What the team changed and when ("new price list, 1 Sep"): a mark on every chart."""

    happened_on = models.DateField()
    text = models.CharField(max_length=200)
    # Empty: it concerns every pipeline, every stage, all deals.
    pipeline = TenantForeignKey("pipeline.Pipeline", null=True, blank=True, related_name="+")
    stage = TenantForeignKey("pipeline.Stage", null=True, blank=True, related_name="+")
    segment = models.CharField(max_length=450, default="all")
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [*tenant_constraints("metrics_recordedchange", "pipeline", "stage")]
        indexes = [
            models.Index(fields=["company", "happened_on"], name="recorded_change_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.happened_on}: {self.text}"
