"""Wake the worker after a change of facts. The figures live above this app: by name only."""

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError


def wake(company_id: int) -> None:
    """After the commit, ask for the company's figures to be brought up to date.

    A message that cannot be sent is no fault of the change: the sweep finds what is behind.
    """

    def send() -> None:
        try:
            current_app.send_task(
                "metrics.recompute_behind", args=[company_id], retry=False, expires=60
            )
        except OperationalError:
            return

    transaction.on_commit(send)
