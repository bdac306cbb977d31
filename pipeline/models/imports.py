"""Where rows came from."""

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import TenantModel


class ImportBatch(TenantModel):
    """One import of one or more files: what it was, who did it, what came of it."""

    system = models.CharField(max_length=40)  # hubspot, salesforce, pipedrive, table, ...
    files = models.JSONField(default=list)  # names and SHA-256 of the files
    mapping = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    imported_at = models.DateTimeField()
    imported_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [*tenant_constraints("pipeline_importbatch")]

    def __str__(self) -> str:
        return f"{self.system} import {self.pk}"
