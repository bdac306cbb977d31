"""`python -m benchmarks.faults_celery worker|beat ...`: the product's Celery by a moved clock.

Everything is as in the product but for what brings news: asked every five seconds instead of
every minute, for a run that lasts minutes.
"""

import os
import sys
from pathlib import Path

from benchmarks.moved_clock import MovedClock

NEWS_EVERY = 5.0  # seconds


def main(arguments: list[str]) -> None:
    MovedClock(Path(os.environ["FAULTS_CLOCK"])).install()
    from config.celery import app

    schedule = {name: dict(entry) for name, entry in app.conf.beat_schedule.items()}
    schedule["news"]["schedule"] = NEWS_EVERY
    app.conf.beat_schedule = schedule
    app.start(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
