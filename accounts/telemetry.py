"""What the background work did, counted where every process can read it: in Redis.

Counters begin anew when Redis does, as those of Prometheus may. Nothing here is anybody's data:
names of tasks, times, and for a failure whose company it was. A Redis that does not answer loses
a count and nothing else.
"""

import json
from datetime import datetime
from functools import lru_cache

import redis
from django.conf import settings

TASKS, SECONDS, FAILURES = "leverpoint:tasks", "leverpoint:seconds", "leverpoint:failures"
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_KEPT = 20


@lru_cache(maxsize=1)
def store() -> redis.Redis:
    """The connection of this process."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, decode_responses=True
    )


def count_task(*, name: str, seconds: float | None, failed: bool) -> None:
    """A task has ended: how long it took, and whether it failed."""
    try:
        with store().pipeline(transaction=False) as pipe:
            pipe.hincrby(TASKS, f"{name}|{'failed' if failed else 'done'}", 1)
            if seconds is not None:
                bucket = next((b for b in BUCKETS if seconds <= b), "inf")
                pipe.hincrby(SECONDS, f"{name}|{bucket}", 1)
                pipe.hincrbyfloat(SECONDS, f"{name}|sum", seconds)
            pipe.execute()
    except redis.RedisError:
        return


def note_failure(*, company_id: int, name: str, what: str, at: datetime) -> None:
    """A task of this company failed: kept for its owners, the newest twenty."""
    line = json.dumps({"task": name, "what": what[:200], "at": at.isoformat()})
    key = f"{FAILURES}:{company_id}"
    try:
        with store().pipeline(transaction=True) as pipe:
            pipe.lpush(key, line)
            pipe.ltrim(key, 0, _KEPT - 1)
            pipe.expire(key, 30 * 86_400)
            pipe.execute()
    except redis.RedisError:
        return
