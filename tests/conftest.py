"""What every test stands on: settings without a machine behind them, and a database of its own.

Tests that touch no database (tests/calc) run without one: the addresses set below are never
dialled.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import database

_FOR_TESTS = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "SECRET_KEY": "a key for tests, worth nothing",
    "DEBUG": "false",
    "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
    "STATICFILES_BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
    "STATIC_ROOT": str(Path(__file__).parents[1] / "static"),
    "LOG_LEVEL": "WARNING",
    "DATABASE_POOL": "0",
}
# Only where `make test` has not set them: names that no server answers to.
_NOWHERE = {
    "DATABASE_URL": "postgresql://leverpoint_app:none@127.0.0.1:1/leverpoint",
    "DATABASE_OWNER_URL": "postgresql://leverpoint_owner:none@127.0.0.1:1/leverpoint",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def _set_up_django() -> None:
    """Before any other conftest is imported, since theirs import models."""
    os.environ.update(_FOR_TESTS)
    for name, value in _NOWHERE.items():
        os.environ.setdefault(name, value)

    import django
    from django.conf import settings

    # Deterministic and alone: no message leaves the process, no limit is shared by two workers.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.CELERY_BROKER_URL = "memory://"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django.setup()


_set_up_django()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: drives a real Chromium")


# Long single tests go first, and the guards. The browser goes last: its event loop stays in the
# worker's thread, and Django's asynchronous calls (tests/guards/test_tenant_net.py) refuse to run
# beside it.
_FIRST, _LAST = ("reliability", "launch", "guards"), "browser"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By rooms; within them the shuffled order stays."""
    tests = Path(__file__).parent
    rank = {tests / name: i for i, name in enumerate(_FIRST)} | {tests / _LAST: len(_FIRST) + 1}

    def place(item: pytest.Item) -> int:
        return min((rank[one] for one in item.path.parents if one in rank), default=len(_FIRST))

    items.sort(key=place)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is an error: nothing there may be missing."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI") or hasattr(session.config, "workerinput"):
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped:
        reporter.write_line(f"CI: {len(skipped)} tests were skipped, which counts as failed.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def database_name(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    django_test_environment: None,
    django_db_blocker: Any,
) -> Iterator[str]:
    """This worker's database: a copy of one that was migrated once for the whole run."""
    database.owner_url("postgres")  # says what is missing
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    base = tmp_path_factory.getbasetemp()
    folder = base if worker == "main" else base.parent
    with django_db_blocker.unblock():
        with database.locked(folder):
            template = database.make_template(folder)
            name = database.copy_template(template, worker)
        database.assert_bound_by_row_security()
    yield name
    with django_db_blocker.unblock():
        database.use("postgres")
        database.drop(name, *([template] if worker == "main" else []))


@pytest.fixture(scope="session")
def django_db_setup(database_name: str) -> None:
    """In place of pytest-django's, whose role would own what it creates."""


@pytest.fixture(autouse=True, scope="session")
def _clean_as_owner(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that commit are cleaned up after by the owner: the runtime role may not TRUNCATE."""
    from django.db import connections
    from django.test import TransactionTestCase

    def empty(self: TransactionTestCase) -> None:
        database.empty_tables(connections["default"].settings_dict["NAME"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """No rate limit and no cached value outlives the test that caused it."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """A page asked for in French leaves its language on the thread: the next test starts afresh."""
    from django.utils import translation

    yield
    translation.deactivate()


@pytest.fixture
def owner_connection(database_name: str) -> Iterator[Any]:
    """The owner's own connection (psycopg, autocommit): it sees what tests have committed."""
    with database.connect(database_name) as connection:
        yield connection
