"""From counters and rows to the text of /metrics."""

import hmac
from collections.abc import Iterator

import redis
from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from accounts.access import public_view
from accounts.selectors.telemetry import messages_waiting, task_counts
from accounts.telemetry import BUCKETS

_WORK = """
    SELECT count(*) FILTER (WHERE gen > done_gen OR due_at <= %(now)s),
           max(extract(epoch FROM %(now)s - due_at)) FILTER (WHERE due_at <= %(now)s)
    FROM pipeline_dirtyquarter
"""
_LEASES = "SELECT name, extract(epoch FROM %(now)s - last_run_at) FROM metrics_lease"


class Collector:
    """The figures at the moment of asking. No label names a company or a person."""

    def collect(self) -> Iterator[Metric]:
        """Work that waits, signs of life, and what tasks did."""
        now = {"now": timezone.now()}
        with connection.cursor() as cursor:
            cursor.execute(_WORK, now)
            behind, late = cursor.fetchone()
            cursor.execute(_LEASES, now)
            leases = dict(cursor.fetchall())
        yield GaugeMetricFamily(
            "leverpoint_quarters_behind", "Quarters whose figures wait to be computed", behind
        )
        yield GaugeMetricFamily(
            "leverpoint_queue_age_seconds",
            "How long the quarter waits whose calendar moved on first",
            float(late or 0),
        )
        lag = GaugeMetricFamily(
            "leverpoint_periodic_lag_seconds",
            "Seconds since a periodic job ran last: the sweep every 10 s, experiments every 600 s",
            labels=["job"],
        )
        for name, seconds in sorted(leases.items()):
            if seconds is not None:
                lag.add_metric([name], float(seconds))
        yield lag
        try:
            yield from self._tasks()
        except redis.RedisError:
            yield GaugeMetricFamily("leverpoint_redis_up", "Does Redis answer", 0)
        else:
            yield GaugeMetricFamily("leverpoint_redis_up", "Does Redis answer", 1)

    def _tasks(self) -> Iterator[Metric]:
        counts = task_counts()
        yield GaugeMetricFamily(
            "leverpoint_messages_waiting", "Messages that no worker has taken", messages_waiting()
        )
        ended = CounterMetricFamily("leverpoint_tasks", "Tasks that ended", labels=["task", "end"])
        took = HistogramMetricFamily(
            "leverpoint_task_seconds", "How long they took", labels=["task"]
        )
        for one in counts:
            ended.add_metric([one.name, "done"], one.done)
            ended.add_metric([one.name, "failed"], one.failed)
            buckets, total = [], 0
            for bound in (*BUCKETS, "inf"):
                total += one.buckets.get(str(bound), 0)
                buckets.append(("+Inf" if bound == "inf" else str(bound), float(total)))
            took.add_metric([one.name], buckets, one.seconds)
        yield ended
        yield took


@public_view
def prometheus(request: HttpRequest) -> HttpResponse:
    """The text that Prometheus reads, for who knows METRICS_TOKEN; nothing is here otherwise."""
    token = settings.METRICS_TOKEN
    told = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(told.encode(), token.encode()):
        raise Http404
    registry = CollectorRegistry()
    registry.register(Collector())  # type: ignore[arg-type]
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
