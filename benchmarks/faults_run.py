"""The fault run itself, on the database of the environment: people work, processes are killed.

Two workers and two beats run as in the product, on a Redis of their own that keeps nothing. By
the count of moves, in a seeded order, a worker with all its children, a worker's child alone, or
Redis gets a SIGKILL. What is left is counted against the facts.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import django
from django.db import connection, transaction

from benchmarks.faults_celery import NEWS_EVERY
from benchmarks.measuring import say
from benchmarks.moved_clock import MovedClock
from config.launch.places import REPOSITORY, Home
from config.launch.processes import Process, watched
from config.launch.redis_server import Redis
from config.launch.supervisor import python

STEADY = 2.0  # seconds a worker has run before it is worth killing
PACE = 1.2  # seconds between two kills, or nobody would ever be at work
LEAP = timedelta(days=7)  # the clock's longest step: news older than two weeks is none


class Killed:
    """The programs of the run, started again whenever they are down; and who was killed."""

    def __init__(self, folder: Path, redis: Redis, seed: int) -> None:
        self._redis = redis
        self._rng = random.Random(seed)
        self._commands: dict[str, Sequence[str | Path]] = {}
        self._programs: dict[str, Process] = {}
        self._folder = folder
        self._environment = {**os.environ, "REDIS_URL": redis.url}
        self._since: dict[str, float] = {}
        self.count: Counter[str] = Counter()
        for name in ("worker-1", "worker-2"):
            self._add(
                name, "worker", "--concurrency", "1", "--hostname",
                f"{name}@%h", "--prefetch-multiplier", "1", "--without-gossip",
                "--without-mingle", "--loglevel", "WARNING",
            )  # fmt: skip
        for name in ("beat-1", "beat-2"):
            self._add(
                name, "beat", "--pidfile", "", "--schedule",
                str(folder / name), "--loglevel", "WARNING",
            )  # fmt: skip

    def _add(self, name: str, *words: str) -> None:
        self._commands[name] = python("-m", "benchmarks.faults_celery", *words)
        self._start(name)

    def _start(self, name: str) -> None:
        self._programs[name] = Process(
            self._commands[name],
            environment=self._environment,
            folder=REPOSITORY,
            log=self._folder / f"{name}.log",
        )
        self._since[name] = time.monotonic()

    def look(self) -> None:
        """Start again what is down, as the supervisor of a machine does."""
        for name, program in list(self._programs.items()):
            if program.code() is not None:
                self.count[f"{name.split('-')[0]} came back"] += 1
                self._start(name)

    def kill(self, what: str) -> None:
        """SIGKILL one of them: `worker` with all it started, a worker's `child`, or `redis`."""
        if what == "redis":
            self._kill_redis()
        else:
            self._kill_worker(what)
        self.count[what] += 1

    def _kill_redis(self) -> None:
        pid = self._redis.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while self._redis.code() is None:
            time.sleep(0.01)
        for kept in self._redis.folder.glob("append*"):
            shutil.rmtree(kept, ignore_errors=True)
        self._redis.start()

    def _kill_worker(self, what: str) -> None:
        name = self._rng.choice(["worker-1", "worker-2"])
        while True:
            self.look()
            pid = self._programs[name].pid
            children = _children(pid)
            if children and time.monotonic() - self._since[name] > STEADY:
                break
            time.sleep(0.05)
        if what == "child":
            os.kill(children[0], signal.SIGKILL)
            return
        os.killpg(pid, signal.SIGKILL)
        while self._programs[name].code() is None:
            time.sleep(0.01)
        self._start(name)

    def stop(self) -> None:
        for program in self._programs.values():
            program.signal()
        for program in self._programs.values():
            program.stop(3)


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def run(*, moves: int, workers: int, redis_kills: int, seed: int, folder: Path) -> dict[str, Any]:
    """The whole run; what was counted."""
    from benchmarks.faults_company import BEGINS, ENDS, found_company

    clock = MovedClock(Path(os.environ["FAULTS_CLOCK"]))
    clock.set(BEGINS)
    clock.install()
    rng = random.Random(seed)
    kills = ["worker"] * (workers - workers // 2) + ["child"] * (workers // 2)
    kills += ["redis"] * redis_kills
    rng.shuffle(kills)
    kill_at = {(i + 1) * moves // (len(kills) + 1): what for i, what in enumerate(kills)}
    steps = max(1, min(5, LEAP // ((ENDS - BEGINS) / moves)))
    people = found_company(seed=seed)
    with Home(folder / "redis-home") as home, watched():
        redis = Redis(home)
        redis.start()
        _send_to(redis.url)
        killed = Killed(folder, redis, seed)
        try:
            _await_work()
            begun = time.monotonic()
            behind_at_kill, last = 0, time.monotonic()
            for number in range(moves):
                target = BEGINS + (ENDS - BEGINS) * (number / moves)
                if number % steps == 0:
                    _move_on(clock, people, target)
                people.work(clock.now())
                if number in kill_at:
                    while time.monotonic() - last < PACE:
                        killed.look()
                        time.sleep(0.02)
                    behind_at_kill += bool(_behind(clock))
                    killed.kill(kill_at[number])
                    last = time.monotonic()
                killed.look()
            while clock.now() < ENDS and time.monotonic() - last < 120:
                killed.look()
                _move_on(clock, people, ENDS)
                time.sleep(0.1)
            worked = time.monotonic() - begun
            drained = _drain(killed, clock, last)
            mailed = _settle_mail(killed, clock, people)
        finally:
            killed.stop()
            redis.stop(1)
    return {
        "moves": len(people.acknowledged),
        "kills": {name: killed.count[name] for name in ("worker", "child", "redis")},
        "came_back": {k: v for k, v in killed.count.items() if k.endswith("came back")},
        "kills_with_work_waiting": behind_at_kill,
        "seconds": round(worked, 1),
        "drained_s": drained,
        "mail_settled_s": mailed,
        **_counted(people, clock),
    }


def _send_to(url: str) -> None:
    """This process, the web of the run, sends its messages to the Redis of the run."""
    from config.celery import app

    app.conf.broker_url = url


def _await_work() -> None:
    """Until a worker has answered a beat: before that nobody is there to be killed."""
    until = time.monotonic() + 120
    while _row("SELECT count(*) FROM metrics_lease") == (0,):
        if time.monotonic() > until:
            raise TimeoutError("No worker came up: see the logs in the folder of the run.")
        time.sleep(0.1)


def _behind(clock: MovedClock) -> list[Any]:
    from metrics.services.sweep import behind

    return behind(now=clock.now())


def _waits(clock: MovedClock, people: Any, *, days: int) -> bool:
    """Is a quarter overdue, or a version untold or unmailed, for so many days of this clock?

    News grows old in a week or two; a clock that runs a day a second has to wait for it.
    """
    with _company(people.company.pk), connection.cursor() as cursor:
        cursor.execute(_WAITING, {"since": clock.now() - timedelta(days=days)})
        return bool(cursor.fetchone()[0])


def _move_on(clock: MovedClock, people: Any, target: datetime) -> None:
    """Set the clock to the target, or a leap nearer to it; not while something waits for long."""
    if clock.now() < target and not _waits(clock, people, days=3):
        clock.set(min(target, clock.now() + LEAP))


def _drain(killed: Killed, clock: MovedClock, since: float) -> float | None:
    """Seconds from the last kill until nothing waits; None after two minutes."""
    while time.monotonic() - since < 120:
        killed.look()
        if not _behind(clock):
            return round(time.monotonic() - since, 1)
        time.sleep(0.1)
    return None


def _settle_mail(killed: Killed, clock: MovedClock, people: Any) -> float | None:
    """Seconds until all versions were told and all letters handed over; None after 90.

    Then one more round of the news, in which nothing may come a second time.
    """
    begun = time.monotonic()
    while _waits(clock, people, days=0):
        killed.look()
        if time.monotonic() - begun > 90:
            return None
        # The lease of the news lasts fifty seconds: the clock need not wait for it.
        clock.set(clock.now() + timedelta(seconds=20))
        time.sleep(0.5)
    settled = time.monotonic() - begun
    clock.set(clock.now() + timedelta(seconds=60))
    time.sleep(NEWS_EVERY + 1)
    return round(settled, 1)


def _company(company_id: int) -> Any:
    from accounts.tenancy.context import company_context

    class Both:
        def __enter__(self) -> None:
            self.context, self.block = company_context(company_id), transaction.atomic()
            self.context.__enter__()
            self.block.__enter__()

        def __exit__(self, *error: Any) -> None:
            self.block.__exit__(*error)
            self.context.__exit__(*error)

    return Both()


def _row(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


_VERSIONS = """
    WITH rows AS (
        SELECT pipeline_id, quarter_start, segment, version, figures, cause,
               lag(figures) OVER w AS before
        FROM metrics_snapshot WHERE status = 'final'
        WINDOW w AS (PARTITION BY pipeline_id, quarter_start, segment ORDER BY version)
    )
    SELECT count(*), count(DISTINCT (quarter_start, version)),
           count(*) FILTER (WHERE before = figures),
           count(*) FILTER (WHERE version > 1 AND jsonb_array_length(cause -> 'facts') = 0)
    FROM rows
"""
_GAPS = """
    SELECT count(*) FROM (
        SELECT quarter_start, max(version) AS top, count(DISTINCT version) AS n, min(version) AS low
        FROM metrics_snapshot WHERE status = 'final' GROUP BY quarter_start) q
    WHERE q.top <> q.n OR q.low <> 1
"""
_NEWS = """
    SELECT count(*), count(*) - count(DISTINCT (user_id, kind, key)) FROM accounts_notification
"""
_UNTOLD = """
    SELECT count(*) FROM (
        SELECT DISTINCT pipeline_id, quarter_label, version FROM metrics_snapshot
        WHERE status = 'final' AND NOT imported) v
    CROSS JOIN accounts_membership m
    WHERE NOT EXISTS (
        SELECT FROM accounts_notification n WHERE n.user_id = m.user_id
          AND n.key = v.pipeline_id || ':' || v.quarter_label || ':' || v.version)
"""


_WAITING = """
    SELECT EXISTS (
        SELECT FROM accounts_notification
        WHERE mailed_at IS NULL AND mailing = 'at_once' AND created_at < %(since)s
    ) OR EXISTS (
        SELECT FROM metrics_snapshot s
        WHERE status = 'final' AND NOT imported AND computed_at < %(since)s
          AND NOT EXISTS (SELECT FROM accounts_notification n WHERE n.key =
              s.pipeline_id || ':' || s.quarter_label || ':' || s.version)
    ) OR EXISTS (SELECT FROM pipeline_dirtyquarter WHERE due_at < %(since)s)
"""


def _counted(people: Any, clock: MovedClock) -> dict[str, Any]:
    """What the run left, against the facts."""
    from metrics.services.recompute import recompute_all
    from metrics.services.verifying import verify_snapshots

    company_id = people.company.pk
    with _company(company_id):
        (recorded,) = _row("SELECT count(*) FROM pipeline_stagetransition")
        rows, versions, doubled, without_cause = _row(_VERSIONS)
        (gaps,) = _row(_GAPS)
        (finals,) = _row(
            "SELECT count(DISTINCT quarter_start) FROM metrics_snapshot WHERE status = 'final'"
        )
        told, told_twice = _row(_NEWS)
        (untold,) = _row(_UNTOLD)
    verified = verify_snapshots(company_id=company_id)
    # The whole history once more: what it would write is what stood there wrong.
    again = recompute_all(company_id=company_id, now=clock.now())
    return {
        "moves_lost_or_doubled": abs(recorded - len(people.acknowledged)),
        "final_quarters": finals,
        "versions": versions,
        "final_rows": rows,
        "wrong_rows": sum(one.written + one.removed for one in again),
        "wrong_versions": len(verified.wrong),
        "examples": [str(one) for one in verified.wrong[:3]],
        "versions_doubled": doubled,
        "versions_missing": gaps,
        "versions_without_cause": without_cause,
        "told": told,
        "told_twice": told_twice,
        "untold": untold,
        **_letters(company_id),
    }


def _letters(company_id: int) -> dict[str, int]:
    """Letters that arrived against pieces of news that were to be mailed at once."""
    from accounts.models import Notification
    from accounts.selectors.news import sentence_of

    file = Path(os.environ["FAULTS_LETTERS"])
    lines = file.read_text().splitlines() if file.exists() else []
    arrived = Counter((to, subject) for to, subject in map(json.loads, lines))
    with _company(company_id):
        news = Notification.objects.filter(mailing="at_once").select_related("user")
        # A letter's subject is "company: sentence", cut to 200 characters.
        due: Counter[tuple[str, str]] = Counter()
        for one in news:
            subject = " ".join(f"Faults: {sentence_of(one.kind, one.values)}".split())
            due[(one.user.email, subject[:200])] += 1
    return {
        "letters": arrived.total(),
        "letters_lost": (due - arrived).total(),
        "letters_doubled": (arrived - due).total(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("moves", "workers", "redis_kills", "seed"):
        parser.add_argument(name, type=int)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    os.environ["FAULTS_CLOCK"] = str(given.folder / "clock")
    os.environ["FAULTS_LETTERS"] = str(given.folder / "letters")
    os.environ["EMAIL_BACKEND"] = "benchmarks.faults_mail.Letters"
    os.environ.pop("DATABASE_OWNER_URL", None)
    django.setup()
    say("faults", **run(**vars(given)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
