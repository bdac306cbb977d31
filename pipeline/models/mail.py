"""E-mail that reps copied in: kept once, matched to deals, or waiting in the tray."""

from enum import StrEnum

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Waiting(StrEnum):
    """Why a message is not filed by itself. Pages say it in the reader's language."""

    STRANGER = "stranger"  # neither writer nor recipient is a rep
    NO_CUSTOMER = "no_customer"
    SEVERAL_CUSTOMERS = "several_customers"
    NO_OPEN_DEAL = "no_open_deal"
    SEVERAL_DEALS = "several_deals"
    AUTOMATIC = "automatic"
    FORGED = "forged"  # the sender's domain says that it did not send it
    PUT_BACK = "put_back"  # it was filed, and somebody took it out again


class EmailMessage(TenantModel):
    """One message. Its body is plain text; attachments are named, and stored where allowed.

    Matched, it is an activity of one deal; unmatched, it waits in the tray until somebody
    says where it belongs or dismisses it.
    """

    class State(models.TextChoices):
        MATCHED = "matched", "Matched"
        WAITING = "waiting", "Waiting"
        DISMISSED = "dismissed", "Dismissed"

    message_id = models.CharField(max_length=250)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    activity = TenantForeignKey("pipeline.Activity", null=True, blank=True, related_name="emails")
    rep = TenantForeignKey("pipeline.Rep", null=True, blank=True, related_name="emails")
    sender = models.CharField(max_length=320)
    recipients = models.JSONField(default=list)
    subject = models.CharField(max_length=500, blank=True)
    body = models.TextField(blank=True)
    attachments = models.JSONField(default=list)  # names, types and sizes
    sent_at = models.DateTimeField()
    received_at = models.DateTimeField()
    why_waiting = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_emailmessage", "activity", "rep"),
            models.UniqueConstraint(
                fields=["company", "message_id"], name="pipeline_emailmessage_once"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "state"], name="email_by_state"),
            models.Index(
                fields=["company", "activity"],
                name="email_by_activity",
                condition=models.Q(activity__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.subject or self.message_id


class MailSettings(TenantModel):
    """What a company keeps of its mail. Without a row: attachments are named only."""

    keep_attachments = models.BooleanField(default=False)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_mailsettings"),
            models.UniqueConstraint(fields=["company"], name="pipeline_mailsettings_once"),
        ]


class StoredAttachment(TenantModel):
    """The bytes of one attachment. `number` is its place among its message's `attachments`,
    which say how it is called."""

    email = TenantForeignKey(EmailMessage, related_name="stored")
    number = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField()  # bytes
    content = models.BinaryField()

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_storedattachment", "email"),
            models.UniqueConstraint(
                fields=["company", "email", "number"], name="pipeline_storedattachment_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email_id}/{self.number}"
