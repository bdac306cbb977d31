"""Saved what-ifs."""

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Scenario(TenantModel):
    """A what-if that somebody kept: where it starts from, and what it changes.

    Its results are computed when read, from the newest snapshot of its quarter, so a restated
    quarter changes them; `changes` is the query of the simulator's page.
    """

    name = models.CharField(max_length=120)
    pipeline = TenantForeignKey("pipeline.Pipeline", related_name="scenarios")
    quarter = models.CharField(max_length=12)
    segment = models.CharField(max_length=450, default="all")
    changes = models.JSONField(default=dict)
    remark = models.CharField(max_length=500, blank=True)
    owner = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            *tenant_constraints("metrics_scenario", "pipeline"),
            models.UniqueConstraint(
                fields=["company", "name"],
                name="metrics_scenario_name",
                condition=models.Q(withdrawn_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name
