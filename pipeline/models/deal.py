"""A deal, and the changes of what is known about it."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import APPEND_ONLY, RowSecurity, TenantForeignKey, TenantModel
from pipeline.models.searched import DEALS_THAT_BEGIN


class Deal(TenantModel):
    """A chance to sell something to a customer.

    The facts are the stage transitions. The fields from `stage` on are a cache of them, written
    by the pipeline's services only, rebuilt and compared by `manage.py check_facts`.
    """

    row_security: ClassVar[RowSecurity] = RowSecurity(functions=(DEALS_THAT_BEGIN,))

    class Outcome(models.TextChoices):
        OPEN = "open", "Open"
        WON = "won", "Won"
        LOST = "lost", "Lost"
        NONE = "", "No history"  # every transition was withdrawn, or none has a date

    pipeline = TenantForeignKey("pipeline.Pipeline", related_name="deals")
    name = models.CharField(max_length=250)
    customer = TenantForeignKey("pipeline.Customer", null=True, blank=True, related_name="deals")
    rep = TenantForeignKey("pipeline.Rep", null=True, blank=True, related_name="deals")
    product = TenantForeignKey("pipeline.Product", null=True, blank=True, related_name="deals")
    source = TenantForeignKey("pipeline.Source", null=True, blank=True, related_name="deals")
    amount = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3)
    lost_reason = TenantForeignKey(
        "pipeline.LostReason", null=True, blank=True, related_name="deals"
    )
    competitor = TenantForeignKey(
        "pipeline.Competitor", null=True, blank=True, related_name="deals"
    )
    # What made them buy, asked when it is won; the lost reason is its counterpart.
    won_reason = models.CharField(max_length=300, blank=True)
    next_step = models.CharField(max_length=200, blank=True)
    next_step_on = models.DateField(null=True, blank=True)
    external_system = models.CharField(max_length=40, blank=True)
    external_id = models.CharField(max_length=120, blank=True)
    import_batch = TenantForeignKey(
        "pipeline.ImportBatch", null=True, blank=True, related_name="deals"
    )
    # False: imported without its path (only opening, present state and closing are known).
    path_known = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    # The version that a screen saw; every change of the deal adds one.
    version = models.PositiveIntegerField(default=1)
    stage = TenantForeignKey("pipeline.Stage", null=True, blank=True, related_name="deals")
    outcome = models.CharField(max_length=4, choices=Outcome, blank=True, default=Outcome.NONE)
    opened_on = models.DateField(null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)
    stage_entered_on = models.DateField(null=True, blank=True)
    # The effective history, 16 bytes a transition: see pipeline/paths.py.
    path = models.BinaryField(default=b"")

    class Meta:
        constraints = [
            *tenant_constraints(
                "pipeline_deal",
                "pipeline",
                "customer",
                "rep",
                "product",
                "source",
                "lost_reason",
                "competitor",
                "import_batch",
                "stage",
            ),
            models.UniqueConstraint(
                fields=["company", "external_system", "external_id"],
                name="pipeline_deal_external",
                condition=~models.Q(external_id=""),
            ),
        ]
        indexes = [
            # One quarter's deals: opened before its end, not closed before its start.
            models.Index(
                fields=["company", "pipeline", "closed_on", "opened_on"], name="deal_in_play"
            ),
            # The very first day of a company's history.
            models.Index(fields=["company", "opened_on"], name="deal_opened"),
            models.Index(fields=["company", "customer"], name="deal_by_customer"),
            models.Index(fields=["company", "rep"], name="deal_by_rep"),
            models.Index(fields=["company", "stage"], name="deal_by_stage"),
            # The board: of a stage's open deals those that are longest in it, and no others read.
            models.Index(
                fields=["company", "stage", "stage_entered_on", "id"],
                name="deal_longest_in_stage",
                condition=models.Q(outcome="open"),
            ),
            # "My day": next steps of open deals that are due.
            models.Index(
                fields=["company", "next_step_on"],
                name="deal_next_step_due",
                condition=models.Q(outcome="open", next_step_on__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DealChange(TenantModel):
    """One changed attribute of a deal, so that what was known earlier can be recomputed."""

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    deal = TenantForeignKey(Deal, related_name="changes")
    field = models.CharField(max_length=30)
    before = models.CharField(max_length=300, blank=True)
    after = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    origin = models.CharField(max_length=40)

    class Meta:
        constraints = [*tenant_constraints("pipeline_dealchange", "deal")]
        indexes = [
            models.Index(fields=["company", "deal"], name="dealchange_by_deal"),
            models.Index(fields=["company", "changed_at"], name="dealchange_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.field} of deal {self.deal_id}"
