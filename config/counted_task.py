"""Every task: counted with its time, and its lines in the log name the company."""

import time
from typing import Any

import structlog
from celery import Task
from django.utils import timezone

from accounts.telemetry import count_task, note_failure


class CountedTask(Task):  # type: ignore[misc]
    """What all tasks are. Those of one company take its id as their first argument."""

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Remember when it began, and for whom."""
        self.request.begun = time.monotonic()
        company_id = _company(args)
        if company_id is not None:
            structlog.contextvars.bind_contextvars(company_id=company_id)

    def after_return(
        self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None:
        """Count it; a failure is also told to the owners of its company."""
        begun = getattr(self.request, "begun", None)
        seconds = None if begun is None else time.monotonic() - begun
        failed = status == "FAILURE"
        count_task(name=self.name, seconds=seconds, failed=failed)
        company_id = _company(args)
        if failed and company_id is not None:
            what = type(retval).__name__
            note_failure(company_id=company_id, name=self.name, what=what, at=timezone.now())


def _company(args: Any) -> int | None:
    return args[0] if args and isinstance(args[0], int) else None
