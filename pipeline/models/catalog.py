"""Who and what deals are sorted by: customers, reps, teams, products, sources, reasons."""

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Retirable(TenantModel):
    """What can be taken out of use without being taken out of history."""

    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class Customer(TenantModel):
    """The organisation being sold to."""

    name = models.CharField(max_length=250)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_customer"),
            models.UniqueConstraint(fields=["company", "name"], name="pipeline_customer_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Contact(TenantModel):
    """A person at a customer. Talking to the wrong person slows deals: who decides?"""

    customer = TenantForeignKey(Customer, related_name="contacts")
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=60, blank=True)
    title = models.CharField(max_length=120, blank=True)
    decides = models.BooleanField(null=True, blank=True)  # None: nobody asked yet
    # Asked not to be followed: what this person opens is not counted.
    do_not_track = models.BooleanField(default=False)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [*tenant_constraints("pipeline_contact", "customer")]
        indexes = [
            models.Index(fields=["company", "customer"], name="contact_by_customer"),
            models.Index(fields=["company", "email"], name="contact_by_email"),
        ]

    def __str__(self) -> str:
        return self.name


class Team(Retirable):
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_team"),
            models.UniqueConstraint(fields=["company", "name"], name="pipeline_team_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Rep(Retirable):
    """A seller. May have no login: imports bring reps who never sign in."""

    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    team = TenantForeignKey(Team, null=True, blank=True, related_name="reps")
    # Who is removed from the company leaves the rep and its deals behind.
    membership = TenantForeignKey(
        "accounts.Membership", models.SET_NULL, null=True, blank=True, related_name="reps"
    )
    mailbox_linked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_rep", "team", "membership"),
            models.UniqueConstraint(fields=["company", "name"], name="pipeline_rep_name"),
            models.UniqueConstraint(
                fields=["company", "membership"], name="pipeline_rep_membership"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Product(Retirable):
    name = models.CharField(max_length=200)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_product"),
            models.UniqueConstraint(fields=["company", "name"], name="pipeline_product_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Channel(models.TextChoices):
    """Did the buyer come to us, or did we go to the buyer? Never mixed, one skews the other."""

    INBOUND = "inbound", "Inbound"
    OUTBOUND = "outbound", "Outbound"
    UNKNOWN = "", "Unknown"


class Source(Retirable):
    """Where a deal came from; its channel is the channel of all its deals."""

    name = models.CharField(max_length=200)
    channel = models.CharField(max_length=10, choices=Channel, blank=True, default=Channel.UNKNOWN)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_source"),
            models.UniqueConstraint(fields=["company", "name"], name="pipeline_source_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Competitor(Retirable):
    name = models.CharField(max_length=200)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_competitor"),
            models.UniqueConstraint(fields=["company", "name"], name="pipeline_competitor_name"),
        ]

    def __str__(self) -> str:
        return self.name


class LossLevel(models.TextChoices):
    """The first question about every loss, before any detail."""

    COMPETITOR = "competitor", "Competitor"
    NO_DECISION = "no_decision", "No decision"
    OTHER = "other", "Other"
    UNKNOWN = "unknown", "Unknown"


class LostReason(Retirable):
    """A reason for losing: the first level, then the company's own detail."""

    level = models.CharField(max_length=12, choices=LossLevel, default=LossLevel.UNKNOWN)
    detail = models.CharField(max_length=200)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_lostreason"),
            models.UniqueConstraint(
                fields=["company", "detail"], name="pipeline_lostreason_detail"
            ),
        ]

    def __str__(self) -> str:
        return self.detail


class ExchangeRate(TenantModel):
    """One unit of `currency` in the company's currency, for deals of that month."""

    currency = models.CharField(max_length=3)
    month = models.DateField()  # the first day of the month
    rate = models.DecimalField(max_digits=20, decimal_places=10)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_exchangerate"),
            models.UniqueConstraint(
                fields=["company", "currency", "month"], name="pipeline_exchangerate_month"
            ),
            models.CheckConstraint(
                condition=models.Q(rate__gt=0), name="pipeline_exchangerate_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(month__day=1), name="pipeline_exchangerate_first_of_month"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.month:%Y-%m}: {self.rate}"
