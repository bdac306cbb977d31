"""The tenant: a sales organisation with a workspace."""

from datetime import date, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.models import OwnersFunction, RowSecurity

_ACTIVE = "(SELECT NULLIF(current_setting('app.company_id', true), '')::bigint)"
_USER = "(SELECT NULLIF(current_setting('app.user_id', true), '')::bigint)"
_OWN = (
    "EXISTS (SELECT 1 FROM accounts_membership m"  # noqa: S608
    " WHERE m.company_id = accounts_company.id AND m.user_id = " + _USER + ")"
)


class Company(models.Model):
    """A company and the settings that its figures depend on.

    `as_of` stands for "now" in a company whose history was loaded and stands still; empty in
    one that lives.
    """

    class VelocityNumber(models.TextChoices):
        AVERAGE_OPEN = "average_open", _("deals open on an average day")
        IN_PLAY = "in_play", _("deals in play")
        OPENED = "opened", _("deals opened")
        OPEN_AT_END = "open_at_end", _("deals open at the end")
        CLOSED = "closed", _("deals closed")

    class VelocityCycle(models.TextChoices):
        WON = "won", _("deals won")
        CLOSED = "closed", _("all deals closed")

    row_security: ClassVar[RowSecurity] = RowSecurity(
        rights=("SELECT", "INSERT", "UPDATE"),
        owned_by=f"id = {_ACTIVE}",
        # One's own companies may be listed before one of them is chosen.
        visible_too=_OWN,
        # Operators' commands and tasks know a company by its slug before they are inside it, mail
        # by the name in the company's address: these tell the id and nothing else.
        functions=(
            OwnersFunction(
                "app_company_id",
                (("wanted", "text"),),
                "bigint",
                "SELECT id FROM accounts_company WHERE slug = wanted",
            ),
            OwnersFunction(
                "app_mail_company_id",
                (("wanted", "text"),),
                "bigint",
                "SELECT id FROM accounts_company WHERE mail_token = wanted",
            ),
        ),
    )

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC")
    currency = models.CharField(max_length=3, default="EUR")
    fiscal_year_start_month = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    settle_days = models.PositiveSmallIntegerField(default=7, validators=[MaxValueValidator(60)])
    velocity_number = models.CharField(
        max_length=20, choices=VelocityNumber, default=VelocityNumber.AVERAGE_OPEN
    )
    velocity_cycle = models.CharField(
        max_length=10, choices=VelocityCycle, default=VelocityCycle.WON
    )
    locale = models.CharField(max_length=10, default="en")
    as_of = models.DateTimeField(null=True, blank=True)
    # The address that reps copy in is <mail_token>@<the installation's mail domain>; made when
    # a company first asks for it.
    mail_token = models.CharField(max_length=40, null=True, blank=True, unique=True)
    require_mfa = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(fiscal_year_start_month__range=(1, 12)),
                name="accounts_company_fiscal_month",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def local_day(self, instant: datetime) -> date:
        """The company's calendar date of an instant."""
        return instant.astimezone(self.zone).date()

    def quarter_start(self, day: date) -> date:
        """The first day of the fiscal quarter that holds this local day."""
        months = day.year * 12 + day.month - 1
        months -= (months - (self.fiscal_year_start_month - 1)) % 3
        return date(months // 12, months % 12 + 1, 1)

    def clock(self, now: datetime) -> datetime:
        """What "now" is for this company: the real one, unless its history stands still."""
        return self.as_of or now

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)
