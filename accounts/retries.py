"""Run again what the database broke off to end a deadlock."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

P = ParamSpec("P")
R = TypeVar("R")
_BROKEN_OFF = {"40P01", "40001"}  # deadlock detected, serialization failure
_TIMES = 3


def retry_deadlocks(work: Callable[P, R]) -> Callable[P, R]:
    """Run again, at most three times, with a growing pause; `work` opens its own transaction.

    Inside a caller's transaction everything is lost already: the error goes on to whoever
    opened it (accounts.access.company_view runs a whole request again).
    """

    @wraps(work)
    def retried(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(_TIMES + 1):
            try:
                return work(*args, **kwargs)
            except OperationalError as error:
                state = getattr(error.__cause__, "sqlstate", None)
                if state not in _BROKEN_OFF or attempt == _TIMES or connection.in_atomic_block:
                    raise
                time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311
        raise AssertionError("unreachable")

    return retried
