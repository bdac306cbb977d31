from pipeline.models.activity import Activity, Note
from pipeline.models.catalog import (
    Channel,
    Competitor,
    Contact,
    Customer,
    ExchangeRate,
    LossLevel,
    LostReason,
    Product,
    Rep,
    Source,
    Team,
)
from pipeline.models.deal import Deal, DealChange
from pipeline.models.imports import ImportBatch
from pipeline.models.mail import EmailMessage, MailSettings, StoredAttachment
from pipeline.models.material import Material, MaterialUse, Theme, TrackedLink
from pipeline.models.segment import SavedSegment
from pipeline.models.stage import Pipeline, Stage
from pipeline.models.transition import StageTransition
from pipeline.models.work import DirtyQuarter

__all__ = [
    "Activity",
    "Channel",
    "Competitor",
    "Contact",
    "Customer",
    "Deal",
    "DealChange",
    "DirtyQuarter",
    "EmailMessage",
    "ExchangeRate",
    "ImportBatch",
    "LossLevel",
    "LostReason",
    "MailSettings",
    "Material",
    "MaterialUse",
    "Note",
    "Pipeline",
    "Product",
    "Rep",
    "SavedSegment",
    "Source",
    "Stage",
    "StageTransition",
    "StoredAttachment",
    "Team",
    "Theme",
    "TrackedLink",
]
