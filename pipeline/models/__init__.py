from pipeline.models.activity import Activity, Note
from pipeline.models.catalog import (
    Competitor,
    Customer,
    ExchangeRate,
    LostReason,
    Product,
    Rep,
    Source,
    Team,
)
from pipeline.models.deal import Deal, DealChange
from pipeline.models.imports import ImportBatch
from pipeline.models.stage import Pipeline, Stage
from pipeline.models.transition import StageTransition
from pipeline.models.work import DirtyQuarter

__all__ = [
    "Activity",
    "Competitor",
    "Customer",
    "Deal",
    "DealChange",
    "DirtyQuarter",
    "ExchangeRate",
    "ImportBatch",
    "LostReason",
    "Note",
    "Pipeline",
    "Product",
    "Rep",
    "Source",
    "Stage",
    "StageTransition",
    "Team",
]
