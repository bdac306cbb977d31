"""What owners see of the background work, and what Prometheus reads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
import structlog
from celery import Task
from django.conf import settings
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from accounts import telemetry
from accounts.models import Notification
from accounts.roles import Role
from accounts.selectors.telemetry import failures_of, task_counts
from accounts.tenancy.context import company_context
from config.celery import app as celery_app
from metrics.models import Lease
from pipeline.models import DirtyQuarter
from tests.personas import World, client_of

PAGE = "/w/alpha/settings/operations/"
TOKEN = {"headers": {"Authorization": "Bearer secret"}}


@pytest.fixture(autouse=True)
def counters(monkeypatch: pytest.MonkeyPatch, worker_id: str) -> None:
    """Counters of this test's process alone, which begin at nothing."""
    number = 1 if worker_id == "master" else 1 + int(worker_id.removeprefix("gw")) % 14
    base = settings.REDIS_URL.rpartition("/")[0]
    own = redis.Redis.from_url(f"{base}/{number}", decode_responses=True)
    own.flushdb()
    for place in ("accounts.telemetry", "accounts.selectors.telemetry"):
        monkeypatch.setattr(f"{place}.store", lambda: own)


@pytest.fixture
def fails() -> Iterator[Task]:
    """A task that breaks; known to the worker for this test alone."""

    @celery_app.task(name="test.fails", shared=False)
    def fails(company_id: int) -> None:
        raise OSError("a secret of the customer's")

    yield fails
    celery_app.tasks.pop("test.fails")


@pytest.fixture
def works() -> Iterator[Task]:
    """A task that says what its lines in the log would carry."""

    @celery_app.task(name="test.works", shared=False)
    def works(company_id: int) -> dict[str, object]:
        return structlog.contextvars.get_contextvars()

    yield works
    celery_app.tasks.pop("test.works")


@pytest.fixture
def owner(computed: World) -> Client:
    return client_of(computed.a.user(Role.OWNER))


def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise redis.ConnectionError

    for name in ("lrange", "hgetall", "llen", "pipeline"):
        monkeypatch.setattr(telemetry.store(), name, gone)


def ran(ago: timedelta) -> None:
    now = datetime.now(UTC)
    Lease.objects.update_or_create(
        name="sweep", defaults={"expires_at": now, "last_run_at": now - ago}
    )


def states(client: Client) -> dict[str, tuple[str, str]]:
    page = client.get(PAGE).context["page"]
    return {one.name: (one.tone, one.text) for one in page.states}


def test_owners_see_when_figures_were_computed(owner: Client) -> None:
    ran(timedelta(seconds=4))
    page = owner.get(PAGE).context["page"]
    assert [row.quarter for row in page.computed][:3] == ["Q2 2026", "Q1 2026", "Q4 2025"]
    assert [row.status for row in page.computed][:2] == ["Running", "Final"]
    said = states(owner)
    assert said["Background work"][0] == "healthy"
    assert said["Failures"] == ("healthy", "None in the last thirty days.")


def test_a_worker_that_is_down_is_said_with_what_to_do(owner: Client) -> None:
    assert states(owner)["Background work"] == ("danger", "It has never run.")
    ran(timedelta(minutes=9))
    assert states(owner)["Background work"] == ("danger", "Last seen 9 minutes ago.")
    assert "Worker or beat is down" in owner.get(PAGE).content.decode()


def test_what_waits_is_counted_and_the_page_asks_again(owner: Client, computed: World) -> None:
    rows = DirtyQuarter.objects.filter(company_id=computed.a.company.pk)
    rows.update(due_at=None)
    assert states(owner)["Quarters"] == ("healthy", "All figures are up to date.")
    first = rows.order_by("quarter_start").first()
    assert first is not None
    rows.filter(pk=first.pk).update(gen=first.gen + 1)
    assert states(owner)["Quarters"] == ("watch", "1 quarter waits to be computed.")
    assert 'hx-trigger="every 5s"' in owner.get(PAGE).content.decode()


def test_how_long_the_first_has_waited_is_said_when_it_is_too_long(
    owner: Client, computed: World
) -> None:
    company = computed.a.company
    rows = DirtyQuarter.objects.filter(company_id=company.pk)
    rows.update(due_at=None)
    first = rows.order_by("quarter_start").first()
    assert first is not None
    rows.filter(pk=first.pk).update(gen=first.gen + 1)
    name = f"{company.pk}:{first.quarter_start}"
    began = datetime.now(UTC) - timedelta(minutes=20)
    telemetry.note_behind([name], at=began)
    telemetry.note_behind([name], at=datetime.now(UTC))  # the first sweep that found it counts
    assert states(owner)["Quarters"][0] == "danger"
    assert "The first has waited 20 minutes." in owner.get(PAGE).content.decode()
    with override_settings(METRICS_TOKEN="secret"):
        body = Client().get("/metrics", **TOKEN).content.decode()
    families = {f.name: f for f in text_string_to_metric_families(body)}
    age = families["leverpoint_queue_age_seconds"].samples[0].value
    assert age >= 1_199
    telemetry.note_behind([], at=datetime.now(UTC))
    assert states(owner)["Quarters"][0] == "watch"  # no longer known since when


