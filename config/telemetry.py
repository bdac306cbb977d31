"""From counters and rows to the text of /metrics."""

import hmac
from collections.abc import Iterator, Mapping, Sequence

import redis
from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from accounts.access import public_view
from accounts.selectors.telemetry import (
    behind_since,
    messages_waiting,
    page_counts,
    task_counts,
)
from accounts.telemetry import BUCKETS, PAGE_BUCKETS, deliver_requests

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
            "leverpoint_calendar_late_seconds",
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
            first = min(behind_since().values(), default=None) if behind else None
            waits = 0.0 if first is None else max(0.0, now["now"].timestamp() - first)
            yield GaugeMetricFamily(
                "leverpoint_queue_age_seconds",
                "How long ago the sweep first found the quarter that has waited longest",
                max(waits, float(late or 0)),
            )
            yield from self._tasks()
            yield from self._pages()
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
            took.add_metric([one.name], _steps(BUCKETS, one.buckets), one.seconds)
        yield ended
        yield took

    def _pages(self) -> Iterator[Metric]:
        deliver_requests()
        answers = CounterMetricFamily(
            "leverpoint_requests", "Requests answered", labels=["page", "status"]
        )
        took = HistogramMetricFamily(
            "leverpoint_request_seconds", "How long they took", labels=["page"]
        )
        for one in page_counts():
            for status, n in sorted(one.answers.items()):
                answers.add_metric([one.page, status], n)
            took.add_metric([one.page], _steps(PAGE_BUCKETS, one.buckets), one.seconds)
        yield answers
        yield took


def _steps(bounds: Sequence[float], counts: Mapping[str, int]) -> list[tuple[str, float]]:
    """Counts of each step, as Prometheus wants them: all up to each bound."""
    steps, total = [], 0
    for bound in (*bounds, "inf"):
        total += counts.get(str(bound), 0)
        steps.append(("+Inf" if bound == "inf" else str(bound), float(total)))
    return steps


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
