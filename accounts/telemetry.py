"""What the background work did, counted where every process can read it: in Redis.

Counters begin anew when Redis does, as those of Prometheus may. Nothing here is anybody's data:
names of tasks, times, and for a failure whose company it was. A Redis that does not answer loses
a count and nothing else.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

import redis
from django.conf import settings

TASKS, SECONDS, FAILURES = "leverpoint:tasks", "leverpoint:seconds", "leverpoint:failures"
REQUESTS, TOOK, BEHIND = "leverpoint:requests", "leverpoint:took", "leverpoint:behind"
PAGE_BUCKETS = (0.05, 0.1, 0.3, 0.8, 2.0, 5.0, 15.0)
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_KEPT = 20
_EVERY = 3.0  # seconds between two deliveries of what a process counted
_lock = threading.Lock()
_requests: Counter[str] = Counter()
_took: Counter[str] = Counter()
_delivered = [0.0]


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


def count_request(*, page: str, status: int, seconds: float) -> None:
    """A request was answered. `page` is the name of a view, of which there are few.

    Counted in this process and handed over every three seconds: no request waits for Redis each
    time, and a process that is killed loses three seconds of counts.
    """
    bucket = next((b for b in PAGE_BUCKETS if seconds <= b), "inf")
    with _lock:
        _requests[f"{page}|{status}"] += 1
        _took[f"{page}|{bucket}"] += 1
        _took[f"{page}|sum"] += round(seconds * 1_000_000)  # whole microseconds
        if time.monotonic() - _delivered[0] < _EVERY:
            return
    deliver_requests()


def deliver_requests() -> None:
    """Hand over what this process counted; what cannot be handed over now waits."""
    with _lock:
        _delivered[0] = time.monotonic()
        requests, took = dict(_requests), dict(_took)
        _requests.clear()
        _took.clear()
    if not requests:
        return
    try:
        with store().pipeline(transaction=True) as pipe:
            for key, n in requests.items():
                pipe.hincrby(REQUESTS, key, n)
            for key, n in took.items():
                pipe.hincrby(TOOK, key, n)
            pipe.execute()
    except redis.RedisError:
        with _lock:
            _requests.update(requests)
            _took.update(took)
            _delivered[0] = time.monotonic() + 30  # one that hangs must not hold up every page


def note_behind(names: Iterable[str], *, at: datetime) -> None:
    """The sweep found these quarters behind: since when is the first sweep that found them."""
    wanted = sorted(names)
    try:
        known: set[str] = {str(name) for name in store().zrange(BEHIND, 0, -1)}
        with store().pipeline(transaction=True) as pipe:
            gone = sorted(known - set(wanted))
            if gone:
                pipe.zrem(BEHIND, *gone)
            if wanted:
                pipe.zadd(BEHIND, {name: at.timestamp() for name in wanted}, nx=True)
            pipe.execute()
    except redis.RedisError:
        return
