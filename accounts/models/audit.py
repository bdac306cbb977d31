"""What was done, by whom, to what: written in the same transaction as the deed."""

from typing import ClassVar

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import APPEND_ONLY, RowSecurity, TenantModel


class AuditEntry(TenantModel):
    """One deed. `actor` is empty for the product itself; `actor_label` always says who."""

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    at = models.DateTimeField()
    actor = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    actor_label = models.CharField(max_length=254)
    action = models.CharField(max_length=60)  # noun.verb-ed, e.g. deal.moved
    object_type = models.CharField(max_length=60)
    object_id = models.BigIntegerField(null=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [*tenant_constraints("accounts_auditentry")]
        indexes = [
            models.Index(fields=["company", "object_type", "object_id"], name="audit_by_object"),
            models.Index(fields=["company", "at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"
