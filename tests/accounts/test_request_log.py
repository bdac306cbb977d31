"""One id from the request to the log and to the task, and nothing personal on the way."""

import io
import json
import logging
import logging.config

import pytest
import redis
import structlog
from django.test import Client

from accounts import telemetry
from accounts.roles import Role
from accounts.selectors.telemetry import page_counts
from config import logging as ours
from tests.personas import World, client_of


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the handler of a JSON log writes."""
    stream = io.StringIO()
    formatter = structlog.stdlib.ProcessorFormatter(
        processor=structlog.processors.JSONRenderer(), foreign_pre_chain=ours.SHARED
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream  # type: ignore[misc]
    root.removeHandler(handler)
    root.setLevel(level)


def requests(lines: io.StringIO) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [row for row in rows if row["event"] == "request"]


def test_a_line_names_page_company_and_person_by_id(world: World, lines: io.StringIO) -> None:
    user = world.a.user(Role.REP)
    response = client_of(user).get(
        "/w/alpha/deals/?q=Whispered", headers={"X-Request-ID": "proxy-12345678"}
    )
    assert response["X-Request-ID"] == "proxy-12345678"
    row = requests(lines)[-1]
    assert row["request_id"] == "proxy-12345678"
    assert (row["company_id"], row["user_id"]) == (world.a.company.pk, user.pk)
    assert (row["page"], row["status"], row["method"]) == ("pipeline:board", 200, "GET")
    text = lines.getvalue()
    for personal in ("Whispered", user.email, "127.0.0.1", "alpha"):
        assert personal not in text


@pytest.mark.django_db
@pytest.mark.parametrize("told", ["", "short", "x" * 65, "with space 123", 'quote"12345678'])
def test_an_id_that_is_none_is_replaced(told: str) -> None:
    given = Client().get("/health/live", headers={"X-Request-ID": told})["X-Request-ID"]
    assert given != told
    assert len(given) == 32
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.django_db
def test_a_token_in_the_address_reaches_no_log(lines: io.StringIO) -> None:
    assert Client().get("/m/a-secret-token-of-a-link/").status_code == 404
    assert requests(lines)[-1]["page"] == "tracked_link"
    assert "a-secret-token" not in lines.getvalue()


def test_what_the_database_says_about_a_row_is_left_out() -> None:
    error = "duplicate key\nDETAIL:  Key (email)=(rep@example.com) already exists.\nraised here"
    event = ours.without_rows(None, "error", {"event": "failed", "exception": error})
    assert event["exception"] == "duplicate key\nraised here"


@pytest.fixture
def own_counters(monkeypatch: pytest.MonkeyPatch, worker_id: str) -> redis.Redis:
    from django.conf import settings

    number = 1 if worker_id == "master" else 1 + int(worker_id.removeprefix("gw")) % 14
    own = redis.Redis.from_url(
        f"{settings.REDIS_URL.rpartition('/')[0]}/{number}", decode_responses=True
    )
    own.flushdb()
    for place in ("accounts.telemetry", "accounts.selectors.telemetry"):
        monkeypatch.setattr(f"{place}.store", lambda: own)
    telemetry.deliver_requests()
    own.flushdb()
    return own


def test_requests_are_counted_and_wait_while_redis_is_gone(
    own_counters: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as gone:

        def refuse(*_: object, **__: object) -> None:
            raise redis.ConnectionError

        gone.setattr(own_counters, "pipeline", refuse)
        telemetry.count_request(page="a:page", status=200, seconds=0.2)
        telemetry.deliver_requests()
    telemetry.count_request(page="a:page", status=500, seconds=20)
    telemetry.deliver_requests()
    (found,) = [one for one in page_counts() if one.page == "a:page"]
    assert found.answers == {"200": 1, "500": 1}
    assert found.buckets == {"0.3": 1, "inf": 1}
    assert found.seconds == pytest.approx(20.2)
