"""The fault run in short: `make faults` is the long form (docs/how-to/benchmark.md)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from benchmarks.faults import promises
from config.launch.places import REPOSITORY

SEED = os.environ.get("FAULTS_SEED", "7")


@pytest.mark.django_db(transaction=True)
def test_killed_workers_and_a_lost_redis_change_no_figure_and_lose_no_letter(
    tmp_path: Path,
) -> None:
    settings = connection.settings_dict
    at = f"{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults_run", "100", "3", "1", "1", SEED, str(tmp_path)],
        env={
            **os.environ,
            "DATABASE_URL": f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{at}",
            "LOG_LEVEL": "ERROR",
        },
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,  # far more than it takes: a run that hangs
    )
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["moves"] == 100
    assert measured["kills"] == {"worker": 2, "child": 1, "redis": 1}
    assert measured["clock_set_back"] == 1
    assert measured["final_quarters"] == 4
    # Each quarter's final version and restatements, to both managers.
    assert measured["letters"] == measured["told"] == 2 * measured["versions"]
    # How fast it drained is the long form's question: here others use the machine too.
    broken = [what for what, kept in promises(measured, timed=False).items() if not kept]
    assert broken == [], measured
