"""Guided reviews and interviews: the company's own questions, and the answers given to them."""

from typing import ClassVar

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import APPEND_ONLY, RowSecurity, TenantForeignKey, TenantModel


class ReviewKind(models.TextChoices):
    """The reviews that have a sheet of questions. Their words and icons: selectors."""

    CALL = "call_review", "Call review"
    EMAIL = "email_review", "E-mail review"
    CUSTOMER = "customer_interview", "Customer interview"
    LOST = "lost_interview", "Lost-prospect interview"


class Guide(TenantModel):
    """One version of the company's questions for one kind of review. Never edited: the next
    version takes its place, and earlier reviews keep the questions that they answered."""

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    kind = models.CharField(max_length=20, choices=ReviewKind)
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            *tenant_constraints("metrics_guide"),
            models.UniqueConstraint(
                fields=["company", "kind", "number"], name="metrics_guide_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class GuideQuestion(TenantModel):
    """A question of a guide. `key` stays the same over versions, so answers can be compared."""

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    guide = TenantForeignKey(Guide, related_name="questions")
    position = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=60)
    text = models.CharField(max_length=300)
    hint = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("metrics_guidequestion", "guide"),
            models.UniqueConstraint(
                fields=["company", "guide", "position"], name="metrics_guidequestion_position"
            ),
            models.UniqueConstraint(
                fields=["company", "guide", "key"], name="metrics_guidequestion_key"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class Review(TenantModel):
    """One call or e-mail reviewed, or one buyer interviewed, about one deal.

    What the buyer says of a loss stands here, beside the rep's reason on the deal; neither ever
    overwrites the other.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        DONE = "done", "Done"
        WITHDRAWN = "withdrawn", "Withdrawn"

    kind = models.CharField(max_length=20, choices=ReviewKind)
    guide = TenantForeignKey(Guide, related_name="reviews")
    deal = TenantForeignKey("pipeline.Deal", related_name="reviews")
    # The call or e-mail under review.
    activity = TenantForeignKey("pipeline.Activity", null=True, blank=True, related_name="+")
    # Whom we talked to.
    contact = TenantForeignKey("pipeline.Contact", null=True, blank=True, related_name="+")
    state = models.CharField(max_length=9, choices=State, default=State.DRAFT)
    held_on = models.DateField()  # the day it was learned
    # In the buyer's own words: why it was lost. Empty while nobody asked.
    buyer_level = models.CharField(max_length=12, blank=True)  # pipeline.LossLevel
    buyer_reason = TenantForeignKey("pipeline.LostReason", null=True, blank=True, related_name="+")
    buyer_competitor = TenantForeignKey(
        "pipeline.Competitor", null=True, blank=True, related_name="+"
    )
    buyer_words = models.TextField(max_length=4000, blank=True)
    author = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    started_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    idempotency_key = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001

    class Meta:
        constraints = [
            *tenant_constraints(
                "metrics_review",
                "guide",
                "deal",
                "activity",
                "contact",
                "buyer_reason",
                "buyer_competitor",
            ),
            models.UniqueConstraint(
                fields=["company", "idempotency_key"],
                name="metrics_review_key",
                condition=models.Q(idempotency_key__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["company", "deal"], name="review_by_deal"),
            models.Index(fields=["company", "kind", "state"], name="review_by_kind"),
            models.Index(
                fields=["company", "contact"],
                name="review_by_contact",
                condition=models.Q(contact__isnull=False),
            ),
            models.Index(
                fields=["company", "activity"],
                name="review_by_activity",
                condition=models.Q(activity__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of deal {self.deal_id}"


class Answer(TenantModel):
    """What was answered to one question of one review. Plain text."""

    review = TenantForeignKey(Review, related_name="answers")
    question = TenantForeignKey(GuideQuestion, related_name="answers")
    text = models.TextField(max_length=20_000, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("metrics_answer", "review", "question"),
            models.UniqueConstraint(
                fields=["company", "review", "question"], name="metrics_answer_once"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]
