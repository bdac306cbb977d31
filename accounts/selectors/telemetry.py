"""What the background work has done so far, read back from Redis."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import redis

from accounts.telemetry import BEHIND, FAILURES, REQUESTS, SECONDS, TASKS, TOOK, store


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


@dataclass(frozen=True, slots=True)
class PageCounts:
    """Of one page: answers by status, and how many took at most so long. `seconds`: their sum."""

    page: str
    answers: Mapping[str, int]
    buckets: Mapping[str, int]
    seconds: float


def page_counts() -> tuple[PageCounts, ...]:
    """Every page that was asked for since Redis began; raises redis.RedisError."""
    answers: dict[str, dict[str, int]] = {}
    buckets: dict[str, dict[str, int]] = {}
    for name, into in ((REQUESTS, answers), (TOOK, buckets)):
        found: dict[str, str] = store().hgetall(name)  # type: ignore[assignment]
        for key, value in found.items():
            page, _, rest = key.rpartition("|")
            into.setdefault(page, {})[rest] = int(value)
    return tuple(
        PageCounts(
            page=page,
            answers=answers[page],
            buckets={k: n for k, n in buckets.get(page, {}).items() if k != "sum"},
            seconds=buckets.get(page, {}).get("sum", 0) / 1_000_000,
        )
        for page in sorted(answers)
    )


def behind_since() -> Mapping[str, float]:
    """Which quarters the sweep found behind, and when first (seconds since 1970).

    Keys are "company:first day"; raises redis.RedisError where Redis does not answer.
    """
    found: list[tuple[str, float]] = store().zrange(BEHIND, 0, -1, withscores=True)  # type: ignore[assignment]
    return dict(found)


def messages_waiting() -> int:
    """Messages that no worker has taken yet."""
    return int(store().llen("celery"))


def failures_of(company_id: int) -> tuple[Failure, ...] | None:
    """The newest failures of a company's tasks; None where Redis does not answer."""
    try:
        lines: list[str] = store().lrange(f"{FAILURES}:{company_id}", 0, -1)  # type: ignore[assignment]
    except redis.RedisError:
        return None
    rows = [json.loads(line) for line in lines]
    return tuple(Failure(r["task"], r["what"], datetime.fromisoformat(r["at"])) for r in rows)
