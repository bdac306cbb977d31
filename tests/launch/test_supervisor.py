"""The supervisor with small programs in place of the real ones."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from config.launch.places import REPOSITORY
from tests.launch.conftest import is_alive, wait_until

# A part that writes down its start and end, with a child of its own in the same group.
PART = """
import os, signal, subprocess, sys, time
name, folder = sys.argv[1:3]
def note(what):
    with open(f"{folder}/events", "a") as events:
        events.write(f"{name} {what}\\n")
def stop(*_):
    note("stops")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(f"{folder}/{name}.pids", "a") as pids:
    pids.write(f"{os.getpid()}\\n{child.pid}\\n")
note("starts")
while True:
    time.sleep(0.02)
"""

DRIVER = """
import sys
from pathlib import Path
from config.launch import supervisor as s
from config.launch.processes import watched
from config.launch.refusal import Refusal

folder = Path(sys.argv[1])
s.FIRST_PAUSE = 0.05
looked_after = s.Supervisor(grace=5)

def part(name, code):
    return s.Program(name, [sys.executable, "-c", code, name, str(folder)],
                     environment=lambda: dict(s.os.environ), folder=folder,
                     log=folder / f"{name}.log")

with looked_after.signals():
    try:
        with watched(grace=1):
            try:
                {body}
            finally:
                looked_after.stop()
    except s.Interrupted:
        print("interrupted", flush=True)
    except Refusal as refusal:
        print(refusal, flush=True)
"""

TWO_PARTS = """
                looked_after.add(part("first", PART))
                while not (folder / "first.pids").exists():
                    pass
                looked_after.add(part("second", PART))
                looked_after.watch(every=0.02)
"""


def drive(folder: Path, body: str) -> subprocess.Popen[str]:
    code = DRIVER.replace("{body}", textwrap.dedent(body).strip().replace("\n", "\n" + " " * 16))
    return subprocess.Popen(
        [sys.executable, "-c", f"PART = {PART!r}\n{code}", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def pids_of(folder: Path, *names: str) -> list[int]:
    files = [folder / f"{name}.pids" for name in names]
    return [int(line) for file in files if file.exists() for line in file.read_text().split()]


def events_of(folder: Path) -> list[str]:
    file = folder / "events"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_stops_all_in_reverse_order_and_leaves_nothing(
    tmp_path: Path, how: signal.Signals
) -> None:
    driver = drive(tmp_path, TWO_PARTS)
    try:
        assert wait_until(lambda: "second starts" in events_of(tmp_path))
        driver.send_signal(how)
        printed, _ = driver.communicate(timeout=15)
    finally:
        driver.kill()
    assert driver.returncode == 0
    assert printed.strip() == "interrupted"
    events = events_of(tmp_path)
    assert events[:2] == ["first starts", "second starts"]
    assert sorted(events[2:]) == ["first stops", "second stops"]
    left = pids_of(tmp_path, "first", "second")
    assert len(left) == 4
    assert wait_until(lambda: not any(map(is_alive, left)))


def test_a_supervisor_that_is_killed_leaves_nothing_either(tmp_path: Path) -> None:
    driver = drive(tmp_path, TWO_PARTS)
    assert wait_until(lambda: "second starts" in events_of(tmp_path))
    driver.kill()
    driver.communicate(timeout=15)
    left = pids_of(tmp_path, "first", "second")
    assert len(left) == 4
    assert wait_until(lambda: not any(map(is_alive, left)))


def test_a_part_that_falls_is_started_again_and_said(tmp_path: Path) -> None:
    driver = drive(tmp_path, TWO_PARTS)
    try:
        assert wait_until(lambda: "second starts" in events_of(tmp_path))
        fallen, child = pids_of(tmp_path, "first")
        os.kill(fallen, signal.SIGKILL)
        assert wait_until(lambda: events_of(tmp_path).count("first starts") == 2)
        assert not is_alive(child)  # what the fallen one had started is not kept beside the new
        driver.send_signal(signal.SIGINT)
        printed, _ = driver.communicate(timeout=15)
    finally:
        driver.kill()
    assert "The first stopped (SIGKILL); starting it again" in printed
    assert not any(map(is_alive, pids_of(tmp_path, "first", "second")))


def test_pauses_grow_between_falls(tmp_path: Path) -> None:
    body = """
        looked_after.add(part("weak", "import sys; print('no luck'); sys.exit(3)"))
        looked_after.watch(every=0.02)
    """
    driver = drive(tmp_path, body)
    try:
        assert wait_until(lambda: (tmp_path / "weak.log").exists())
        time.sleep(1.2)
        driver.send_signal(signal.SIGTERM)
        printed, _ = driver.communicate(timeout=15)
    finally:
        driver.kill()
    falls = printed.count("The weak stopped (exit code 3)")
    assert 2 <= falls <= 6  # 0.05 s, 0.1, 0.2, 0.4, 0.8: not a storm
    assert "no luck" in printed


def test_a_part_that_never_starts_ends_the_start_with_its_log(tmp_path: Path) -> None:
    body = """
        looked_after.add(part("weak", "import sys; print('no luck'); sys.exit(3)"))
        while True:
            looked_after.look(starting=True)
    """
    driver = drive(tmp_path, body)
    try:
        printed, _ = driver.communicate(timeout=20)
    finally:
        driver.kill()
    assert "The weak does not start (exit code 3)" in printed
    assert "no luck" in printed


def test_one_that_will_not_stop_is_killed_and_a_second_signal_hurries(tmp_path: Path) -> None:
    stubborn = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "open(sys.argv[2] + '/stubborn.pids', 'w').write(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    body = f"""
        looked_after._grace = 60
        looked_after.add(part("stubborn", {stubborn!r}))
        looked_after.watch(every=0.02)
    """
    driver = drive(tmp_path, body)
    try:
        assert wait_until(lambda: bool(pids_of(tmp_path, "stubborn")))
        driver.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert driver.poll() is None
        driver.send_signal(signal.SIGINT)
        driver.communicate(timeout=15)
    finally:
        driver.kill()
    assert not any(map(is_alive, pids_of(tmp_path, "stubborn")))


def test_a_program_starts_again_when_an_engine_came_back_elsewhere(tmp_path: Path) -> None:
    engine = "import time; time.sleep(0.6)"
    body = f"""
        address = ["here"]
        def moved():
            address[0] = "there"
        looked_after.on_return = moved
        program = part("program", PART)
        program._environment = lambda: {{**s.os.environ, "ADDRESS": address[0]}}
        looked_after.add(program)
        looked_after.add(part("engine", {engine!r}))
        looked_after.watch(every=0.02)
    """
    driver = drive(tmp_path, body)
    try:
        assert wait_until(lambda: events_of(tmp_path).count("program starts") >= 2)
        latest = pids_of(tmp_path, "program")[-2]
        environment = Path(f"/proc/{latest}/environ").read_bytes()
        assert b"ADDRESS=there" in environment
        driver.send_signal(signal.SIGINT)
        printed, _ = driver.communicate(timeout=15)
    finally:
        driver.kill()
    assert "The program starts again with the new address." in printed
