from pipeline.models.activity import Activity, Note
from pipeline.models.catalog import (
    Channel,
    Competitor,
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
from pipeline.models.stage import Pipeline, Stage
from pipeline.models.transition import StageTransition
from pipeline.models.work import DirtyQuarter

__all__ = [
    "Activity",
    "Channel",
    "Competitor",
    "Customer",
    "Deal",
    "DealChange",
    "DirtyQuarter",
    "ExchangeRate",
    "ImportBatch",
    "LossLevel",
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
