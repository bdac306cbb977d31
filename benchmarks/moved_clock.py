"""A clock that several processes share and one of them moves: for campaigns alone.

The product reads the time in one place, `django.utils.timezone.now`, and hands it on; replacing
that function moves the whole product. Nothing of this can be reached from the product itself.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils import timezone


class MovedClock:
    """The real time plus what stands in a file, in seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._file.read_text()))

    def set(self, instant: datetime) -> None:
        """From now on it is this instant, for every process; whole at any moment."""
        fresh = self._file.with_suffix(f".{os.getpid()}")
        fresh.write_text(repr((instant - datetime.now(UTC)).total_seconds()))
        fresh.replace(self._file)

    def install(self) -> None:
        """Let everything in this process tell the time by this clock."""
        timezone.now = self.now
