"""One supervisor: starts the parts in order, starts again what falls over, stops all in order."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from config.launch.processes import Process
from config.launch.refusal import Refusal

FIRST_PAUSE = 1.0  # seconds before a fallen part starts again; doubled each time
LONGEST_PAUSE = 30.0
STEADY_AFTER = 60.0  # a part that ran so long has recovered: its next pause is short again
FALLS_AT_START = 3  # as many falls before all was ready mean that it never will be


class Interrupted(BaseException):
    """Ctrl-C, or the signal of a service manager: not an error, the way to stop."""


class Part(Protocol):
    """What the supervisor looks after: an engine or a program."""

    name: str

    def start(self) -> None: ...
    def code(self) -> int | None: ...
    def stop(self, grace: float) -> None: ...


class Program:
    """A part that is one command of ours."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        environment: Callable[[], Mapping[str, str]],
        folder: Path,
        log: Path,
    ) -> None:
        self.name = name
        self.log = log
        self._argv = list(argv)
        self._environment = environment  # asked at each start: an engine may have moved
        self._folder = folder
        self._process: Process | None = None
        self._started_with: dict[str, str] = {}

    def start(self) -> None:
        self._started_with = dict(self._environment())
        self._process = Process(
            self._argv, environment=self._started_with, folder=self._folder, log=self.log
        )

    @property
    def outdated(self) -> bool:
        """Does it run with addresses that no longer hold?"""
        return self.running and dict(self._environment()) != self._started_with

    def code(self) -> int | None:
        return self._process.code() if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.code() is None

    def signal(self) -> None:
        if self._process:
            self._process.signal()

    def stop(self, grace: float) -> None:
        if self._process:
            self._process.stop(grace)
            self._process = None


def say(text: str = "") -> None:
    print(text, flush=True)


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, indented, for a sentence that refers to them."""
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, log.stat().st_size - 8192))
            kept = stream.read().decode(errors="replace").strip().splitlines()[-lines:]
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in kept)


class Supervisor:
    """Parts in the order in which they start; they stop in the reverse of it."""

    def __init__(self, *, grace: float = 20.0) -> None:
        self.on_return: Callable[[], None] = lambda: None  # a part has started again
        self._parts: list[Part] = []
        self._grace = grace
        self._falls: dict[str, int] = {}
        self._started_at: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._stopping = False
        self._hurried = False

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Ctrl-C, SIGTERM and a closed terminal raise Interrupted once; more of them hurry."""
        names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {name: signal.signal(name, self._heard) for name in names}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            self._hurried = True
            return
        self._stopping = True
        raise Interrupted

    def add(self, part: Part) -> None:
        """Start a part and look after it from now on."""
        self._parts.append(part)
        self._started_at[part.name] = time.monotonic()
        part.start()

    def look(self, *, starting: bool = False) -> None:
        """Start again what has fallen over, each after its pause; raises Refusal at a start
        that will not come right."""
        now = time.monotonic()
        for part in self._parts:
            if part.name in self._due:
                if now >= self._due[part.name]:
                    del self._due[part.name]
                    self._start_again(part)
                continue
            code = part.code()
            if code is None:
                continue
            if now - self._started_at[part.name] > STEADY_AFTER:
                self._falls[part.name] = 0
            falls = self._falls[part.name] = self._falls.get(part.name, 0) + 1
            log = getattr(part, "log", None)
            said = tail(log) if isinstance(log, Path) and code > 0 else ""
            if starting and falls >= FALLS_AT_START:
                raise Refusal(
                    f"{_the(part)} does not start ({_ending(code)}). Its log is {log}:\n{said}"
                )
            pause = _pause(falls)
            say(f"  {_the(part)} stopped ({_ending(code)}); starting it again in {pause:.0f} s.")
            if said and not starting:
                say(said)
            self._due[part.name] = now + pause

    def _start_again(self, part: Part) -> None:
        part.stop(0)  # what its fallen head has left of it
        self._started_at[part.name] = time.monotonic()
        try:
            part.start()
        except Refusal as refusal:
            say(f"  {refusal}")
            falls = self._falls[part.name] = self._falls.get(part.name, 0) + 1
            self._due[part.name] = time.monotonic() + _pause(falls)
            return
        self.on_return()
        for program in [other for other in self._parts if isinstance(other, Program)]:
            if program.outdated:  # an engine came back under another address
                say(f"  The {program.name} starts again with the new address.")
                program.stop(self._grace)
                program.start()

    def watch(self, every: float = 0.25) -> None:
        """Look after the parts until interrupted."""
        while True:
            self.look()
            time.sleep(every)

    def stop(self) -> None:
        """Stop all parts: programs are asked together, then engines one by one.

        A second Ctrl-C ends the waiting; what is left is killed. Nothing stays behind.
        """
        self._stopping = True
        programs = [part for part in reversed(self._parts) if isinstance(part, Program)]
        for program in programs:
            program.signal()
        deadline = time.monotonic() + self._grace
        while time.monotonic() < deadline and not self._hurried:
            if not any(program.running for program in programs):
                break
            time.sleep(0.05)
        for part in reversed(self._parts):
            part.stop(0 if part in programs or self._hurried else self._grace)
        self._parts.clear()


def _the(part: Part) -> str:
    return f"The {part.name}" if part.name.islower() else part.name  # PostgreSQL, Redis


def _pause(falls: int) -> float:
    return min(FIRST_PAUSE * 2.0 ** min(falls - 1, 10), LONGEST_PAUSE)


def _ending(code: int) -> str:
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"


def run_to_end(
    argv: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    answer: Path | None = None,
) -> int:
    """Run one command to its end; an interruption ends it too.

    Its output goes to `log`; where `answer` is given, its standard output goes there.
    """
    process = Process(argv, environment=environment, folder=folder, log=log, answer=answer)
    try:
        while (code := process.code()) is None:
            time.sleep(0.02)
        return code
    finally:
        process.stop(5)


def python(*arguments: str | Path) -> list[str | Path]:
    """This Python, for a command of the project."""
    return [sys.executable, *arguments]


def environment_without(*names: str, **more: str) -> dict[str, str]:
    """Our environment, less what a program must not see, plus what it is to see."""
    return {k: v for k, v in {**os.environ, **more}.items() if k not in names}
