"""Is the process up, and can it work?"""

import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client


@pytest.fixture
def redis_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis.Redis, "ping", lambda self: True)


def test_a_live_process_answers_without_a_database() -> None:
    response = Client().get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "live"})


@pytest.mark.django_db
def test_ready_when_everything_answers(redis_answers: None) -> None:
    response = Client().get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


@pytest.mark.django_db
def test_it_says_what_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise redis.ConnectionError

    def broken(*_: object, **__: object) -> None:
        raise OperationalError

    monkeypatch.setattr(redis.Redis, "ping", gone)
    response = Client().get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "missing": ["redis"]}

    monkeypatch.setattr(connection, "cursor", broken)
    response = Client().get("/health/ready")
    assert response.json() == {"status": "not ready", "missing": ["database", "redis"]}
    monkeypatch.undo()


@pytest.mark.django_db
def test_it_tells_nothing_else(redis_answers: None) -> None:
    body = Client().get("/health/ready").content.decode()
    assert "postgres" not in body
    assert "127.0.0.1" not in body


@pytest.mark.django_db
def test_tables_of_another_version_are_not_ready(
    redis_answers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = frozenset({("accounts", "9999_from_the_future")})
    monkeypatch.setattr("accounts.views.health._wanted", lambda: wanted)
    response = Client().get("/health/ready")
    assert response.status_code == 503
    assert response.json()["missing"] == ["migrations"]
