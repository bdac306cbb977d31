"""The programs of the fault run: kept running, and killed without warning."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from config.launch.places import REPOSITORY
from config.launch.processes import Process
from config.launch.redis_server import Redis
from config.launch.supervisor import python

STEADY = 1.0  # seconds a worker has had a child before it is worth killing
DOWN = 0.3  # seconds that a killed Redis stays away: what is sent meanwhile is lost
PACE = 1.2  # seconds between two kills, or nobody would ever be at work
PATIENCE = 120.0  # seconds after which what still waits is called stuck


class Stuck(RuntimeError):
    """Something that must happen did not, for so long that it never will."""


class Patience:
    """Raises Stuck where a loop waits for longer than anything may take."""

    def __init__(self, waits_for: str) -> None:
        self._until = time.monotonic() + PATIENCE
        self._waits_for = waits_for

    def wait(self, seconds: float) -> None:
        if time.monotonic() > self._until:
            raise Stuck(f"{self._waits_for}: not within {PATIENCE:.0f} s")
        time.sleep(seconds)


class Programs:
    """Two workers, two beats and a Redis that keeps nothing, started again whenever down."""

    def __init__(self, folder: Path, redis: Redis, seed: int) -> None:
        self._redis = redis
        self._redis_gone: float | None = None
        self._rng = random.Random(seed)
        self._commands: dict[str, Sequence[str | Path]] = {}
        self._programs: dict[str, Process] = {}
        self._steady_since: dict[str, float] = {}
        self._folder = folder
        self._environment = {**os.environ, "REDIS_URL": redis.url}
        self.last_kill = time.monotonic()
        self.kills: Counter[str] = Counter()
        self.came_back: Counter[str] = Counter()
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
        self._steady_since.pop(name, None)

    def look(self) -> None:
        """Start again what is down, as the supervisor of a machine does."""
        now = time.monotonic()
        for name, program in list(self._programs.items()):
            if program.code() is not None:
                self.came_back[name.split("-")[0]] += 1
                self._start(name)
            elif name.startswith("worker") and _children(program.pid):
                self._steady_since.setdefault(name, now)
        if self._redis_gone is not None and now - self._redis_gone > DOWN:
            self._start_redis_empty()

    def victim(self, what: str) -> str:
        """Whom to kill next; waits until one is there, steady, and somebody has been at work."""
        patience = Patience(f"a {what} comes up, to be killed")
        while True:
            self.look()
            now = time.monotonic()
            if what == "redis":
                steady = ["redis"] if self._redis_gone is None else []
            else:
                since = sorted(self._steady_since.items())
                steady = [name for name, at in since if now - at > STEADY]
            if steady and now - self.last_kill > PACE:
                return self._rng.choice(steady)
            patience.wait(0.02)

    def kill(self, what: str, name: str) -> bool:
        """SIGKILL a `worker` with all it started, a worker's `child` alone, or `redis`.

        False where it is gone already: it was not killed, and is not counted.
        """
        if what == "redis":
            pid = self._redis.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            self._redis_gone = time.monotonic()
        else:
            program = self._programs[name]
            children = _children(program.pid)
            if program.code() is not None or not children:
                return False
            if what == "child":
                os.kill(children[0], signal.SIGKILL)
                self._steady_since.pop(name, None)
            else:
                os.killpg(program.pid, signal.SIGKILL)
                patience = Patience(f"{name} is gone after a kill -9")
                while program.code() is None:
                    patience.wait(0.01)
                self._start(name)
        self.kills[what] += 1
        self.last_kill = time.monotonic()
        return True

    def _start_redis_empty(self) -> None:
        patience = Patience("Redis is gone after a kill -9")
        while self._redis.code() is None:
            patience.wait(0.01)
        for kept in self._redis.folder.glob("append*"):  # a folder since Redis 7
            if kept.is_dir():
                shutil.rmtree(kept)
            else:
                kept.unlink()
        self._redis.start()
        self._redis_gone = None

    def stop(self) -> None:
        """End them all; nobody needs an orderly end of what can be killed at any time."""
        for program in self._programs.values():
            program.end()


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]
