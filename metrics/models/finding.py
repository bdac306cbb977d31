"""Findings: what was learned about why deals are lost or won, and where."""

from typing import ClassVar

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import APPEND_ONLY, RowSecurity, TenantForeignKey, TenantModel


class Finding(TenantModel):
    """One thing learned: a statement, where it happens, how we know it.

    `source` is a key of the registry of sources (metrics/selectors/finding_sources.py), so
    adding a kind is one entry there. A finding outlives its stage, which is retired, not deleted.
    """

    class Severity(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"

    source = models.CharField(max_length=30)
    pipeline = TenantForeignKey("pipeline.Pipeline", related_name="findings")
    stage = TenantForeignKey("pipeline.Stage", related_name="findings")
    # Between two stages; empty: about the stage itself.
    towards = TenantForeignKey("pipeline.Stage", null=True, blank=True, related_name="+")
    statement = models.CharField(max_length=300)
    quote = models.TextField(max_length=4000, blank=True)
    theme = TenantForeignKey("pipeline.Theme", null=True, blank=True, related_name="findings")
    severity = models.CharField(max_length=6, choices=Severity, default=Severity.MEDIUM)
    learned_on = models.DateField()
    # The evidence, where it is something of ours.
    review = TenantForeignKey("metrics.Review", null=True, blank=True, related_name="findings")
    answer = TenantForeignKey("metrics.Answer", null=True, blank=True, related_name="findings")
    activity = TenantForeignKey("pipeline.Activity", null=True, blank=True, related_name="+")
    note = TenantForeignKey("pipeline.Note", null=True, blank=True, related_name="+")
    material = TenantForeignKey("pipeline.Material", null=True, blank=True, related_name="+")
    author = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    recorded_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    idempotency_key = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001

    class Meta:
        constraints = [
            *tenant_constraints(
                "metrics_finding",
                "pipeline",
                "stage",
                "towards",
                "theme",
                "review",
                "answer",
                "activity",
                "note",
                "material",
            ),
            models.UniqueConstraint(
                fields=["company", "idempotency_key"],
                name="metrics_finding_key",
                condition=models.Q(idempotency_key__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["company", "stage"], name="finding_by_stage"),
            models.Index(fields=["company", "learned_on"], name="finding_by_day"),
            models.Index(
                fields=["company", "activity"],
                name="finding_by_activity",
                condition=models.Q(activity__isnull=False),
            ),
            models.Index(
                fields=["company", "note"],
                name="finding_by_note",
                condition=models.Q(note__isnull=False),
            ),
            models.Index(
                fields=["company", "review"],
                name="finding_by_review",
                condition=models.Q(review__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.statement


class FindingDeal(TenantModel):
    """A finding shows in this deal."""

    finding = TenantForeignKey(Finding, models.CASCADE, related_name="deal_links")
    deal = TenantForeignKey("pipeline.Deal", related_name="finding_links")

    class Meta:
        constraints = [
            *tenant_constraints("metrics_findingdeal", "finding", "deal"),
            models.UniqueConstraint(
                fields=["company", "finding", "deal"], name="metrics_findingdeal_once"
            ),
        ]
        indexes = [models.Index(fields=["company", "deal"], name="finding_deal_by_deal")]

    def __str__(self) -> str:
        return f"finding {self.finding_id}, deal {self.deal_id}"


class FindingChange(TenantModel):
    """One edit of a finding: the fields that changed, before and after."""

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    finding = TenantForeignKey(Finding, related_name="changes")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    at = models.DateTimeField()
    by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [*tenant_constraints("metrics_findingchange", "finding")]
        indexes = [models.Index(fields=["company", "finding"], name="finding_change_by_finding")]

    def __str__(self) -> str:
        return f"change of finding {self.finding_id}"
