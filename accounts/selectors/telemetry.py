"""What the background work has done so far, read back from Redis."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import redis

from accounts.telemetry import FAILURES, SECONDS, TASKS, store


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Of one task: runs by end, and how many took at most so long. `seconds` is their sum."""

    name: str
    done: int
    failed: int
    buckets: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """One task of a company that failed."""

    task: str
    what: str
    at: datetime


def task_counts() -> tuple[TaskCounts, ...]:
    """Every task that ran since Redis began; raises redis.RedisError where it does not answer."""
    ends: dict[str, str] = store().hgetall(TASKS)  # type: ignore[assignment]
    times: dict[str, str] = store().hgetall(SECONDS)  # type: ignore[assignment]
    names = sorted({key.rpartition("|")[0] for key in (*ends, *times)})
    return tuple(
        TaskCounts(
            name=name,
            done=int(ends.get(f"{name}|done", 0)),
            failed=int(ends.get(f"{name}|failed", 0)),
            buckets={
                key.rpartition("|")[2]: int(value)
                for key, value in times.items()
                if key.rpartition("|")[0] == name and not key.endswith("|sum")
            },
            seconds=float(times.get(f"{name}|sum", 0.0)),
        )
        for name in names
    )


def messages_waiting() -> int:
    """Messages that no worker has taken yet."""
    return int(store().llen("celery"))  # type: ignore[arg-type]


def failures_of(company_id: int) -> tuple[Failure, ...] | None:
    """The newest failures of a company's tasks; None where Redis does not answer."""
    try:
        lines: list[str] = store().lrange(f"{FAILURES}:{company_id}", 0, -1)  # type: ignore[assignment]
    except redis.RedisError:
        return None
    rows = [json.loads(line) for line in lines]
    return tuple(Failure(r["task"], r["what"], datetime.fromisoformat(r["at"])) for r in rows)
