"""Filters worth a name."""

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import TenantForeignKey, TenantModel


class SavedSegment(TenantModel):
    """A named filter of the deals: a query string that the board and the list understand."""

    name = models.CharField(max_length=80)
    query = models.CharField(max_length=1000)
    # One's own filters leave with one's access.
    membership = TenantForeignKey(
        "accounts.Membership", models.CASCADE, related_name="saved_segments"
    )
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_savedsegment", "membership"),
            models.UniqueConstraint(
                fields=["company", "membership", "name"], name="pipeline_savedsegment_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name
