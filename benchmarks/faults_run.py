"""The fault run itself, on the database of the environment: people work, processes are killed.

Two workers and two beats run as in the product, on a Redis of their own that keeps nothing. By
the count of moves, in a seeded order, a worker with all its children, a worker's child alone, or
Redis gets a SIGKILL, just after a move: while somebody computes. On the day before a quarter
closes the clock runs ahead past that midnight, and is set back once workers have closed it. What
is left is counted against the facts (`faults_counting`).
"""

import argparse
import os
import random
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.db import connection

from benchmarks.faults_celery import NEWS_EVERY
from benchmarks.faults_programs import PATIENCE, Patience, Programs, Stuck
from benchmarks.measuring import say
from benchmarks.moved_clock import MovedClock
from config.launch.places import Home
from config.launch.processes import watched
from config.launch.redis_server import Redis
from pipeline.tasks import wake

if TYPE_CHECKING:  # models cannot be imported before Django is set up
    from benchmarks.faults_company import People

# A letter that is a week old is not sent any more: the clock waits for what has waited for three
# days of it, and then takes no longer step than three.
LEAP = WAIT = timedelta(days=3)
AFTER_MOVE = 0.3  # seconds, at most, between a move and the kill that follows it


def run(
    *, moves: int, workers: int, redis_kills: int, backs: int, seed: int, folder: Path
) -> dict[str, Any]:
    """The whole run; what was counted."""
    from benchmarks.faults_company import BEGINS, ENDS, found_company
    from benchmarks.faults_counting import counted

    clock = MovedClock(Path(os.environ["FAULTS_CLOCK"]))
    clock.set(BEGINS)
    clock.install()
    rng = random.Random(seed)
    kill_at = _kills(moves, workers, redis_kills, rng)
    steps = max(1, min(5, LEAP // ((ENDS - BEGINS) / moves)))
    people = found_company(seed=seed)
    ahead_at = _aheads(people, moves, steps, backs)
    with Home(folder / "redis-home") as home, watched():
        redis = Redis(home)
        redis.start()
        _send_to(redis.url)
        programs = Programs(folder, redis, seed)
        try:
            _await_work(programs)
            begun, waiting = time.monotonic(), 0
            for number in range(moves):
                what = kill_at.get(number)
                whom = programs.victim(what) if what else ""
                if number % steps == 0:
                    target = BEGINS + (ENDS - BEGINS) * (number / moves)
                    _move_on(programs, clock, people, target)
                if number in ahead_at:
                    _run_ahead(programs, clock, people, ahead_at[number])
                people.work(clock.now())
                if what:
                    time.sleep(rng.uniform(0, AFTER_MOVE))
                    waiting += bool(_behind(clock))
                    patience = Patience(f"a {what} is there to be killed")
                    while not programs.kill(what, whom):
                        patience.wait(0)
                        whom = programs.victim(what)
                programs.look()
            arrived = _arrive(programs, clock, people, ENDS)
            worked = time.monotonic() - begun
            drained = _drain(programs, clock)
            told = _await_news(programs, clock, people)
        finally:
            programs.stop()
            redis.stop(1)
    return {
        "moves": len(people.acknowledged),
        "kills": {name: programs.kills[name] for name in ("worker", "child", "redis")},
        "clock_set_back": len(ahead_at),
        "came_back": dict(programs.came_back),
        "kills_with_work_waiting": waiting,
        "seconds": round(worked, 1),
        "arrived_s": arrived,
        "drained_s": drained,
        "told_and_mailed_s": told,
        **counted(
            company_id=people.company.pk,
            acknowledged=people.acknowledged,
            letters=Path(os.environ["FAULTS_LETTERS"]),
            now=clock.now(),
        ),
    }


def _kills(moves: int, workers: int, redis_kills: int, rng: random.Random) -> dict[int, str]:
    """After which move what is killed: evenly over the run, in a seeded order."""
    kinds = ["worker"] * (workers - workers // 2) + ["child"] * (workers // 2)
    kinds += ["redis"] * redis_kills
    if len(kinds) >= moves:
        raise ValueError("Every kill needs a move of its own.")
    rng.shuffle(kinds)
    return {(i + 1) * moves // (len(kinds) + 1): what for i, what in enumerate(kinds)}


def _aheads(people: "People", moves: int, steps: int, backs: int) -> dict[int, datetime]:
    """Before which moves the clock runs ahead past which closing: a day before the first ones."""
    from benchmarks.faults_company import BEGINS, ENDS
    from metrics.calc.calendar import final_at, quarters_between

    company = people.company
    quarters = quarters_between(company.local_day(BEGINS), company.local_day(ENDS), 1)[:backs]
    closings = [final_at(quarter, company.settle_days, company.zone) for quarter in quarters]
    eve = [(closing - timedelta(days=1) - BEGINS) / (ENDS - BEGINS) for closing in closings]
    return {
        int(share * moves) // steps * steps: closing
        for share, closing in zip(eve, closings, strict=True)
    }


def _run_ahead(programs: Programs, clock: MovedClock, people: "People", closing: datetime) -> None:
    """The clock runs ahead past a closing, workers close the quarter by it, and it is set back.

    What waits to be mailed is mailed before: by a clock that leaps a week it would be too old.
    """
    _settle(programs, clock, people)
    right, begun = clock.now(), time.monotonic()
    clock.set(closing + timedelta(hours=1))
    patience = Patience("workers close the quarter by the clock that ran ahead")
    while _behind(clock):
        programs.look()
        patience.wait(0.1)
    clock.set(right + timedelta(seconds=time.monotonic() - begun))


def _send_to(url: str) -> None:
    """This process, the web of the run, sends its messages to the Redis of the run."""
    from config.celery import app

    app.conf.broker_url = url


def _await_work(programs: Programs) -> None:
    """Until a worker has answered a beat: before that nobody is there to be killed."""
    patience = Patience("a worker came up (see the logs in the folder of the run)")
    while True:
        programs.look()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM metrics_lease")
            if cursor.fetchone() != (0,):
                return
        patience.wait(0.1)


def _behind(clock: MovedClock) -> list[Any]:
    from metrics.services.sweep import behind

    return behind(now=clock.now())


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


def _waits(clock: MovedClock, people: "People", *, since: timedelta) -> bool:
    """Is a quarter overdue, or a version untold or unmailed, for so long by this clock?"""
    from benchmarks.faults_counting import inside

    with inside(people.company.pk), connection.cursor() as cursor:
        cursor.execute(_WAITING, {"since": clock.now() - since})
        return bool(cursor.fetchone()[0])


def _move_on(programs: Programs, clock: MovedClock, people: "People", target: datetime) -> None:
    """Set the clock to the target, by leaps; while something waits for long, it waits too.

    Raises Stuck where what waits never ends.
    """
    patience = Patience("what waits for three days of the clock is done")
    while clock.now() < target:
        if _waits(clock, people, since=WAIT):
            programs.look()
            wake(people.company.pk)  # as a change would: the days go faster than the sweeps
            patience.wait(0.3)
        else:
            clock.set(min(target, clock.now() + LEAP))
            patience = Patience("what waits for three days of the clock is done")


def _arrive(programs: Programs, clock: MovedClock, people: "People", end: datetime) -> float | None:
    """Seconds in which the clock came to the end of the run; None where it did not."""
    begun = time.monotonic()
    try:
        _move_on(programs, clock, people, end)
    except Stuck:
        return None
    return round(time.monotonic() - begun, 1)


def _drain(programs: Programs, clock: MovedClock) -> float | None:
    """Seconds from the last kill until no quarter is behind; None where one is stuck."""
    while time.monotonic() - programs.last_kill < PATIENCE:
        programs.look()
        if not _behind(clock):
            return round(time.monotonic() - programs.last_kill, 1)
        time.sleep(0.1)
    return None


def _await_news(programs: Programs, clock: MovedClock, people: "People") -> float | None:
    """Seconds until all versions were told and all letters handed over; None where one is stuck.

    Then one more round of the news, in which nothing may come a second time.
    """
    begun = time.monotonic()
    try:
        _settle(programs, clock, people)
    except Stuck:
        return None
    settled = time.monotonic() - begun
    clock.set(clock.now() + timedelta(seconds=60))
    time.sleep(NEWS_EVERY + 1)
    return round(settled, 1)


def _settle(programs: Programs, clock: MovedClock, people: "People") -> None:
    """Until all versions are told and all letters handed over."""
    patience = Patience("every version is told and mailed")
    while _waits(clock, people, since=timedelta()):
        programs.look()
        patience.wait(0.5)
        # The lease of the news lasts fifty seconds: the clock need not wait for it.
        clock.set(clock.now() + timedelta(seconds=20))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("moves", "workers", "redis_kills", "backs", "seed"):
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
