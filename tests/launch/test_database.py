"""The ground of all tests: the role is bound, and what a test commits is gone after it."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from config.launch.places import REPOSITORY
from tests import database


@pytest.mark.django_db
def test_tests_run_as_the_runtime_role() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('statement_timeout')")
        assert cursor.fetchone() == ("leverpoint_app", "15s")
    database.assert_bound_by_row_security()


@pytest.mark.django_db
def test_the_runtime_role_may_not_change_the_schema() -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE public.mine (id int)")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_what_a_test_commits_is_gone_in_the_next(
    turn: int, owner_connection: psycopg.Connection
) -> None:
    assert owner_connection.execute("SELECT count(*) FROM django_session").fetchone() == (0,)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_session (session_key, session_data, expire_date) "
            "VALUES ('k', '', now())"
        )
    assert owner_connection.execute("SELECT count(*) FROM django_session").fetchone() == (1,)


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_in_ci_a_skipped_test_counts_as_failed(tmp_path: Path, ci: str, code: int) -> None:
    file = tmp_path / "test_one_is_skipped.py"
    file.write_text(
        "import pytest\n\n"
        "@pytest.mark.skip(reason='nothing here')\n"
        "def test_skipped():\n    raise AssertionError\n\n"
        "def test_passes():\n    assert True\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--rootdir", tmp_path,
         "-c", os.devnull, "--confcutdir", tmp_path, "-p", "no:cacheprovider", file],
        cwd=REPOSITORY,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert ("1 tests were skipped, which counts as failed" in done.stdout) == bool(ci)
