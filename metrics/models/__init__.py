from metrics.models.danger_point import DangerPoint, DangerPointEntry, RecordedChange
from metrics.models.finding import Finding, FindingChange, FindingDeal
from metrics.models.lease import Lease
from metrics.models.review import Answer, Guide, GuideQuestion, Review, ReviewKind
from metrics.models.scenario import Scenario
from metrics.models.snapshot import Snapshot

__all__ = [
    "Answer",
    "DangerPoint",
    "DangerPointEntry",
    "Finding",
    "FindingChange",
    "FindingDeal",
    "Guide",
    "GuideQuestion",
    "Lease",
    "RecordedChange",
    "Review",
    "ReviewKind",
    "Scenario",
    "Snapshot",
]
