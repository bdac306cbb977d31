"""Who belongs to which company, as what."""

from typing import ClassVar

from django.db import models

from accounts.roles import Role
from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import RowSecurity, TenantModel


class Membership(TenantModel):
    """A user's place in a company. Read on every request: who was removed gets 404 at once."""

    row_security: ClassVar[RowSecurity] = RowSecurity(
        visible_too="user_id = (SELECT NULLIF(current_setting('app.user_id', true), '')::bigint)"
    )

    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=[(r.value, r.label) for r in Role])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            *tenant_constraints("accounts_membership"),
            models.UniqueConstraint(fields=["company", "user"], name="accounts_membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role}"
