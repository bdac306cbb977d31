"""Enablement material: what buyers are given, and what they did with it."""

from typing import ClassVar

from django.db import models

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import (
    APPEND_ONLY,
    OwnersFunction,
    RowSecurity,
    TenantForeignKey,
    TenantModel,
)
from pipeline.models.catalog import Retirable


class Theme(Retirable):
    """What buyers worry about and say, in the company's own words: one word for one thing.

    A theme that was merged into another keeps its rows: readers follow `merged_into`, which
    always names a theme that is not merged itself.
    """

    name = models.CharField(max_length=120)
    merged_into = TenantForeignKey("self", null=True, blank=True, related_name="merged")

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_theme", "merged_into"),
            models.UniqueConstraint(fields=["company", "name"], name="pipeline_theme_name"),
        ]
        indexes = [
            models.Index(
                fields=["company", "merged_into"],
                name="theme_by_merged",
                condition=models.Q(merged_into__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Material(Retirable):
    """An article, video, deck or template, with the stage and the worry it should help with."""

    class Kind(models.TextChoices):
        ARTICLE = "article", "Article"
        VIDEO = "video", "Video"
        DECK = "deck", "Deck"
        TEMPLATE = "template", "Template"
        CASE = "case", "Case study"
        OTHER = "other", "Other"

    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.ARTICLE)
    # Where buyers find it; tracked links lead there and nowhere else. Empty: sent as a file.
    address = models.URLField(max_length=1000, blank=True)
    edition = models.CharField(max_length=60, blank=True)  # "v3", "spring 2026"
    about = models.CharField(max_length=500, blank=True)
    stage = TenantForeignKey("pipeline.Stage", null=True, blank=True, related_name="+")
    theme = TenantForeignKey(Theme, null=True, blank=True, related_name="materials")
    owner = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    review_by = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    version = models.PositiveIntegerField(default=1)  # of the row: what an editor saw

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_material", "stage", "theme"),
            models.UniqueConstraint(fields=["company", "title"], name="pipeline_material_title"),
        ]

    def __str__(self) -> str:
        return self.title


# Who comes with a tracked link is nobody's member: the hash of its token names its company.
_LINK_COMPANY = "SELECT company_id FROM pipeline_trackedlink WHERE token_hash = wanted"


class TrackedLink(TenantModel):
    """Our own address for one material, given to one deal: unguessable, and it can be revoked.

    The token is made from `nonce` and a key that the database does not hold, so whoever reads
    the table cannot follow links; it can be shown again, and is found by its hash.
    """

    row_security: ClassVar[RowSecurity] = RowSecurity(
        functions=(
            OwnersFunction(
                "app_tracked_link_company", (("wanted", "text"),), "bigint", _LINK_COMPANY
            ),
        ),
    )

    material = TenantForeignKey(Material, related_name="links")
    deal = TenantForeignKey("pipeline.Deal", related_name="tracked_links")
    contact = TenantForeignKey("pipeline.Contact", null=True, blank=True, related_name="+")
    # The address as it stood when the link was made: a redirect leads here only.
    address = models.URLField(max_length=1000)
    nonce = models.BinaryField()
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_trackedlink", "material", "deal", "contact"),
        ]
        indexes = [
            models.Index(fields=["company", "deal"], name="tracked_link_by_deal"),
            models.Index(fields=["company", "material"], name="tracked_link_by_material"),
            models.Index(
                fields=["company", "contact"],
                name="tracked_link_by_contact",
                condition=models.Q(contact__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"link {self.pk} of material {self.material_id}"


class MaterialUse(TenantModel):
    """A material was sent in a deal, or opened by its buyer. Counted people only."""

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    class Kind(models.TextChoices):
        SENT = "sent", "Sent"
        OPENED = "opened", "Opened"

    material = TenantForeignKey(Material, related_name="uses")
    deal = TenantForeignKey("pipeline.Deal", related_name="material_uses")
    link = TenantForeignKey(TrackedLink, null=True, blank=True, related_name="uses")
    contact = TenantForeignKey("pipeline.Contact", null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind)
    edition = models.CharField(max_length=60, blank=True)  # as it was when it was used
    happened_at = models.DateTimeField()
    happened_on = models.DateField()  # the company's local day, computed when written
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    # Of an opening: tells one reader from another without saying who it is.
    reader = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001

    class Meta:
        constraints = [
            *tenant_constraints("pipeline_materialuse", "material", "deal", "link", "contact"),
            models.UniqueConstraint(
                fields=["company", "idempotency_key"],
                name="pipeline_materialuse_key",
                condition=models.Q(idempotency_key__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["company", "deal"], name="material_use_by_deal"),
            models.Index(fields=["company", "material"], name="material_use_by_material"),
            models.Index(
                fields=["company", "contact"],
                name="material_use_by_contact",
                condition=models.Q(contact__isnull=False),
            ),
            models.Index(
                fields=["company", "link"],
                name="material_use_by_link",
                condition=models.Q(link__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"material {self.material_id} {self.kind} on {self.happened_on}"
