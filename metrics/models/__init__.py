from metrics.models.lease import Lease
from metrics.models.snapshot import Snapshot

__all__ = ["Lease", "Snapshot"]
