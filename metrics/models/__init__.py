from metrics.models.danger_point import DangerPoint, DangerPointEntry, RecordedChange
from metrics.models.experiment import (
    Assignment,
    Experiment,
    ExperimentEntry,
    ExperimentReason,
    ExperimentResult,
    Measure,
)
from metrics.models.finding import Finding, FindingChange, FindingDeal
from metrics.models.lease import Lease
from metrics.models.review import Answer, Guide, GuideQuestion, Review, ReviewKind
from metrics.models.scenario import Scenario
from metrics.models.sign_off import QuarterReview, SignOff
from metrics.models.snapshot import Snapshot

__all__ = [
    "Answer",
    "Assignment",
    "DangerPoint",
    "DangerPointEntry",
    "Experiment",
    "ExperimentEntry",
    "ExperimentReason",
    "ExperimentResult",
    "Finding",
    "FindingChange",
    "FindingDeal",
    "Guide",
    "GuideQuestion",
    "Lease",
    "Measure",
    "QuarterReview",
    "RecordedChange",
    "Review",
    "ReviewKind",
    "Scenario",
    "SignOff",
    "Snapshot",
]