def test_mails_that_wait_are_counted_for_this_company_alone(owner: Client, computed: World) -> None:
    assert states(owner)["Mail"] == ("healthy", "Nothing waits to be mailed.")
    now = datetime.now(UTC)
    for workspace in (computed.a, computed.b):
        with company_context(workspace.company.pk):
            for key, mailing in (("one", "at_once"), ("two", "off")):
                Notification.objects.create(
                    user=workspace.user(Role.OWNER),
                    kind="quarter_final",
                    key=key,
                    created_at=now,
                    mailing=mailing,
                )
    assert states(owner)["Mail"] == ("watch", "1 mail waits to be sent.")


def test_failures_of_this_company_and_no_other(owner: Client, computed: World, fails: Task) -> None:
    for workspace in (computed.a, computed.b, computed.b):
        assert fails.apply(args=[workspace.company.pk]).failed()
    assert states(owner)["Failures"] == ("watch", "1 task failed in the last thirty days.")
    body = owner.get(PAGE).content.decode()
    assert "test.fails: OSError" in body
    assert "secret" not in body
    assert len(failures_of(computed.b.company.pk) or ()) == 2


def test_a_redis_that_is_gone_is_said_and_breaks_nothing(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    telemetry.count_task(name="x", seconds=1.0, failed=False)  # loses the count, nothing else
    assert states(owner)["Failures"][0] == "danger"


@pytest.mark.parametrize("role", [Role.MANAGER, Role.REP, Role.LEADER])
def test_only_owners_look(computed: World, role: Role) -> None:
    client = client_of(computed.a.user(role))
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/w/alpha/settings/").content.decode()


@override_settings(METRICS_TOKEN="secret")
def test_prometheus_reads_queue_lag_times_and_failures(computed: World) -> None:
    begun = datetime.now(UTC)
    ran(timedelta(seconds=7))
    telemetry.count_task(name="metrics.sweep", seconds=0.2, failed=False)
    telemetry.count_task(name="metrics.sweep", seconds=3.0, failed=True)
    with company_context(computed.a.company.pk):
        behind = DirtyQuarter.objects.filter(due_at__lte=datetime.now(UTC)).count()
    response = Client().get("/metrics", **TOKEN)
    assert response.status_code == 200
    families = {f.name: f for f in text_string_to_metric_families(response.content.decode())}
    lag = families["leverpoint_periodic_lag_seconds"].samples[0]
    assert lag.labels == {"job": "sweep"}
    assert 7 <= lag.value <= 7 + (datetime.now(UTC) - begun).total_seconds()
    assert families["leverpoint_quarters_behind"].samples[0].value >= behind
    ended = {s.labels["end"]: s.value for s in families["leverpoint_tasks"].samples}
    assert ended == {"done": 1, "failed": 1}
    took = [
        s
        for s in families["leverpoint_task_seconds"].samples
        if "metrics.sweep" in s.labels.values()
    ]
    by_bound = {s.labels["le"]: s.value for s in took if s.name.endswith("_bucket")}
    assert (by_bound["0.1"], by_bound["0.25"], by_bound["5.0"], by_bound["+Inf"]) == (0, 1, 2, 2)
    assert next(s.value for s in took if s.name.endswith("_sum")) == pytest.approx(3.2)
    telemetry.count_request(page="metrics:velocity", status=200, seconds=0.2)
    families = {
        f.name: f
        for f in text_string_to_metric_families(Client().get("/metrics", **TOKEN).content.decode())
    }
    asked = [
        s.value
        for s in families["leverpoint_requests"].samples
        if s.labels == {"page": "metrics:velocity", "status": "200"}
    ]
    assert asked == [1]
    text = response.content.decode()
    assert "alpha" not in text
    assert "northlight" not in text


@pytest.mark.django_db
def test_without_the_token_there_is_no_such_page() -> None:
    assert Client().get("/metrics", **TOKEN).status_code == 404  # none is set
    with override_settings(METRICS_TOKEN="secret"):
        assert Client().get("/metrics").status_code == 404
        wrong = {"Authorization": "Bearer other"}
        assert Client().get("/metrics", headers=wrong).status_code == 404


@override_settings(METRICS_TOKEN="secret")
def test_prometheus_is_answered_while_redis_is_gone(
    computed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    body = Client().get("/metrics", **TOKEN).content.decode()
    assert "leverpoint_redis_up 0.0" in body
    assert "leverpoint_quarters_behind" in body


def test_every_task_is_counted_and_names_its_company_in_the_log(
    computed: World, works: Task, fails: Task
) -> None:
    bound = works.apply(args=[computed.a.company.pk]).get()
    assert bound["company_id"] == computed.a.company.pk
    fails.apply(args=[computed.a.company.pk])
    counted = {c.name: (c.done, c.failed) for c in task_counts()}
    assert counted == {"test.works": (1, 0), "test.fails": (0, 1)}
    assert all(sum(c.buckets.values()) == 1 for c in task_counts())
