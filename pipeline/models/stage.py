"""The path that deals take."""

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Pipeline(TenantModel):
    name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=1)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_pipeline"),
            models.UniqueConstraint(fields=["company", "name"], name="pipeline_pipeline_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Stage(TenantModel):
    """A stage. Open ones have a position 1..K; won and lost end the path and have none."""

    class Kind(models.TextChoices):
        OPEN = "open", "Open"
        WON = "won", "Won"
        LOST = "lost", "Lost"

    pipeline = TenantForeignKey(Pipeline, related_name="stages")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=4, choices=Kind, default=Kind.OPEN)
    position = models.PositiveSmallIntegerField(null=True, blank=True)
    exit_criterion = models.CharField(max_length=300, blank=True)
    # The median days that deals spend here: the team's own usual, written with the figures.
    usual_days = models.PositiveIntegerField(null=True, blank=True)
    # A retired stage takes no deals any more; what stood in it counts as its replacement.
    retired_at = models.DateTimeField(null=True, blank=True)
    replaced_by = TenantForeignKey("self", null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_stage", "pipeline", "replaced_by"),
            models.UniqueConstraint(
                fields=["company", "pipeline", "name"], name="pipeline_stage_name"
            ),
            models.UniqueConstraint(
                fields=["company", "pipeline", "position"],
                name="pipeline_stage_position",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                name="pipeline_stage_open_has_position",
                condition=(
                    models.Q(kind="open", position__gte=1, retired_at__isnull=True)
                    | models.Q(kind="open", position__isnull=True, retired_at__isnull=False)
                    | models.Q(kind__in=["won", "lost"], position__isnull=True)
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name
