"""What people are told, in the product and by mail."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Mailing(models.TextChoices):
    """How a person wants mail about a kind of news."""

    OFF = "off", _("No mail")
    AT_ONCE = "at_once", _("At once")
    DIGEST = "digest", _("In a daily digest")


class Notification(TenantModel):
    """One piece of news for one person. `key` says what it is about: never told twice."""

    user = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=30)  # of the registry in accounts/selectors/news.py
    key = models.CharField(max_length=160)
    # What the sentence is made of, in the reader's language when it is shown.
    values = models.JSONField(default=dict)
    # Within the company's workspace, whose slug may become another: "quarters/2026-Q1/".
    path = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    shown = models.BooleanField(default=True)  # False: this person wants it by mail only
    read_at = models.DateTimeField(null=True, blank=True)
    mailing = models.CharField(max_length=7, choices=Mailing, default=Mailing.OFF)
    # Set in the transaction that hands the letter over: who is killed in it has marked nothing, and
    # the next round sends. At least once, and a second copy has the same Message-ID (ADR 0012).
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("accounts_notification"),
            models.UniqueConstraint(
                fields=["company", "user", "kind", "key"], name="accounts_notification_once"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "user", "created_at"], name="notification_by_user"),
            models.Index(
                fields=["company", "mailing"],
                name="notification_to_mail",
                condition=models.Q(mailed_at__isnull=True) & ~models.Q(mailing="off"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class NotificationChoice(TenantModel):
    """What one member wants to hear about one kind of news; without a row, the kind's default."""

    membership = TenantForeignKey(
        "accounts.Membership", models.CASCADE, related_name="notification_choices"
    )
    kind = models.CharField(max_length=30)
    shown = models.BooleanField(default=True)
    mailing = models.CharField(max_length=7, choices=Mailing, default=Mailing.OFF)

    class Meta:
        constraints = [
            *tenant_constraints("accounts_notificationchoice", "membership"),
            models.UniqueConstraint(
                fields=["company", "membership", "kind"], name="accounts_notificationchoice_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.mailing}"
