"""What was said: calls, meetings and e-mails, and the notes about them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Activity(TenantModel):
    """A call, meeting or e-mail with a customer; one without a note is a gap in the data."""

    class Kind(models.TextChoices):
        CALL = "call", _("Call")
        MEETING = "meeting", _("Meeting")
        EMAIL = "email", _("E-mail")

    deal = TenantForeignKey("pipeline.Deal", related_name="activities")
    rep = TenantForeignKey("pipeline.Rep", null=True, blank=True, related_name="activities")
    kind = models.CharField(max_length=8, choices=Kind)
    happened_at = models.DateTimeField()
    happened_on = models.DateField()  # the company's local day, computed when written
    subject = models.CharField(max_length=250, blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    # Made with the form: sent twice, it is recorded once.
    idempotency_key = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_activity", "deal", "rep"),
            models.UniqueConstraint(
                fields=["company", "idempotency_key"],
                name="pipeline_activity_key",
                condition=models.Q(idempotency_key__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["company", "deal"], name="activity_by_deal"),
            models.Index(fields=["company", "happened_on"], name="activity_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.happened_on}"


class Note(TenantModel):
    """What a person wrote about a deal, maybe about one of its activities. Plain text."""

    deal = TenantForeignKey("pipeline.Deal", related_name="notes")
    activity = TenantForeignKey(Activity, null=True, blank=True, related_name="notes")
    body = models.TextField(max_length=20_000)
    written_at = models.DateTimeField()
    author = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    rep = TenantForeignKey("pipeline.Rep", null=True, blank=True, related_name="notes")
    idempotency_key = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_note", "deal", "activity", "rep"),
            models.UniqueConstraint(
                fields=["company", "idempotency_key"],
                name="pipeline_note_key",
                condition=models.Q(idempotency_key__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["company", "deal"], name="note_by_deal"),
            models.Index(
                fields=["company", "activity"],
                name="note_by_activity",
                condition=models.Q(activity__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.body[:60]
