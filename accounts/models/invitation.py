"""A place in a company that waits for its person."""

from typing import ClassVar

from django.db import models

from accounts.roles import Role
from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import OwnersFunction, RowSecurity, TenantModel


class Invitation(TenantModel):
    """Bound to an address, a company and a role; single use; valid for seven days.

    Only the hash of its token is kept: who reads the table cannot come in.
    """

    row_security: ClassVar[RowSecurity] = RowSecurity(
        # Who comes with a token belongs to no company yet: whoever knows the hash of one may
        # know its company.
        functions=(
            OwnersFunction(
                "app_invitation_company",
                (("wanted", "text"),),
                "bigint",
                "SELECT company_id FROM accounts_invitation WHERE token_hash = wanted",
            ),
        ),
    )

    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=[(r.value, r.label) for r in Role])
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("accounts_invitation"),
            models.CheckConstraint(
                name="accounts_invitation_accepted_pair",
                condition=models.Q(accepted_at__isnull=True, accepted_by__isnull=True)
                | models.Q(accepted_at__isnull=False, accepted_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"
