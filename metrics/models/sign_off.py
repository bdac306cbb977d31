"""Who stands behind the figures of a quarter, and what leadership said about it."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import APPEND_ONLY, RowSecurity, TenantForeignKey, TenantModel


class SignOff(TenantModel):
    """A final quarter was signed, or countersigned by a second person. Never changed.

    What was signed is a set of snapshot rows, which are never changed either: `versions` names
    them (segment -> version), `digest` is the hash over their figures.
    """

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    class Kind(models.TextChoices):
        SIGNED = "signed", _("Signed")
        COUNTERSIGNED = "countersigned", _("Countersigned")

    pipeline = TenantForeignKey("pipeline.Pipeline", related_name="+")
    quarter_start = models.DateField()
    quarter_label = models.CharField(max_length=12)
    kind = models.CharField(max_length=13, choices=Kind)
    countersigns = TenantForeignKey("self", null=True, blank=True, related_name="countersigned")
    versions = models.JSONField()
    digest = models.CharField(max_length=64)
    comment = models.CharField(max_length=1000, blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    by_label = models.CharField(max_length=254)  # stays readable after the user has gone

    class Meta:
        constraints = [
            *tenant_constraints("metrics_signoff", "pipeline", "countersigns"),
            # One signature a version, one countersignature a signature.
            models.UniqueConstraint(
                fields=["company", "pipeline", "quarter_start", "digest"],
                name="metrics_signoff_once",
                condition=models.Q(kind="signed"),
            ),
            models.UniqueConstraint(
                fields=["company", "countersigns"],
                name="metrics_signoff_countersigned_once",
                condition=models.Q(countersigns__isnull=False),
            ),
            models.CheckConstraint(
                name="metrics_signoff_countersigns_one",
                condition=models.Q(kind="signed", countersigns__isnull=True)
                | models.Q(kind="countersigned", countersigns__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["company", "pipeline", "quarter_start"], name="signoff_quarter"),
        ]

    def __str__(self) -> str:
        return f"{self.quarter_label} {self.kind}"


class QuarterReview(TenantModel):
    """What the team writes into the review of a quarter; its figures are the snapshots'."""

    pipeline = TenantForeignKey("pipeline.Pipeline", related_name="+")
    quarter_start = models.DateField()
    quarter_label = models.CharField(max_length=12)
    summary = models.TextField(max_length=4000, blank=True)
    bets = models.JSONField(default=list)  # next quarter's three bets, as text
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            *tenant_constraints("metrics_quarterreview", "pipeline"),
            models.UniqueConstraint(
                fields=["company", "pipeline", "quarter_start"], name="metrics_quarterreview_once"
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.quarter_label}"
